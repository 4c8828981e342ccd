"""Whether a file is as long as its own container says; knows three container families, and no picture."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import BinaryIO

MAX_BOXES = 1_000_000
_EBML = b"\x1a\x45\xdf\xa3"
_SEGMENT = b"\x18\x53\x80\x67"


def missing_bytes(path: str) -> int:
    """How many bytes the container promises beyond the end of the file; 0 where it promises nothing."""
    with open(path, "rb") as file:
        head = file.read(12)
        file.seek(0)
        return max(0, _measure(head)(file) - os.fstat(file.fileno()).st_size)


def _measure(head: bytes) -> Callable[[BinaryIO], int]:
    if head[:4] == b"RIFF":
        return _riff_end
    if head[:4] == _EBML:
        return _matroska_end
    if head[4:8] in (b"ftyp", b"moov", b"mdat", b"wide", b"free", b"skip", b"styp"):
        return _boxes_end
    return lambda file: 0


def _riff_end(file: BinaryIO) -> int:
    """AVI: chunks of `id, size (little endian), data`; a large one is a row of RIFF chunks."""
    end = 0
    for _ in range(MAX_BOXES):
        file.seek(end + end % 2)
        head = file.read(8)
        size = int.from_bytes(head[4:], "little")
        if head[:4] != b"RIFF" or size in (0, 0xFFFFFFFF):  # written to a pipe: nobody went back to fill it in
            break
        end += end % 2 + 8 + size
    return end


def _boxes_end(file: BinaryIO) -> int:
    """MP4 and MOV: boxes of `size (big endian), type, data`; size 1: 64 bits follow, size 0: up to the end."""
    end = 0
    for _ in range(MAX_BOXES):
        file.seek(end)
        head = file.read(16)
        if len(head) < 8 or not head[4:8].isalnum():
            return end
        size = int.from_bytes(head[:4], "big")
        if size == 1:
            size = int.from_bytes(head[8:16], "big")
        if size < 8:
            return end
        end += size
    return end


def _matroska_end(file: BinaryIO) -> int:
    """Matroska and WebM: an EBML header and one Segment, whose size may be unknown."""
    file.seek(len(_EBML))
    size, length = _vint(file)
    if size is None:
        return 0
    file.seek(len(_EBML) + length + size)
    if file.read(4) != _SEGMENT:
        return 0
    size, _ = _vint(file)
    return 0 if size is None else file.tell() + size


def _vint(file: BinaryIO) -> tuple[int | None, int]:
    """An EBML number and its length in bytes: as many as the first byte has leading zero bits, plus one."""
    first = file.read(1)
    if not first or first == b"\0":
        return None, 0
    length = 9 - first[0].bit_length()
    raw = first + file.read(length - 1)
    value = int.from_bytes(raw, "big") & ((1 << 7 * length) - 1)
    return (None if value == (1 << 7 * length) - 1 else value), length
