"""What surrounds a picture's symbols on the wire: of what stream they are, and whether they are whole."""

from __future__ import annotations

import struct
import zlib
from dataclasses import dataclass

from models.coding import CodingError

MAGIC = b"\xc1\xea"
VERSION = 1
LARGEST_SIDE = 8192  # pixels
LARGEST_AREA = 4096 * 2304  # beyond, the networks take gigabytes
LARGEST_PACKET = 64 << 20  # bytes
NUMBERS = 1 << 16  # pictures after which numbers begin anew
_HEAD = struct.Struct("<2sBBHHHHBBI")  # the last is the CRC-32 of all else


@dataclass(frozen=True, slots=True)
class Packet:
    """One picture: `number` counts them from 0 to 65535 and round; `model` tells networks apart; `region` and
    `background` are quantisers in quarters; `symbols` what the range coder made."""

    key: bool
    number: int
    model: int
    width: int
    height: int
    region: int
    background: int
    symbols: bytes


def packed(packet: Packet) -> bytes:
    """The packet as bytes."""
    fields = (
        MAGIC, VERSION, int(packet.key), packet.model, packet.number, packet.width, packet.height, packet.region,
        packet.background,
    )  # fmt: skip
    head = _HEAD.pack(*fields, 0)[:-4]
    return head + struct.pack("<I", zlib.crc32(packet.symbols, zlib.crc32(head))) + packet.symbols


def unpacked(data: bytes) -> Packet:
    """The packet of these bytes. Raises CodingError: no packet, cut short, changed, or too large a picture."""
    if len(data) < _HEAD.size or data[:2] != MAGIC:
        raise CodingError(f"{len(data)} bytes are no packet of the neural coder")
    if len(data) > LARGEST_PACKET:
        raise CodingError(f"a packet of {len(data)} bytes; at most {LARGEST_PACKET} are read")
    _, version, key, model, number, width, height, region, background, checksum = _HEAD.unpack_from(data)
    if version != VERSION:
        raise CodingError(f"a packet of version {version}; this reads {VERSION}")
    symbols = data[_HEAD.size :]
    if zlib.crc32(symbols, zlib.crc32(data[: _HEAD.size - 4])) != checksum:
        raise CodingError("the packet is damaged or cut short: its checksum is another")
    check_size(width, height)
    return Packet(bool(key), number, model, width, height, region, background, symbols)


def check_size(width: int, height: int) -> None:
    """Raise CodingError for a size that no picture here has."""
    if not (0 < width <= LARGEST_SIDE and 0 < height <= LARGEST_SIDE and width * height <= LARGEST_AREA):
        raise CodingError(f"a picture of {width}x{height}; at most {LARGEST_SIDE} a side and {LARGEST_AREA} in all")
