"""Curves of quality over bytes compared: BD-rate, BD-PSNR and the worst point; no figure where they cannot be.

G. Bjøntegaard, VCEG-M33 (2001); curves are Akima splines through quality and the logarithm of the rate, as the package
`bjontegaard` (C. Herglotz et al., 2022) lays them.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

FEWEST = 4  # points of a curve
ENOUGH = 0.5  # of the narrower curve's range has to lie within the other's


@dataclass(frozen=True)
class Curve:
    """Points by rising rate: bits per pixel, and what they give (dB, or a score)."""

    rates: Sequence[float]
    values: Sequence[float]

    @classmethod
    def of(cls, points: Sequence[tuple[float, float | None]]) -> Curve:
        """From pairs of rate and value in any order; those without a value are left out."""
        known = sorted((rate, value) for rate, value in points if value is not None)
        return cls([rate for rate, _ in known], [value for _, value in known])

    @property
    def rises(self) -> bool:
        """Does more of the one always give more of the other?"""
        return all(np.diff(self.rates) > 0) and all(np.diff(self.values) > 0)


@dataclass(frozen=True)
class Figure:
    """A number, or why there is none."""

    value: float | None
    why: str = ""

    def facts(self) -> dict[str, float | str | None]:
        return {"value": None if self.value is None else round(self.value, 3), "why": self.why}


def rate_saved(plain: Curve, other: Curve) -> Figure:
    """BD-rate: bytes more (below 0: fewer) that `other` takes for equal quality, per cent, on the average."""
    from bjontegaard import bd_rate

    return _compared(plain, other, (plain.values, other.values), "quality", bd_rate)


def quality_gained(plain: Curve, other: Curve) -> Figure:
    """BD-PSNR (or of another score): how much better `other` is at equal bytes, on the average."""
    from bjontegaard import bd_psnr

    return _compared(
        plain,
        other,
        ([math.log(rate) for rate in plain.rates], [math.log(rate) for rate in other.rates]),
        "rate",
        bd_psnr,
    )


def worst_point(plain: Curve, other: Curve) -> Figure:
    """At the worst of `other`'s points: bytes more than `plain` takes for that quality, per cent.

    Only points within `plain`'s range are judged: nothing is extrapolated."""
    from scipy.interpolate import Akima1DInterpolator

    if why := _unfit(plain, other):
        return Figure(None, why)
    lowest, highest = plain.values[0], plain.values[-1]
    within = [
        (rate, value) for rate, value in zip(other.rates, other.values, strict=True) if lowest <= value <= highest
    ]
    if not within:
        return Figure(None, "no point lies within the plain curve's quality")
    needed = Akima1DInterpolator(plain.values, np.log(plain.rates))
    return Figure(max(100 * math.expm1(math.log(rate) - float(needed(value))) for rate, value in within))


def value_at(curve: Curve, rate: float) -> float | None:
    """What a curve gives at no more than a rate, between two of its points: beyond the last one, what that gives; None
    where even the first takes more."""
    if not curve.rates or rate < curve.rates[0]:
        return None
    return float(np.interp(math.log(rate), np.log(curve.rates), curve.values))


def _compared(
    plain: Curve, other: Curve, spans: tuple[Sequence[float], Sequence[float]], what: str, delta: Callable[..., float]
) -> Figure:
    if why := _unfit(plain, other):
        return Figure(None, why)
    share = _overlap(*spans)
    if share < ENOUGH:
        return Figure(None, f"the curves share {100 * share:.0f} % of the narrower one's {what}: no comparison")
    # The package's own warning measures the overlap against both ranges together, which a wide curve always fails.
    found = delta(plain.rates, plain.values, other.rates, other.values, method="akima",
                  require_matching_points=False, min_overlap=0)  # fmt: skip
    return Figure(float(found))


def _unfit(*curves: Curve) -> str:
    if any(len(curve.rates) < FEWEST for curve in curves):
        return f"fewer than {FEWEST} points"
    return "" if all(curve.rises for curve in curves) else "more bytes do not always give more quality"


def _overlap(one: Sequence[float], other: Sequence[float]) -> float:
    shared = min(max(one), max(other)) - max(min(one), min(other))
    return max(0.0, shared) / min(max(one) - min(one), max(other) - min(other))
