"""Rate: which quantiser the next picture of a stream gets, from what those before it took; knows no clock, no encoder.

A picture's bits about halve with six steps of the quantiser, whatever the encoder (`models.coding`). So one number says
how costly a stream is just now: the logarithm of its bits at quantiser 0; and that is learned from every picture.
"""

from __future__ import annotations

import math
from fractions import Fraction
from typing import Protocol

from models.coding import COARSEST, FINEST, Quantiser

HALVING = 6.0  # steps of the quantiser that take half the bits
BACKGROUND = 10.0
TIGHT = 30.0  # the region's quantiser from which the background gives two steps for one of the region
FIRST = 26.0
BEST = 12.0  # finer than this nobody sees, and what is saved is worth more later

PAID_BACK_S = 0.5  # in which what was taken too much is saved again
SAVING_S = (
    1.0  # in which it is saved for a key picture that is due; it is to be there as long before as that lags behind
)
KEY_SHARE_S = 0.25  # of the target's seconds that a key picture may take: half is saved before, half is paid back
SPARE_S = 0.02  # of the target's seconds that a stream which takes less than it may keeps for later
DEBT_S = 1.0  # of the target's seconds: what is owed beyond is let go, or the picture would be bad for too long
LEAST, UTMOST = 0.15, 2.0  # of a picture's mean share
SLOWER, FASTER = 4.0, 1.0  # steps that the quantiser rises and falls at most from picture to picture
LEARNED = 0.25  # how much the last picture counts for what the next one will cost
# Key pictures are seldom seen, so what they cost at another quantiser than the last one's is taken to be more than it
# likely is: if coarser, so many steps for half the bits, if finer, so many.
KEY_COARSER, KEY_FINER = 8.0, 5.0
KEY_COSTS = 2.5  # halvings by which a key picture is taken to cost more, before one was seen


class Loop(Protocol):
    """Chooses quantisers, picture after picture: first `choose`, then `saw` what became of it."""

    background: float
    """By how many steps the background is coarser than the region."""

    def choose(self, *, key: bool = False) -> Quantiser:
        """For the next picture; `key`: it must be a key picture, though none is due."""
        ...

    def saw(self, size: int, *, key: bool, psnr: float) -> None:
        """What the last one took, in bytes, and the PSNR of its region in dB (NaN: it has none)."""
        ...


class Fixed:
    """No loop: always the same quantiser."""

    def __init__(self, quantiser: float, background: float = BACKGROUND) -> None:
        self.quantiser, self.background = quantiser, background

    def choose(self, *, key: bool = False) -> Quantiser:
        return _pair(self.quantiser, self.background)

    def saw(self, size: int, *, key: bool, psnr: float) -> None:
        """It is of no account."""


class FloorLoop:
    """Keeps the region's PSNR at a floor, with no more bytes than that takes."""

    RESERVE = 0.3  # dB above the floor that are aimed at: half a step of the quantiser, and what changes meanwhile

    def __init__(self, floor: float, background: float = BACKGROUND) -> None:
        """`floor` in dB; it may change between two pictures."""
        self.floor, self.background = floor, background
        self._quantiser = FIRST

    def choose(self, *, key: bool = False) -> Quantiser:
        return _pair(self._quantiser, self.background)

    def saw(self, size: int, *, key: bool, psnr: float) -> None:
        if math.isnan(psnr):
            return
        spare = min(psnr, 100.0) - self.floor - self.RESERVE  # a step of the quantiser is about 1 dB
        change = max(spare, -HALVING) if spare < 0 else min(spare / 2, FASTER)
        self._quantiser = _within(self._quantiser + change, FINEST)


class RateLoop:
    """Keeps to a target in bits a second.

    A bucket fills with what pictures take and leaks at the target's rate: what is in it too much is paid back within
    half a second. Before a key picture that is due, half of what it may take is saved, so that no two seconds hold much
    more than their share."""

    def __init__(
        self, rate: Fraction, target: float, period: int, pixels: int, *, background: float = BACKGROUND
    ) -> None:
        """`rate`: pictures a second; `target`: bits a second, may change between two pictures; `period`: pictures from
        one key picture to the next; `pixels` of a picture, for a first guess."""
        self.target, self.background = target, background
        self._rate, self._period = float(rate), period
        self._fill = 0.0  # bits beyond the target's
        self._to_key = 0  # pictures before the next one that is due
        self._quantiser: float | None = None
        # The last key picture's quantiser, and log2 of its bits. A typical one takes a bit for two pixels at FIRST.
        self._key = FIRST, math.log2(pixels / 2)
        # Log2 of the bits that another picture takes at quantiser 0.
        self._cost = self._key[1] + FIRST / HALVING - KEY_COSTS
        self._seen = False
        self._last = FIRST

    def choose(self, *, key: bool = False) -> Quantiser:
        if key or self._to_key == 0:
            # No finer than its neighbours: it would look better than they do, for one picture.
            wanted = max(self._for_key(KEY_SHARE_S * self.target), self._quantiser or BEST)
        else:
            wanted = self._quantiser = self._eased(HALVING * (self._cost - math.log2(self._share())))
        self._last = _within(wanted, BEST)
        return _pair(self._last, self.background + max(0.0, self._last - TIGHT))

    def saw(self, size: int, *, key: bool, psnr: float = math.nan) -> None:
        bits = 8.0 * max(size, 1)
        self._learn(bits, key=key)
        # What is left over beyond what is to be saved is nobody's: spent later, it would be too much at once.
        least = -self._reserve() - SPARE_S * self.target
        self._fill = min(max(self._fill + bits - self.target / self._rate, least), DEBT_S * self.target)
        self._to_key = self._period - 1 if key else max(0, self._to_key - 1)

    def _learn(self, bits: float, *, key: bool) -> None:
        cost = math.log2(bits) + self._last / HALVING
        if key:
            self._key = self._last, math.log2(bits)
            if not self._seen:
                self._cost = cost - KEY_COSTS
        else:
            self._cost += (cost - self._cost) * (LEARNED if self._seen else 1.0)
            self._seen = True

    def _share(self) -> float:
        """Bits for the next picture, which is no key picture."""
        mean = self.target / self._rate
        owed = self._fill + self._reserve()
        return max(1.0, min(max(mean - owed / (PAID_BACK_S * self._rate), LEAST * mean), UTMOST * mean))

    def _reserve(self) -> float:
        """Bits that are to be saved by now for the next key picture: half of what it will take beyond its share."""
        due = self._to_key / self._rate - PAID_BACK_S
        nearness = min(max(0.0, 1 - due / SAVING_S), 1.0)
        quantiser = self._quantiser if self._quantiser is not None else FIRST
        likely = 2 ** (self._key[1] + (self._key[0] - quantiser) / HALVING)
        return nearness * max(0.0, min(likely, KEY_SHARE_S * self.target) - self.target / self._rate) / 2

    def _for_key(self, bits: float) -> float:
        """The quantiser with which a key picture hardly takes more than so many bits."""
        quantiser, seen = self._key
        halvings = seen - math.log2(max(bits, 1.0))
        return quantiser + halvings * (KEY_COARSER if halvings > 0 else KEY_FINER)

    def _eased(self, wanted: float) -> float:
        wanted = _within(wanted, BEST)
        if self._quantiser is None:
            return wanted
        return min(max(wanted, self._quantiser - FASTER), self._quantiser + SLOWER)


def _within(value: float, finest: float) -> float:
    return min(max(value, finest), COARSEST)


def _pair(region: float, coarser: float) -> Quantiser:
    return Quantiser(region, _within(region + coarser, FINEST))
