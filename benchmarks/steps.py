"""Steps: which load is tried next, and whether a pipeline held it. Pure: no clock, no process."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

LADDER = (0.5, 0.7, 0.85, 1.0, 1.15, 1.3, 1.6, 2.0, 2.5, 3.2)  # times the rate that is expected
FINE = 1.06  # how near the lowest rate that failed lies to the highest that held when the search ends
MOST_STEPS = 12
KEPT = 0.99  # of the frames that come in must come out
GROWTH = 1.5  # times the latency at the beginning of the step


@dataclass(frozen=True)
class Step:
    """What became of one load. Rates in frames/s; `early_s` and `late_s`: latency at the beginning and at the end."""

    rate: float
    seconds: float
    accepted: int
    lost: int
    early_s: float
    late_s: float

    @property
    def trouble(self) -> str:
        """Why this rate does not hold, in a few words; nothing where it does."""
        if (self.accepted + 1) / self.seconds < KEPT * self.rate:  # one may fall just outside
            return f"{self.accepted / self.seconds:.1f}/s came in"
        if self.lost > (1 - KEPT) * self.accepted:
            return f"{self.lost} of {self.accepted} lost"
        if self.late_s > GROWTH * self.early_s + 1 / self.rate:
            return f"{1000 * self.early_s:.0f} to {1000 * self.late_s:.0f} ms late"
        return ""


def next_rate(expected: float, tried: Sequence[tuple[float, bool]]) -> float | None:
    """The load to try after these (rate, whether it held); None: the search is over."""
    if len(tried) >= MOST_STEPS:
        return None
    held, failed = highest(tried), min((rate for rate, held in tried if not held), default=math.inf)
    if not held:
        return failed / 2 if tried else LADDER[0] * expected
    if failed <= held:  # it held less before: the lower one was bad luck, or the higher one good luck
        return None
    if failed < math.inf:
        return math.sqrt(held * failed) if failed / held > FINE else None
    return next((step * expected for step in LADDER if step * expected > held * 1.001), None)


def highest(tried: Sequence[tuple[float, bool]]) -> float:
    """The highest rate that held; 0 where none did."""
    return max((rate for rate, held in tried if held), default=0.0)
