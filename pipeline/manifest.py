"""Manifest: what a run was, what went in and came out, and what was done, as the lines of a chain; and checked again.

    run       who, when, how it ended, the configuration with passwords as stars
    software  this machine and every package that is installed
    model     one line each, with its checksum
    file      input, output or audit: size, SHA-256; followed by `blocks`, the hashes of its blocks
    frames    what became of them
    track     one line each: what was done about it
    end       the last line of the run; `verified` and `repaired` may follow

A file's name is told as seen from the manifest's folder. Nothing in it is a picture.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pipeline import chain
from pipeline.errors import CleanplateError
from pipeline.hashing import FileHash, Hashed, first_difference, hash_file

VERSION = 1
MOST_BLOCKS = 1024  # in one line
AFTER_THE_END = ("verified", "repaired")
AUDIT_BLOCK = 1 << 16  # bytes

Fact = dict[str, Any]


class IncompleteError(CleanplateError):
    """The chain is whole as far as it goes, but the run's last line is not there."""

    exit_code = 1


def file_facts(kind: str, path: str, folder: Path, told: Hashed, **more: Any) -> Iterator[Fact]:
    """The lines about one file; one that cannot be read has a `why` in the place of its hash."""
    name = os.path.relpath(path, folder)
    block = {"block": AUDIT_BLOCK} if kind == "audit" else {}
    try:
        found = hash_file(Path(path), told, **block)
    except (OSError, KeyboardInterrupt) as error:
        why = "interrupted" if isinstance(error, KeyboardInterrupt) else error.strerror
        yield {"kind": "file", "what": kind, "name": name, "sha256": None, "why": why, **more}
        return
    facts = {"kind": "file", "what": kind, "name": name, "size": found.size, "sha256": found.sha256}
    yield facts | {"block": found.block, **more}
    for at in range(0, len(found.blocks), MOST_BLOCKS):
        yield {"kind": "blocks", "of": name, "from": at, "sha256": list(found.blocks[at : at + MOST_BLOCKS])}


@dataclass
class Listed:
    """A file that a manifest lists; `was` is None where it could not be hashed then."""

    what: str
    name: str
    path: Path
    was: FileHash | None
    line: int


@dataclass
class Manifest:
    """What a manifest says that is whole. `head` is the hash of its last line."""

    path: Path
    head: str
    lines: int
    run: Fact
    files: list[Listed]
    tracks: int
    frames: Fact

    def file(self, what: str, path: str | os.PathLike[str] | None = None) -> Listed | None:
        """The listed file of that kind, at that path where one is given."""
        for one in self.files:
            if one.what == what and (path is None or os.path.realpath(one.path) == os.path.realpath(path)):
                return one
        return None


def read(path: Path) -> Manifest:
    """Check the chain of a manifest and take it in. Raises chain.BrokenError, IncompleteError, OSError."""
    found = Manifest(path, chain.START, 0, {}, [], 0, {})
    blocks: dict[str, list[str]] = {}
    ended = False
    for number, (head, fact) in enumerate(chain.read(path), 1):
        found.head, found.lines = head, number
        kind = fact.get("kind")
        if (number == 1) != (kind == "run") or (ended and kind not in AFTER_THE_END):
            raise chain.BrokenError(number, f"{kind!r} has no place there")
        _take(found, number, fact, blocks)
        ended = ended or kind == "end"
    if not ended:
        raise IncompleteError(f"the manifest ends at line {found.lines}, without the line that ends a run: cut short")
    for one in found.files:
        if one.was is not None:
            was = one.was
            one.was = FileHash(was.size, was.sha256, tuple(blocks.get(f"{one.what} {one.name}", ())), was.block)
    return found


def _take(found: Manifest, number: int, fact: Fact, blocks: dict[str, list[str]]) -> None:
    match fact.get("kind"):
        case "run":
            if fact.get("manifest") != VERSION:
                raise CleanplateError(f"{found.path}: version {fact.get('manifest')}, but this reads {VERSION}")
            found.run = fact
        case "file":
            was = None
            if fact.get("sha256"):
                was = FileHash(int(fact["size"]), fact["sha256"], (), int(fact["block"]))
            place = found.path.parent / fact["name"]
            found.files.append(Listed(fact["what"], fact["name"], place, was, number))
        case "blocks":
            last = found.files[-1] if found.files else None
            if last is None or last.name != fact["of"]:
                raise chain.BrokenError(number, "blocks of no file")
            blocks.setdefault(f"{last.what} {last.name}", []).extend(fact["sha256"])
        case "track":
            found.tracks += 1
        case "frames":
            found.frames = fact


def altered(found: Manifest, told: Hashed = lambda *_: None) -> Iterator[tuple[Listed, str, bool]]:
    """Each file with what is to be said of it ("": it is as it was), and whether that is an alteration.

    An input may have been deleted since, as it should be: that is said, and is none. Of an output or an audit that was
    not hashed nobody can say that it is as it was."""
    for one in found.files:
        if one.was is None:
            yield one, "was not hashed", one.what != "input"
            continue
        try:
            difference = first_difference(one.path, one.was, told)
        except FileNotFoundError:
            yield one, "is not there", one.what != "input"
            continue
        except OSError as error:
            yield one, f"cannot be read ({error.strerror})", True
            continue
        yield one, str(difference or ""), difference is not None


def ending(lines: Mapping[str, int]) -> Fact:
    """The last line of a run: how many there are of each kind."""
    return {"kind": "end", "lines": dict(lines)}
