"""The goals of the transport: what was asked of each figure, and whether it was met."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Goal:
    """What is asked of one figure: at least so much, or at most. `says` names it in a table."""

    name: str
    goal: float
    says: str
    at_least: bool = True

    def met(self, value: float) -> bool:
        return value >= self.goal if self.at_least else value <= self.goal

    @property
    def asked(self) -> str:
        """As in a table: `at least 0.98`."""
        return f"at {'least' if self.at_least else 'most'} {self.goal:g}"


def _most(name: str, goal: float, says: str) -> Goal:
    return Goal(name, goal, says, at_least=False)


GOALS = (
    _most("hop_per_memcpy", 1.6, "a hop of a 720p frame, in memcpys of it"),
    _most("hop_1080p_per_240p", 1.1, "a hop at 1080p, in hops at 320x240"),
    Goal("frames_per_s_no_op", 1600, "frames/s through four stages that do nothing"),
    _most("control_ms_per_frame", 0.6, "ms of control per frame, over three hops"),
    _most("runtime_bytes_copied_per_frame", 0, "bytes of a frame that the runtime copies"),
    Goal("overlap", 0.98, "three stages of the same time in a row: rate, in rates of one"),
    Goal("scaling_4_workers", 0.97, "four workers of a 40 ms stage: rate, in fourfold rates of one"),
    Goal("two_devices", 0.95, "stages on two devices: rate, in rates of the slower alone"),
    Goal("overload_output", 0.98, "four times too many frames: rate, in rates of the bottleneck"),
    _most("overload_p99_latency", 2.0, "four times too many frames: p99 latency, in that at half load"),
    _most("e2e_at_half_load", 1.05, "half load: median latency, in sums of the stage times and hops"),
    Goal("two_gpu_stages", 0.9, "two processes on one GPU: rate, in rates of the slower alone"),
    Goal("two_gpu_stages_mps", 0.9, "the same with MPS"),
)
STRETCH = {"frames_per_s_no_op": 3000.0}


def judged(figures: Mapping[str, float]) -> dict[str, dict[str, Any]]:
    """{name: {value, goal, met}} for each goal whose figure is there, and `stretch_met` where more is hoped for."""
    found: dict[str, dict[str, Any]] = {}
    for goal in GOALS:
        if goal.name in figures:
            value = figures[goal.name]
            found[goal.name] = {"value": value, "goal": goal.goal, "met": goal.met(value)}
            if (stretch := STRETCH.get(goal.name)) is not None:
                found[goal.name] |= {"stretch": stretch, "stretch_met": value >= stretch}
    return found
