"""Pace: how many segments at a time are best here; found by doing the first ones in different ways."""

from __future__ import annotations

from collections.abc import Mapping

LEAST = 8
"""Segments that must be left for it to be worth while to measure."""


class Pace:
    """Says how many lanes to use next. Measured is whole segments, loading included: frames, also those that only warm
    up, divided by seconds from when a lane was given to them."""

    def __init__(self, fixed: int | None, processors: int, known: Mapping[str, float], todo: int) -> None:
        """`fixed`: what the user wants; `known`: frames/s by number of lanes, from earlier."""
        self._candidates = sorted({1, min(2, processors), processors if processors <= 4 else processors // 4})
        self._speeds = dict(known)
        self._fixed = fixed
        if fixed is None and todo < LEAST and not known:
            self._fixed = min(2, processors)

    @property
    def speeds(self) -> dict[str, float]:
        return dict(self._speeds)

    @property
    def lanes(self) -> int:
        """How many to use for what comes next."""
        if self._fixed is not None:
            return self._fixed
        if (trial := self.trial) is not None:
            return trial
        return max(self._candidates, key=lambda lanes: self._speeds[str(lanes)])

    @property
    def trial(self) -> int | None:
        """Which number of lanes is to be measured now; None where all is known or was decided."""
        if self._fixed is not None:
            return None
        return next((lanes for lanes in self._candidates if str(lanes) not in self._speeds), None)

    def measured(self, lanes: int, frames: int, seconds: float) -> None:
        """As many segments as there are lanes were done side by side: `frames` in all."""
        self._speeds[str(lanes)] = round(frames / max(seconds, 1e-9), 3)
