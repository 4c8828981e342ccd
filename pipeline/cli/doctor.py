"""`cleanplate doctor`: does this machine have what is needed?"""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import Annotated

import typer

from pipeline.masking import masked

HELP = """Look whether this machine has what is needed, and say how to mend what it has not.

Exit code 0 where nothing fails; a warning does not.

Examples:

  cleanplate doctor

  cleanplate doctor --json

  cleanplate doctor --measure

  cleanplate doctor --source rtsp://192.168.1.20/stream1
"""


def doctor(
    as_json: Annotated[bool, typer.Option("--json", help="As JSON.")] = False,
    measured: Annotated[
        bool,
        typer.Option("--measure", help="Measure instead which engine runs the networks fastest: about a minute."),
    ] = False,
    source: Annotated[
        str | None,
        typer.Option(metavar="INPUT", help="Look instead what comes from this input: two seconds of it."),
    ] = None,
) -> None:
    if source is not None:
        from stages.ingest.probe import probe

        found = probe(source)
        print(json.dumps({"input": masked(source), "found": found}) if as_json else found)
        return
    if measured:
        _measure(as_json)
        return
    from pipeline.cli.checkup import examine

    findings = examine()
    if as_json:
        print(json.dumps([asdict(finding) for finding in findings], indent=1))
    else:
        for finding in findings:
            print(f"{finding.verdict:<5} {finding.name:<22} {finding.detail}")
            if finding.fix:
                print(f"      {'':<22} -> {finding.fix}")
    if any(finding.verdict == "FAIL" for finding in findings):
        raise typer.Exit(1)


def _measure(as_json: bool) -> None:
    from pipeline.cli.timing import measure, table

    rows = measure()
    if as_json:
        print(json.dumps([asdict(row) for row in rows], indent=1))
        return
    print("\n".join(table(rows)))
    print("* is what runs where nothing is asked for; --set STAGE.engine=NAME asks for another.")
