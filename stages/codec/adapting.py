"""Adapting: how much of the rate that was wished for a stream may take, by how it gets through and who else sends."""

from __future__ import annotations

from stages.codec.delivery import Delivery

LEAST = 0.02  # of what was wished for: below that a picture says nothing any more
LATE_S = 0.5  # of pictures that wait: the network is slower than the stream
EARLY_S = 0.1
BACK_OFF, HOLD_S = 0.7, 1.0  # what comes of a rate that is too high; then it takes that long until it shows
GROW, GROW_S = 0.04, 0.5  # of what was wished for, every so many seconds
ROOM = 0.95  # of the link: what is full is late
OWN = 0.1  # of the link: what a stream may take however much the others send


class Adapting:
    """Additive increase, multiplicative decrease (Chiu and Jain, 1989), on the share of the rate that was wished for.
    Knows no clock: all times are seconds of the caller's."""

    def __init__(self, rate: float) -> None:
        """`rate`: pictures a second."""
        self._rate = rate
        self._share = 1.0
        self._dropped: float | None = None
        self._next = 0.0  # when it may change again
        self._free = float("inf")
        self.linked = False  # it goes over a network

    @property
    def share(self) -> float:
        """Of the rate that was wished for, LEAST to 1."""
        return self._share

    def delivered(self, told: Delivery, now: float) -> None:
        """How the pictures get through. Where there is no connection, nothing is learned."""
        before, self._dropped, self.linked = self._dropped, told.dropped, told.linked
        if not told.linked or not told.up or before is None:
            return
        delay = told.waiting / self._rate
        if told.dropped > before or delay > LATE_S:
            if now >= self._next or told.dropped > before:
                self._share = max(LEAST, self._share * BACK_OFF)
                self._next = now + HOLD_S
        elif delay < EARLY_S and now >= self._next:
            self._share = min(1.0, self._share + GROW)
            self._next = now + GROW_S

    def beside(self, others: float, link: float) -> None:
        """What all others on this machine send and get, and what the link carries: bits/s, both."""
        self._free = max(OWN * link, ROOM * (link - others))

    def cap(self, wished: float) -> float:
        """Bits/s, of those that were wished for."""
        return min(wished * self._share, self._free)
