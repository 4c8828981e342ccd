"""`cleanplate models`: what models there are, and their weights fetched, checked and carried to other machines."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterable
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from pipeline.cli.complete import models
from pipeline.errors import ConfigError, RunError, SetupError

if TYPE_CHECKING:
    from models.manifest import Verdict
    from models.registry import Listing

Names = Annotated[
    list[str] | None, typer.Argument(help="Names from `models list`.", show_default=False, autocompletion=models)
]
Cache = Annotated[Path | None, typer.Option(help="Cache folder to use; also CLEANPLATE_CACHE.", show_default=False)]
Offline = Annotated[bool, typer.Option("--offline", help="Never use the network; also CLEANPLATE_OFFLINE=1.")]
Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="No progress.")]
Debug = Annotated[bool, typer.Option("--debug", help="Show tracebacks.")]

LIST_HELP = """List the models, and whether their weights are here; a file of the right size passes for the right one.

Examples:

  cleanplate models list

  cleanplate models list --json
"""
FETCH_HELP = """Fetch weights, each checked against its SHA-256; what was cut off is gone on with.

Examples:

  cleanplate models fetch lama yolo11s-seg

  cleanplate models fetch --from /media/stick
"""
VERIFY_HELP = """Read every weights file that is here and compare it with its SHA-256. Exit code 1 if one is damaged.

Examples:

  cleanplate models verify

  cleanplate models verify --manifest /media/stick/manifest.json
"""
MANIFEST_HELP = """Write a list of the weights that are here, for a machine without a network.

Examples:

  cleanplate models manifest --copy /media/stick

  cleanplate models manifest lama > manifest.json
"""

app = typer.Typer(no_args_is_help=True)


@app.callback()
def common() -> None:
    """Options before any command."""


@app.command("list", help=LIST_HELP)
def show(
    as_json: Annotated[bool, typer.Option("--json", help="One JSON array, for programs.")] = False,
    cache: Cache = None,
    debug: Debug = False,
) -> None:
    _use(cache)
    from models.registry import catalogue
    from models.weights import weights_folder

    entries = catalogue(hashed=False)
    if as_json:
        print(json.dumps([asdict(entry) for entry in entries], indent=2))
    else:
        print(table(entries))
        print(f"\nWhat is fetched lies in {weights_folder()}")


@app.command("fetch", help=FETCH_HELP)
def fetch(
    names: Names = None,
    everything: Annotated[bool, typer.Option("--all", help="Fetch all of them.")] = False,
    source: Annotated[
        Path | None, typer.Option("--from", help="Folder that the files were carried in; no network is used.")
    ] = None,
    offline: Offline = False,
    cache: Cache = None,
    quiet: Quiet = False,
    debug: Debug = False,
) -> None:
    _use(cache)
    from models.known import KNOWN
    from pipeline.cli.weights import bring, names_of

    if not (names or everything or source):
        raise ConfigError("models fetch: say which, or --all; `cleanplate models list` shows what there is")
    wanted = list(KNOWN) if everything else names_of(names or [])
    if source is not None:
        _take(source, wanted)
        return
    if not wanted:
        print(f"cleanplate: {', '.join(names or [])}: needs no weights", file=sys.stderr)
    failures: list[RunError] = []
    for name in wanted:
        try:
            print(bring(name, offline=offline, quiet=quiet))
        except RunError as error:
            failures.append(error)
    if failures:
        raise RunError("; ".join(map(str, failures)))


@app.command("verify", help=VERIFY_HELP)
def verify(
    names: Names = None,
    manifest: Annotated[Path | None, typer.Option(help="Check the files beside this manifest instead.")] = None,
    cache: Cache = None,
    debug: Debug = False,
) -> None:
    _use(cache)
    verdicts = _against(manifest, names or []) if manifest else _here(names or [])
    good = True
    for verdict in verdicts:
        print(f"{'PASS' if verdict.good else 'FAIL'}  {verdict.name:<14} {verdict.detail}", flush=True)
        good = good and verdict.good
    if not good:
        raise typer.Exit(1)


@app.command("manifest", help=MANIFEST_HELP)
def manifest(
    names: Names = None,
    into: Annotated[
        Path | None, typer.Option("--copy", help="Copy the files and their manifest.json into this folder.")
    ] = None,
    cache: Cache = None,
    debug: Debug = False,
) -> None:
    _use(cache)
    from models.base import ModelError
    from models.manifest import make, pack
    from pipeline.cli.weights import names_of

    try:
        chosen = names_of(names) if names else _present()
        found = pack(chosen, into) if into else make(chosen)
    except ModelError as error:
        raise SetupError(str(error)) from error
    except OSError as error:
        raise RunError(f"--copy {into}: {error.strerror}") from error
    print(found.model_dump_json(indent=2))


def table(entries: Iterable[Listing]) -> str:
    """The catalogue for people: one line a model, and what to do about the files that are damaged."""
    lines = [f"{'NAME':<14} {'TASK':<9} {'WEIGHTS':<9} {'CHECKSUM':<10} {'SIZE':>9}  {'LICENCE':<17} SOURCE"]
    notes = []
    for entry in entries:
        size = f"{entry.size / 1e6:.1f} MB" if entry.size else "-"
        state = entry.state if entry.weights else "none"
        lines.append(
            f"{entry.name:<14} {entry.task:<9} {state:<9} {entry.checksum or '-':<10} {size:>9}  "
            f"{entry.licence:<17} {entry.source}"
        )
        if entry.state == "damaged":
            notes.append(entry.detail)
    return "\n".join(lines + (["", *notes] if notes else []))


def _use(cache: Path | None) -> None:
    if cache is not None:
        os.environ["CLEANPLATE_CACHE"] = str(cache.absolute())


def _present() -> list[str]:
    from models import weights

    return [name for name in weights.KNOWN if weights.status(name, hashed=False).state != "missing"]


def _take(source: Path, wanted: list[str]) -> None:
    """Copy what was carried in a folder to where it belongs: the wanted, or all of it."""
    from models import weights
    from models.base import ModelError
    from models.manifest import carried

    try:
        there = carried(source)
        names = wanted or list(there)
        lacking = [weights.KNOWN[name].basename for name in names if name not in there]
        if lacking or not names:
            raise RunError(f"--from {source}: holds no {', '.join(lacking) or 'weights file that is known'}")
        for name in names:
            print(weights.adopt(name, *there[name]))
    except ModelError as error:
        raise RunError(str(error)) from error


def _here(names: list[str]) -> Iterable[Verdict]:
    """A verdict on each of the named weights, or on all that are here."""
    from models import weights
    from models.manifest import Verdict
    from pipeline.cli.weights import names_of

    for name in names_of(names) if names else _present():
        status = weights.status(name)
        whose = f" ({weights.trust(name)})" if status.state == "present" else ""
        yield Verdict(status.state == "present", name, status.detail + whose)


def _against(manifest: Path, names: list[str]) -> Iterable[Verdict]:
    from models.base import ModelError
    from models.manifest import check, read

    try:
        listed = read(manifest)
    except ModelError as error:
        raise ConfigError(f"--manifest {error}") from error
    unknown = set(names) - {line.name for line in listed.weights}
    if unknown:
        raise ConfigError(f"--manifest {manifest}: lists no {', '.join(sorted(unknown))}")
    return (verdict for verdict in check(listed, manifest.parent) if not names or verdict.name in names)
