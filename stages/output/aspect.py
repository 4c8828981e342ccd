"""Aspect: the shape of a picture's pixels, written into a finished Matroska file, whose muxer cannot be told it.

The muxer takes it from a field of the stream that PyAV does not reach, and FFV1, VP9 and AV1 do not say it in their
own data as H.264 does. So the track gets a title that is longer than needed, and the room is used afterwards: nothing
in the file moves. Elements of Matroska (RFC 9559) are an id, a length and a body.
"""

from __future__ import annotations

import math
import zlib
from collections.abc import Iterator, Sequence
from fractions import Fraction

from pipeline.errors import RunError
from stages.media import shown

ROOM = " " * 24  # behind the title; two elements of at most seven bytes and one that fills up fit into it
HEAD = 1 << 20  # bytes in which the description of the tracks begins
SEGMENT, TRACKS, ENTRY, NAME, VIDEO = 0x18538067, 0x1654AE6B, 0xAE, 0x536E, 0xE0
DISPLAY_WIDTH, DISPLAY_HEIGHT, DISPLAY_UNIT = 0x54B0, 0x54BA, 0x54B2
VOID, CHECKSUM = 0xEC, 0xBF

Elements = list[tuple[int, bytes]]


def display_size(width: int, height: int, aspect: Fraction) -> tuple[int, int]:
    """The size in square pixels at which a picture is shown: exact where that is near its own size, else rounded."""
    shape = Fraction(width, height) * aspect
    times = math.ceil(max(width / shape.numerator, height / shape.denominator))
    exact = times * shape.numerator, times * shape.denominator
    if exact[0] <= 2 * width and exact[1] <= 2 * height:
        return exact
    return (round(width * aspect), height) if aspect > 1 else (width, round(height / aspect))


def set_display_size(path: str, size: tuple[int, int]) -> None:
    """Write the size at which the first track is shown into a finished file. Raises RunError, OSError."""
    with open(path, "r+b") as file:
        head = file.read(HEAD)
        start, end = _tracks(head, path)
        made = _rewrite(head[start:end], size)
        if len(made) != end - start:
            raise RunError(f"{shown(path)}: no room for the shape of its pixels")
        file.seek(start)
        file.write(made)


def _tracks(head: bytes, path: str) -> tuple[int, int]:
    """Where the body of Tracks begins and ends."""
    for number, start, end in _walk(head, 0):
        if number == SEGMENT:
            for inner, first, last in _walk(head, start):
                if inner == TRACKS and last <= len(head):
                    return first, last
        elif end > len(head):
            break
    raise RunError(f"{shown(path)}: no description of its tracks within {HEAD} bytes")


def _rewrite(body: bytes, size: tuple[int, int]) -> bytes:
    """Tracks with the size in its first entry, as long as before, with a new checksum."""
    parts = [part for part in _parse(body) if part[0] != CHECKSUM]
    at = next(place for place, (number, _) in enumerate(parts) if number == ENTRY)
    entry = [_named(part) for part in _parse(parts[at][1])]
    entry = [(number, _sized(data, size) if number == VIDEO else data) for number, data in entry if data]
    parts[at] = ENTRY, _join(entry)
    checked = _parse(body)[0][0] == CHECKSUM
    made = _fill(_join(parts), len(body) - (6 if checked else 0))
    return _element(CHECKSUM, zlib.crc32(made).to_bytes(4, "little")) + made if checked else made


def _named(part: tuple[int, bytes]) -> tuple[int, bytes]:
    """The title without its room."""
    return (NAME, part[1].rstrip(b" ")) if part[0] == NAME else part


def _sized(video: bytes, size: tuple[int, int]) -> bytes:
    said = (DISPLAY_WIDTH, DISPLAY_HEIGHT, DISPLAY_UNIT)
    kept = [part for part in _parse(video) if part[0] not in said]
    return _join([*kept, *((number, _number(value)) for number, value in zip(said, size, strict=False))])


def _fill(data: bytes, length: int) -> bytes:
    """Add an element that says nothing, up to a length; its own head takes nine bytes."""
    empty = length - len(data) - 9
    return data if empty < 0 else data + bytes([VOID]) + (1 << 56 | empty).to_bytes(8, "big") + bytes(empty)


def _walk(data: bytes, at: int) -> Iterator[tuple[int, int, int]]:
    """The elements from a place on: id, where the body begins, where it ends."""
    while at < len(data) and data[at]:
        length = 9 - data[at].bit_length()
        number = int.from_bytes(data[at : at + length], "big")
        at += length
        if at >= len(data) or not data[at]:
            return
        length = 9 - data[at].bit_length()
        size = int.from_bytes(data[at : at + length], "big") & ((1 << 7 * length) - 1)
        at += length
        yield number, at, at + size
        at += size


def _parse(body: bytes) -> Elements:
    return [(number, body[start:end]) for number, start, end in _walk(body, 0)]


def _join(parts: Sequence[tuple[int, bytes]]) -> bytes:
    return b"".join(_element(number, data) for number, data in parts)


def _element(number: int, data: bytes) -> bytes:
    length = next(length for length in range(1, 9) if len(data) < (1 << 7 * length) - 1)
    size = (1 << 7 * length | len(data)).to_bytes(length, "big")
    return _number(number) + size + data


def _number(value: int) -> bytes:
    return value.to_bytes((value.bit_length() + 7) // 8 or 1, "big")
