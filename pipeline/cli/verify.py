"""`cleanplate verify`: is anything left in what came out, and is it still what came out?"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from pipeline.errors import ConfigError

if TYPE_CHECKING:
    from pipeline.cli.verifying import Outcome, Wish
    from pipeline.manifest import Manifest

HELP = """Look over an output once more, harder than the run did, and list what is left in it; or check a manifest.

Faces are looked for by centerface, plates by the search that the run did not use, people and other things by
yolov5s-seg: with a low threshold, in parts of the picture too, and mirrored. What is seen once only and scores low is
taken for a mistake and only counted; with --confidence everything that scores so much is listed. With --against, the
input, a finding counts where the output still shows what the input shows; and what is found in the input counts where
the output does not hide it. With --manifest, what the run knows of each frame is heeded: what a rule keeps, and where
a face, a plate or a sticker was drawn.

Nothing that is left is no promise: a detector misses some. Exit code 0: nothing was found, nothing is altered, and
all could be read; 1 otherwise; 2 and 3 as everywhere. The JSON and the page hold pictures of what is left, so only you
may read them (mode 0600).

--manifest alone checks the chain and every file that it lists, and names the first line or block that was altered.
With an output, the result is added to the chain. Whoever makes a whole manifest anew is only found out by the hash of
its last line, which `run` says at its end: keep that elsewhere, and give it as --head.

Examples:

  cleanplate verify covered.mp4 --against street.mp4 --html left.html

  cleanplate verify covered.mp4 --classes face,plate,person --every 5 --json -

  cleanplate verify covered.mp4 --against street.mp4 --repair better.mp4

  cleanplate verify --manifest covered.jsonl

  cleanplate verify covered.mp4 --manifest covered.jsonl
