"""Packet: one coded picture as it travels in the plane `coded`: a head that says what it is, then its bytes."""

from __future__ import annotations

import struct
from dataclasses import dataclass

from models.coding import CodingError
from pipeline.frame import Image

KINDS = ("h264", "h265", "av1", "semantic")
_HEAD = struct.Struct("<IBBxxq")  # bytes, place in KINDS, whether it is a key picture, number
ROOM = _HEAD.size


@dataclass(frozen=True, slots=True)
class Packet:
    """`number` counts the pictures of a stream from 0: who misses one waits for the next `key`."""

    data: bytes
    kind: str
    key: bool
    number: int

    def put(self, plane: Image) -> None:
        """Into uint8 [N]. Raises CodingError where it has no room."""
        if (end := ROOM + len(self.data)) > len(plane):
            raise CodingError(f"a picture of {len(self.data)} bytes: there is room for {len(plane) - ROOM}")
        head = _HEAD.pack(len(self.data), KINDS.index(self.kind), self.key, self.number)
        plane[:ROOM] = memoryview(head)
        plane[ROOM:end] = memoryview(self.data)

    @classmethod
    def of(cls, plane: Image) -> Packet | None:
        """What lies in uint8 [N]; None where nothing was coded, as in a blank."""
        size, kind, key, number = _HEAD.unpack(plane[:ROOM].tobytes())
        return cls(plane[ROOM : ROOM + size].tobytes(), KINDS[kind], bool(key), number) if size else None


def none_in(plane: Image) -> None:
    """Nothing was coded."""
    plane[:ROOM] = 0
