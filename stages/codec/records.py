"""Records: a coded stream in a file, picture by picture; who reads it trusts nothing in it.

    file    = head record*
    head    = "CLNPLSEM" version width height rate time_base, their crc32                     (HEAD)
    record  = "\\x00PIC" size pts duration number kind key, their crc32, that of the bytes, bytes   (RECORD)

Numbers are little-endian. A record of no bytes stands for a picture that was not coded: the one before lasts. After
damage a reader finds the next record by its mark and its checksum.
"""

from __future__ import annotations

import os
import struct
from collections.abc import Iterator
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import BinaryIO
from zlib import crc32

from pipeline.frame import FrameSpec
from stages.codec.packet import KINDS

MAGIC = b"CLNPLSEM"
VERSION = 1
MARK = b"\x00PIC"
HEAD = struct.Struct("<8sBxxxIIQQQQ")
RECORD = struct.Struct("<4sIqqqBBxx")
SUM = struct.Struct("<I")
WHOLE = RECORD.size + 2 * SUM.size
MOST_BYTES = 1 << 26  # of one picture
MOST_SIDE = 16384
CHUNK = 1 << 16


class RecordError(Exception):
    """No such file, or not one that can be read; in half a sentence."""


@dataclass(frozen=True)
class Head:
    """What holds for the whole stream."""

    width: int
    height: int
    rate: Fraction
    time_base: Fraction

    @classmethod
    def of(cls, spec: FrameSpec) -> Head:
        return cls(spec.width, spec.height, _short(spec.rate), _short(spec.time_base))

    def pack(self) -> bytes:
        ratios = (*self.rate.as_integer_ratio(), *self.time_base.as_integer_ratio())
        data = HEAD.pack(MAGIC, VERSION, self.width, self.height, *ratios)
        return data + SUM.pack(crc32(data))

    @classmethod
    def unpack(cls, data: bytes) -> Head:
        """Raises RecordError."""
        if not data.startswith(MAGIC):
            raise RecordError("does not begin as a coded stream does")
        if len(data) < HEAD.size + SUM.size:
            raise RecordError("ends within its head")
        _, version, width, height, *ratios = HEAD.unpack_from(data)
        if SUM.unpack_from(data, HEAD.size)[0] != crc32(data[: HEAD.size]):
            raise RecordError("its head is damaged")
        if version != VERSION:
            raise RecordError(f"is of version {version}: made by a later program")
        if not (0 < width <= MOST_SIDE and 0 < height <= MOST_SIDE and all(ratios)):
            raise RecordError(f"says {width}x{height} pixels at {ratios}")
        return cls(width, height, Fraction(*ratios[:2]), Fraction(*ratios[2:]))


@dataclass(frozen=True, slots=True)
class Record:
    """One picture, `number` of the stream; `broken`: its bytes are not those that were written, or not all."""

    data: bytes
    pts: int
    duration: int
    kind: str = KINDS[0]
    key: bool = False
    number: int = 0
    broken: bool = False

    def pack(self) -> bytes:
        kind = KINDS.index(self.kind)
        head = RECORD.pack(MARK, len(self.data), self.pts, self.duration, self.number, kind, self.key)
        return head + SUM.pack(crc32(head)) + SUM.pack(crc32(self.data)) + self.data


def _short(ratio: Fraction) -> Fraction:
    """What 64 bits on either side can hold."""
    return ratio if max(ratio.as_integer_ratio()) < 1 << 64 else ratio.limit_denominator(1 << 40)


def is_recorded(path: str) -> bool:
    """Whether a file begins as a coded stream."""
    try:
        with open(path, "rb") as file:
            return file.read(len(MAGIC)) == MAGIC
    except (OSError, ValueError):
        return False


def read_head(file: BinaryIO) -> Head:
    """Raises RecordError."""
    return Head.unpack(file.read(HEAD.size + SUM.size))


def read_records(file: BinaryIO) -> Iterator[Record]:
    """What follows the head, in order. A record whose head is damaged is passed over, and all up to the next one."""
    while data := file.read(WHOLE):
        if (found := _head_of(data)) is None:
            file.seek(1 - len(data), os.SEEK_CUR)
            if not _seek_mark(file):
                return
            continue
        size, checksum, empty = found
        body = file.read(size)
        yield replace(empty, data=body, broken=len(body) < size or crc32(body) != checksum)


def _head_of(data: bytes) -> tuple[int, int, Record] | None:
    """How many bytes follow, their checksum, and the record without them; None where that is no head."""
    if len(data) < WHOLE or not data.startswith(MARK):
        return None
    mine, theirs = (SUM.unpack_from(data, RECORD.size + at)[0] for at in (0, SUM.size))
    _, size, pts, duration, number, kind, key = RECORD.unpack_from(data)
    if mine != crc32(data[: RECORD.size]) or size > MOST_BYTES or kind >= len(KINDS):
        return None
    return size, theirs, Record(b"", pts, duration, KINDS[kind], bool(key), number)


def _seek_mark(file: BinaryIO) -> bool:
    """Go to the next mark; False where there is none."""
    while True:
        at, chunk = file.tell(), file.read(CHUNK)
        if (found := chunk.find(MARK)) >= 0:
            file.seek(at + found)
            return True
        if len(chunk) < CHUNK:
            return False
        file.seek(1 - len(MARK), os.SEEK_CUR)  # a mark may lie across two chunks
