"""What is asked of `infill`, and whether it was met."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from benchmarks.goals import Goal

QUALITY = (
    Goal("gain_db", 1.5, "dB nearer to the truth than Telea, mean over pictures and clips"),
    Goal("worst_gain_db", -1.0, "the same of the one that came out worst"),
    Goal("edges_share", 0.8, "distance of the histograms of gradients from the truth's, by Telea's", at_least=False),
)
BEST = {
    "cpu": Goal("best_ms", 60.0, "ms for a crop of 256x256, the fastest", at_least=False),
    "cuda": Goal("best_ms", 1.0, "ms for a crop of 256x256, the fastest", at_least=False),
}
ALIKE = Goal("most_levels", 2.0, "levels by which the engines differ in float32, at most anywhere", at_least=False)


def judged(figures: Mapping[str, float], goals: tuple[Goal, ...]) -> dict[str, dict[str, Any]]:
    """{name: {value, asked, says, met}} of each goal whose figure is there."""
    return {
        goal.name: {
            "value": figures[goal.name],
            "asked": goal.asked,
            "says": goal.says,
            "met": goal.met(figures[goal.name]),
        }
        for goal in goals
        if goal.name in figures
    }
