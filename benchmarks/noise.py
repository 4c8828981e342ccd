"""Noise: how much a figure varies by itself, and whether two results differ by more than that."""

from __future__ import annotations

import math
import statistics
from collections.abc import Sequence

# Standard errors that are passed by chance once in ten thousand times, and a result has twenty figures: Student's t by
# degrees of freedom. Few rounds tell little about their own spread.
CERTAIN = {2: 70.7, 3: 22.2, 4: 13.0, 5: 9.68, 6: 8.02, 7: 7.06, 8: 6.44, 10: 5.69, 12: 5.26, 18: 4.65, 30: 4.23}
MAD = 1.4826  # from the median absolute deviation to the standard deviation of a normal distribution
MEDIAN = 1.2533  # the standard error of a median, in that of a mean
# The mean range of so many normal numbers in standard deviations: Tippett, Biometrika 17 (1925) 364.
RANGE = {2: 1.128, 3: 1.693, 4: 2.059, 5: 2.326, 6: 2.534, 7: 2.704, 8: 2.847, 9: 2.970, 10: 3.078}


def deviation(rounds: Sequence[float]) -> float:
    """The standard deviation of one round: the larger of two estimates, as few rounds easily look too much alike."""
    if len(rounds) < 2:
        return 0.0
    middle = statistics.median(rounds)
    by_median = MAD * statistics.median(abs(value - middle) for value in rounds)
    by_range = (max(rounds) - min(rounds)) / RANGE.get(len(rounds), RANGE[10])
    return max(by_median, by_range)


def uncertainty(old: Sequence[float], new: Sequence[float]) -> float:
    """By how much the medians of two series of rounds may differ by chance."""
    errors = (MEDIAN * deviation(rounds) / math.sqrt(max(1, len(rounds))) for rounds in (old, new))
    freedom = len(old) + len(new) - 2
    return CERTAIN[max((df for df in CERTAIN if df <= freedom), default=2)] * math.hypot(*errors)
