"""The words between a pipeline and the web process: records of pictures one way, wishes the other; opens nothing.

A record is u32 big-endian n, n bytes of JSON, and the JPEGs back to back, as the JSON's `pictures` lists them. A wish
is a line of JSON: which views, how wide, how good, and for how many more frames.
"""

from __future__ import annotations

import json
import struct
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, get_args

PageView = Literal["input", "result", "overlay", "mask"]
PAGE_VIEWS: tuple[PageView, ...] = get_args(PageView)

LENGTH = struct.Struct(">I")
MAX_HEAD = 1 << 18  # 256 objects take a fifth of it
MAX_BYTES = 1 << 26  # of all pictures of a record: four of 8K at the best quality take less
MAX_LINE = 4096
MAX_CREDIT = 64
SIDES = (16, 16384)


class WireError(ValueError):
    """What came is no record, or no wish; nothing behind it can be trusted either."""


@dataclass(frozen=True)
class Record:
    """One frame as the page shows it: what is said of it, and its pictures by view."""

    head: dict[str, Any]
    jpegs: dict[str, bytes]


@dataclass(frozen=True)
class Wish:
    """What who watches would like: the views, their width in pixels at most (None: the stream's), JPEG quality."""

    views: tuple[str, ...] = ()
    width: int | None = None
    quality: int = 80


# Records


def pack(head: Mapping[str, Any], jpegs: Mapping[str, bytes]) -> bytes:
    """A record; `pictures` of the head is made from the pictures themselves."""
    pictures = [[name, len(jpeg)] for name, jpeg in jpegs.items()]
    said = json.dumps({**head, "pictures": pictures}, allow_nan=False, separators=(",", ":")).encode()
    return b"".join((LENGTH.pack(len(said)), said, *jpegs.values()))


@dataclass
class Unpacker:
    """Takes a stream of records apart, however it is cut; holds no more than one unfinished record and a piece."""

    _held: bytearray = field(default_factory=bytearray)
    _head: dict[str, Any] | None = None
    _pictures: list[tuple[str, int]] = field(default_factory=list)
    _broken: str = ""

    def feed(self, data: bytes) -> list[Record]:
        """The records that are complete with these bytes. Raises WireError, and again for whatever comes after."""
        if self._broken:
            raise WireError(self._broken)
        self._held += data
        found = []
        try:
            while (record := self._next()) is not None:
                found.append(record)
        except WireError as error:
            self._broken = str(error)
            if not found:
                raise  # else the next call says so: what was whole is not lost
        return found

    def _next(self) -> Record | None:
        if self._head is None and not self._read_head():
            return None
        if self._head is None or len(self._held) < sum(length for _, length in self._pictures):
            return None
        head, self._head = self._head, None
        return Record(head, {name: self._take(length) for name, length in self._pictures})

    def _read_head(self) -> bool:
        if len(self._held) < LENGTH.size:
            return False
        (length,) = LENGTH.unpack_from(self._held)
        if not 2 <= length <= MAX_HEAD:
            raise WireError(f"a head of {length} bytes; 2 to {MAX_HEAD} are one")
        if len(self._held) < LENGTH.size + length:
            return False
        self._take(LENGTH.size)
        head = _object(self._take(length), "a head")
        self._pictures = _pictures(head.get("pictures"))
        self._head = head
        return True

    def _take(self, length: int) -> bytes:
        taken = bytes(memoryview(self._held)[:length])
        del self._held[:length]
        return taken


def _pictures(said: Any) -> list[tuple[str, int]]:
    """Names and lengths, as the head lists them. Raises WireError."""
    if not isinstance(said, list) or len(said) > len(PAGE_VIEWS):
        raise WireError(f"pictures = {_short(said)} is no list of at most {len(PAGE_VIEWS)}")
    found: list[tuple[str, int]] = []
    for one in said:
        if not (isinstance(one, list) and len(one) == 2 and one[0] in PAGE_VIEWS and _is_number(one[1], 0, MAX_BYTES)):
            raise WireError(f"{_short(one)} is no picture's name and length")
        found.append((one[0], one[1]))
    if len(dict(found)) < len(found) or sum(length for _, length in found) > MAX_BYTES:
        raise WireError(f"pictures = {_short(said)}: one is there twice, or all are more than {MAX_BYTES} bytes")
    return found


# Wishes


def wish_line(wish: Wish, credit: int) -> bytes:
    """The line that asks for it, and grants `credit` more frames."""
    asked = {"views": list(wish.views), "width": wish.width, "quality": wish.quality, "credit": credit}
    return json.dumps(asked).encode() + b"\n"


def parse_wish(line: bytes) -> tuple[Wish, int]:
    """The wish, and for how many more frames. Raises WireError."""
    asked = _object(line, "a wish")
    views, width, quality = asked.get("views"), asked.get("width"), asked.get("quality", Wish.quality)
    credit = asked.get("credit", 0)
    if not isinstance(views, list) or not all(view in PAGE_VIEWS for view in views):
        raise WireError(f"views = {_short(views)}: not among {', '.join(PAGE_VIEWS)}")
    if width is not None and not _is_number(width, *SIDES):
        raise WireError(f"width = {_short(width)}: not {SIDES[0]} to {SIDES[1]}, nor null")
    if not _is_number(quality, 1, 100):
        raise WireError(f"quality = {_short(quality)}: not 1 to 100")
    if not _is_number(credit, 0, MAX_CREDIT):
        raise WireError(f"credit = {_short(credit)}: not 0 to {MAX_CREDIT}")
    return Wish(tuple(dict.fromkeys(views)), width, quality), credit


class Lines:
    """Cuts a stream of bytes into lines of at most MAX_LINE bytes."""

    def __init__(self) -> None:
        self._held = b""

    def feed(self, data: bytes) -> list[bytes]:
        """The lines that are complete with these bytes. Raises WireError for one that is too long."""
        *lines, self._held = (self._held + data).split(b"\n")
        if max(map(len, (*lines, self._held))) > MAX_LINE:
            raise WireError(f"a line of more than {MAX_LINE} bytes")
        return [line for line in lines if line.strip()]


def _object(data: bytes, what: str) -> dict[str, Any]:
    try:
        found = json.loads(data, parse_constant=_no_number)
    except (ValueError, RecursionError) as error:
        raise WireError(f"{what} that is no JSON: {_short(data)}") from error
    if not isinstance(found, dict):
        raise WireError(f"{what} that is no JSON object: {_short(data)}")
    return found


def _no_number(name: str) -> None:
    raise ValueError(f"{name} is no number of JSON")


def _is_number(value: Any, least: int, most: int) -> bool:
    """True is 1 to Python, and no number to anybody else."""
    return type(value) is int and least <= value <= most


def _short(value: object) -> str:
    return repr(value)[:60]
