"""Order: whether a packet of H.264 is the one that follows, by the numbers that its pictures bear.

FFmpeg goes on after a gap with whatever picture it has at hand, and says nothing of it; its decoder of H.265 refuses.
"""

from __future__ import annotations

import re

_UNIT = re.compile(rb"\x00\x00\x01")
SLICE, KEY, PARAMETERS = 1, 5, 7  # types of units: Rec. ITU-T H.264, table 7-1
HIGH = (100, 110, 122, 244, 44, 83, 86, 118, 128)  # profiles that say more of their samples: 7.3.2.1.1
LOOKED_AT = 64  # bytes of a unit: more than its head takes


class Order:
    """Follows `frame_num` (Rec. ITU-T H.264, 7.4.3) through one stream."""

    def __init__(self) -> None:
        self._bits = 0  # of a number; 0: not known
        self._next = 0

    def follows(self, data: bytes) -> bool:
        """Whether the packet's first slice is of a key picture, or bears the number that is next."""
        for found in _UNIT.finditer(data):
            unit = data[found.end() : found.end() + LOOKED_AT]
            if not unit:
                return False
            kind, kept = unit[0] & 0x1F, bool(unit[0] & 0x60)
            if kind == PARAMETERS:
                self._bits = _number_bits(_Bits(unit))
            elif kind in (SLICE, KEY):
                return self._is_next(_Bits(unit), key=kind == KEY, kept=kept)
        return False

    def _is_next(self, head: _Bits, *, key: bool, kept: bool) -> bool:
        head.skip(8)
        for _ in range(3):  # the first block, the kind of slice, its parameters
            head.exponential()
        number = head.read(self._bits)
        right = number == (0 if key else self._next)
        self._next = (number + kept) % (1 << self._bits)
        return right


class _Bits:
    """The head of a unit, bit by bit; 0 beyond its end."""

    def __init__(self, unit: bytes) -> None:
        plain = unit.replace(b"\x00\x00\x03", b"\x00\x00")  # bytes that only keep start codes out: 7.4.1
        self._value = int.from_bytes(plain.ljust(LOOKED_AT, b"\x00"), "big")
        self._left = 8 * LOOKED_AT

    def read(self, count: int) -> int:
        self._left = max(0, self._left - count)
        return self._value >> self._left & ((1 << count) - 1)

    def skip(self, count: int) -> None:
        self._left = max(0, self._left - count)

    def exponential(self) -> int:
        """An Exp-Golomb code: 9.1."""
        zeros = 0
        while self._left and not self.read(1):
            zeros += 1
        return (1 << zeros) - 1 + self.read(zeros)


def _number_bits(head: _Bits) -> int:
    """How many bits a picture's number has, by a sequence's parameters."""
    head.skip(8)
    profile = head.read(8)
    head.skip(16)
    head.exponential()  # its own number
    if profile in HIGH:
        if head.exponential() == 3:  # colours are not halved
            head.skip(1)
        head.exponential(), head.exponential()  # the depths of luma and of chroma
        head.skip(1)
        if head.read(1):  # lists of scales: no encoder of ours writes them
            return 0
    return min(head.exponential() + 4, 16)
