"""`cleanplate verify --manifest`: is the chain whole, are the files those that it lists; and what its audit knows."""

from __future__ import annotations

import gzip
import heapq
import itertools
import json
import os
import sys
from collections.abc import Container, Iterator
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pipeline.errors import CleanplateError, ConfigError

if TYPE_CHECKING:
    from pipeline.manifest import Manifest
    from stages.privacy.review import Shield

DRAWN = ("face", "template", "sticker", "remove")  # effects in which a detector may well find something
INSIDE = 0.5  # of a finding's box, that lies in an object's
LONGEST = 1_000_000  # characters of a line of the audit
MOST_APART = 1024  # lines, that a frame may stand from its place


def opened(path: Path) -> Manifest:
    """The manifest, its chain checked. Raises CleanplateError: exit code 1 for what was altered, 2 for no such file."""
    from pipeline import chain, manifest

    try:
        return manifest.read(path)
    except OSError as error:
        raise ConfigError(f"--manifest {path}: cannot be read ({error.strerror})") from error
    except (chain.BrokenError, manifest.IncompleteError) as error:
        error.args = (f"{path}: {error}",)
        raise
    except (KeyError, TypeError, ValueError) as error:
        raise CleanplateError(f"{path}: is not a manifest of this version ({error})") from error


def check_files(found: Manifest, *, quiet: bool) -> tuple[list[str], list[dict[str, Any]]]:
    """What is wrong with the files, and what is to be said of each."""
    from pipeline.manifest import altered

    rows: list[dict[str, Any]] = []
    wrongs: list[str] = []
    for one, said, wrong in altered(found, _teller(quiet)):
        unknown = one.was is None or (said and not wrong)
        word = "not checked" if unknown else "ALTERED" if wrong else "as it was"
        wrongs += [f"{one.name}: {said}"] if wrong else []
        rows.append({"what": one.what, "name": one.name, "state": word, "said": said, "line": one.line})
    return wrongs, rows


def check_head(found: Manifest, head: str | None) -> str:
    """What is wrong with the last line's hash, "" where nothing is."""
    if head is None or head.lower() == found.head:
        return ""
    return (
        f"{found.path}: ends in {found.head}, not in {head}: lines were added or taken away at its end, or it is anew"
    )


def check_output(found: Manifest, out: str) -> str:
    """What is wrong with the output that is to be looked over, "" where nothing is. Raises ConfigError."""
    from pipeline.hashing import first_difference

    listed = found.file("output", out)
    if listed is None or listed.was is None:
        raise ConfigError(f"--manifest {found.path}: lists no output {out}")
    try:
        difference = first_difference(Path(out), listed.was)
    except OSError as error:
        raise ConfigError(f"{out}: cannot be read ({error.strerror})") from error
    return f"{out}: {difference}; it is not what the manifest lists" if difference else ""


def append(found: Manifest, kind: str, content: dict[str, Any]) -> str:
    """Add what a look has found, without its pictures; the chain's new last hash. Raises CleanplateError."""
    from pipeline import chain
    from pipeline.hashing import hash_file

    left = [{key: one[key] for key in ("class", "first", "last", "seen", "score", "left")} for one in content["left"]]
    names = (
        "against",
        "result",
        "classes",
        "detectors",
        "models",
        "every",
        "frames",
        "looked",
        "unread",
        "unmatched",
        "further",
    )
    facts = {key: content[key] for key in names}
    facts["output"] = os.path.relpath(content["output"], found.path.absolute().parent)
    if kind == "repaired":
        made = hash_file(Path(content["output"]))
        facts |= {"size": made.size, "sha256": made.sha256}
    now = datetime.now().astimezone().isoformat(timespec="seconds")
    try:
        return chain.append(found.path, {"kind": kind, "at": now, **facts, "left": left[:1000], "count": len(left)})
    except OSError as error:
        raise CleanplateError(f"{found.path}: nothing can be added ({error.strerror})") from error


# What a manifest knows of a run


def stage_fields(found: Manifest, name: str) -> dict[str, Any]:
    """The fields of the first stage that has one of that name."""
    for stage in found.run.get("configuration", {}).get("stages", ()):
        if name in stage.get("with", {}):
            fields: dict[str, Any] = stage["with"]
            return fields
    return {}


def shields(found: Manifest, out: str) -> Iterator[Shield] | None:
    """Of each frame in that output, what the audit says of its places; None where there is no audit."""
    listed = found.file("audit")
    if listed is None or not listed.path.exists():
        return None
    usual = str(stage_fields(found, "effect").get("effect", "solid"))
    way = _way(found, out)
    lines = in_order(shown_lines(listed.path), way, known=bool(way))
    return (_shield(line.get("objects", ()), usual) for line in lines)


def _way(found: Manifest, out: str) -> list[str]:
    """The stages from the source to the sink that wrote that output; none where several may have."""
    stages = {stage["name"]: stage for stage in found.run.get("configuration", {}).get("stages", ())}
    base = os.path.basename(out)
    ends = [name for name, stage in stages.items() if os.path.basename(str(stage["with"].get("output", ""))) == base]
    way = ends if len(ends) == 1 else []
    while way and (above := stages.get(way[-1], {}).get("after")) and above not in way:
        way.append(above)
    return way


def in_order(lines: Iterator[dict[str, Any]], way: Container[str], *, known: bool = True) -> Iterator[dict[str, Any]]:
    """The frames that came out there as they follow each other: with several sinks they have their fates in another
    order. `way`: the stages on it, `known` or not. Ends where the place of a frame cannot be told: nothing is dismissed
    by what was known of another one."""
    waiting: list[tuple[int, int, dict[str, Any]]] = []
    last = -1
    for number, line in enumerate(itertools.chain(lines, itertools.repeat(None))):
        if line is not None:
            heapq.heappush(waiting, (int(line["i"]), number, line))
            if len(waiting) <= MOST_APART:
                continue
        if not waiting:
            return
        at, _, first = heapq.heappop(waiting)
        missed = first.get("missed", ())
        if at <= last or (missed and not known):
            return
        last = at
        if not any(stage in way for stage in missed):
            yield first


def shown_lines(path: Path) -> Iterator[dict[str, Any]]:
    """The lines of an audit about frames that came out, in order; as many as are whole."""
    with gzip.open(path, "rt") as file:
        try:
            while line := file.readline(LONGEST):
                fact = json.loads(line)
                if fact.get("verdict") in ("clean", "blanked") and fact.get("out", True):
                    yield fact
        except (EOFError, ValueError):
            return  # a run that was killed


def _shield(objects: Any, usual: str) -> Shield:
    from pipeline.actions import OWN, effect_of
    from pipeline.frame import KEPT
    from stages.privacy import review
    from stages.privacy.sightings import overlap

    def shield(name: str, box: tuple[float, float, float, float]) -> str:
        area = max(1.0, (box[2] - box[0]) * (box[3] - box[1]))
        for _, _, flags, *place in objects:
            if overlap(box, (place[0], place[1], place[2], place[3])) < INSIDE * area:
                continue
            if flags & KEPT:
                return review.KEPT
            effect = effect_of(flags)
            if (usual if effect == OWN else effect) in DRAWN:
                return f"{usual if effect == OWN else effect} drawn over it, says the audit"
        return ""

    return shield


def _teller(quiet: bool) -> Any:
    last = ""

    def told(name: str, done: int, total: int) -> None:
        nonlocal last
        if not quiet and total > 1 << 30 and name != last:
            last = name
            print(f"cleanplate: hashing {name}, {total / 1e9:.1f} GB", file=sys.stderr)

    return told