"""


def verify(
    output: Annotated[str | None, typer.Argument(help="The file that came out.", show_default=False)] = None,
    against: Annotated[str | None, typer.Option(metavar="INPUT", help="The file that went in.")] = None,
    manifest: Annotated[Path | None, typer.Option(metavar="FILE", help="The manifest of the run.")] = None,
    head: Annotated[str | None, typer.Option(metavar="SHA256", help="The hash that its last line must have.")] = None,
    classes: Annotated[
        str | None, typer.Option(metavar="A,B", help="What to look for; as the manifest says, else face.")
    ] = None,
    detectors: Annotated[str | None, typer.Option(metavar="A,B", help="What looks, in the place of the usual.")] = None,
    confidence: Annotated[
        float | None, typer.Option(min=0.01, max=0.99, help="What scores less is ignored, nothing else is.")
    ] = None,
    every: Annotated[int, typer.Option(min=1, max=1000, help="Look at each so-many-th frame.")] = 1,
    start: Annotated[str | None, typer.Option(help="With --against: the --start of the run.")] = None,
    json: Annotated[str | None, typer.Option(metavar="FILE", help="Write the result there; -: to the screen.")] = None,
    html: Annotated[Path | None, typer.Option(metavar="FILE", help="Write a page with pictures there.")] = None,
    repair: Annotated[
        str | None, typer.Option(metavar="NEW", help="Cover what is left, solid and larger, in a new file; look again.")
    ] = None,
    device: Annotated[str, typer.Option(help="auto, cpu, cuda, cuda:1, ...")] = "auto",
    offline: Annotated[
        bool, typer.Option("--offline", help="Never fetch weights; fail where they are missing.")
    ] = False,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="No progress, no summary.")] = False,
    debug: Annotated[bool, typer.Option("--debug", help="Show tracebacks.")] = False,
) -> None:
    if output is None and manifest is None:
        raise ConfigError("verify what? Give the OUTPUT of a run, or --manifest FILE, or both")
    if head is not None and manifest is None:
        raise ConfigError("--head: goes with --manifest")
    known = _opened(manifest, head)
    if output is None:
        assert known is not None
        _check_manifest(known, json, quiet=quiet)
        return
    wish = _wish(output, against, known, classes, detectors, confidence, every, start, device)
    code = _check_output(wish, known, json, html, repair, offline=offline, quiet=quiet)
    if code:
        raise typer.Exit(code)


def _opened(path: Path | None, head: str | None) -> Manifest | None:
    if path is None:
        return None
    from pipeline.cli import verify_manifest

    known = verify_manifest.opened(path)
    if wrong := verify_manifest.check_head(known, head):
        print(f"cleanplate: {wrong}", file=sys.stderr)
        raise typer.Exit(1)
    return known


def _check_manifest(known: Manifest, json: str | None, *, quiet: bool) -> None:
    from pipeline.cli import verify_manifest, verify_page

    wrongs, rows = verify_manifest.check_files(known, quiet=quiet)
    altered = any(row["state"] == "ALTERED" for row in rows)
    result = "altered" if altered else "not checked" if wrongs else "as it was"
    content = {"manifest": str(known.path), "lines": known.lines, "head": known.head, "result": result, "files": rows}
    if json:
        _write(json, verify_page.dumped(content))
    if not quiet and json != "-":
        print(f"{known.path}: {known.lines} lines, the chain is whole; it ends in {known.head}")
        for row in rows:
            print(f"  {row['what']:<7} {row['name']}: {', '.join(filter(None, (row['state'], row['said'])))}")
    if wrongs:
        print(f"cleanplate: {wrongs[0]}", file=sys.stderr)
        raise typer.Exit(1)


def _wish(
    output: str, against: str | None, known: Manifest | None, classes: str | None, detectors: str | None,
    confidence: float | None, every: int, start: str | None, device: str,
) -> Wish:  # fmt: skip
    """What was asked for; what was not is as the manifest says. Raises ConfigError."""
    from pipeline.cli import verify_manifest
    from pipeline.cli.verifying import Wish
    from stages.ingest.span import parse_time

    run = verify_manifest.stage_fields(known, "classes") if known else {}
    if start is None and known:
        start = verify_manifest.stage_fields(known, "start").get("start")
    try:
        shift = None if start is None else float(parse_time(start))
    except ValueError as error:
        raise ConfigError(f"--start {start}: {error}") from error
    return Wish(
        out=output,
        against=against,
        classes=_words(classes) or tuple(run.get("classes", ())) or ("face",),
        detectors=_words(detectors),
        used=tuple(run.get("detectors", ())),
        confidence=confidence,
        every=every,
        shift=shift,
        device=device,
    )


def _check_output(
    wish: Wish, known: Manifest | None, json: str | None, html: Path | None, repair: str | None,
    *, offline: bool, quiet: bool,
) -> int:  # fmt: skip
    from pipeline.cli import verify_manifest, verify_page, verify_repair
    from pipeline.cli.verifying import fetch, look_over

    if repair:
        verify_repair.check_apart(repair, wish.out, wish.against)
    if known and (wrong := verify_manifest.check_output(known, wish.out)):
        print(f"cleanplate: {wrong}", file=sys.stderr)
        return 1
    fetch(wish, offline=offline, quiet=quiet)
    outcome = look_over(wish, shields=verify_manifest.shields(known, wish.out) if known else None, quiet=quiet)
    if known:
        verify_manifest.append(known, "verified", verify_page.as_json(outcome))
    if repair and outcome.spans:

        def again(new: str, first: Outcome) -> Outcome:
            shields = verify_manifest.shields(known, wish.out) if known else None
            return look_over(verify_repair.beside(first, new), shields=shields, quiet=quiet)

        outcome = verify_repair.repair(outcome, repair, again, quiet=quiet)
        if known:
            verify_manifest.append(known, "repaired", verify_page.as_json(outcome))
    _tell(outcome, json, html, quiet=quiet)
    return 0 if outcome.result == "clean" else 1


def _tell(outcome: Outcome, json: str | None, html: Path | None, *, quiet: bool) -> None:
    from pipeline.cli import verify_page

    content = verify_page.as_json(outcome)
    if html:
        verify_page.write_private(html, verify_page.as_page(content))
    if json:
        _write(json, verify_page.dumped(content))
    if quiet:
        return
    to = sys.stderr if json == "-" else sys.stdout
    for note in outcome.notes:
        print(f"cleanplate: {note}", file=sys.stderr)
    for line in lines(content):
        print(line, file=to)


def lines(content: dict[str, Any]) -> list[str]:
    """The result in a few readable lines."""
    from pipeline.cli.verifying import UNSURE

    left, what = content["left"], ", ".join(content["classes"])
    looked = f"{content['looked']} of {content['frames']} frames looked at by {', '.join(content['detectors'])}"
    more = (
        [f"  {content['unread']} more frames could not be read: nobody has looked at them"] if content["unread"] else []
    )
    unsure = content["dismissed"].get(UNSURE, 0)
    more += [f"  {unsure} sightings were {UNSURE}; --confidence lists them too"] if unsure else []
    if not left:
        return [f"{content['output']}: nothing found that is left ({what}; {looked})", *more]
    found = [f"{content['output']}: {len(left)} left ({what}; {looked})"]
    for one in left[:20]:
        share = "" if one["left"] is None else f", {100 * one['left']:.0f} % of it still shown"
        times = f"{one['first']['time']:.2f} to {one['last']['time']:.2f} s"
        box = ",".join(f"{side:.0f}" for side in one["best"]["box"])
        found.append(f"  {one['class']:<6} {times}, {one['seen']} frames, score {one['score']:.2f}, box {box}{share}")
    return found + ([f"  and {len(left) - 20} more"] if len(left) > 20 else []) + more


def _words(text: str | None) -> tuple[str, ...]:
    return tuple(word.strip() for word in (text or "").split(",") if word.strip())


def _write(where: str, text: str) -> None:
    if where == "-":
        print(text, end="")
        return
    from pipeline.cli.verify_page import write_private

    write_private(Path(where), text)
