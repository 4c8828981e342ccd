"""Where others are better, said in words from the figures alone; knows no measuring."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

HIGHER = frozenset({"frames_per_s", "steady_fps", "whole_db", "inside_db", "outside_db", "recall"})
CLEAR = 0.05  # by less than this share nobody is better; of decibels, by less than so many
CLEAR_DB = 0.3
NEITHER = frozenset({"kb_per_frame"})  # fewer bytes are no better where the picture is another one
QUEUES, SAME = "queues", "cleanplate, same steps"

Content = Mapping[str, Any]


def losses(peers: Content, figures: Mapping[str, tuple[str, str]]) -> list[str]:
    """One line for each of the others that is better in something than ours as shipped, which is the last one."""
    shipped = [one for one in peers.values() if one["ours"]][-1]
    found = []
    for who, one in peers.items():
        better = [_said(key, figures, one, shipped) for key in figures if not one["ours"] and beats(key, one, shipped)]
        if better:
            found.append(f"to **{who}**: {', '.join(better)}")
    return found


def beats(key: str, one: Content, other: Content) -> bool:
    """Whether that figure of the first is clearly the better one; false where one of them has none."""
    left, right = one.get(key), other.get(key)
    if left is None or right is None or key in NEITHER:
        return False
    ahead = left - right if key in HIGHER else right - left
    return bool(ahead > (CLEAR_DB if key.endswith("_db") else CLEAR * abs(right)))


def same_steps(peers: Content) -> str:
    """What the runtime alone does, where the same steps were measured over queues; empty elsewhere."""
    if QUEUES not in peers or SAME not in peers:
        return ""
    ours, theirs = peers[SAME], peers[QUEUES]
    ratios = {key: ours[key] / theirs[key] for key in ("steady_fps", "late_ms", "cpu_ms_per_frame", "peak_mb")}
    return (
        f"The same network and filler, frames in shared memory instead of queues: {ratios['steady_fps']:.2f} times the "
        f"rate, {ratios['late_ms']:.2f} times the latency, {ratios['cpu_ms_per_frame']:.2f} times the CPU and "
        f"{ratios['peak_mb']:.2f} times the memory."
    )


def _said(key: str, figures: Mapping[str, tuple[str, str]], one: Content, other: Content) -> str:
    head, how = figures[key]
    return f"{head} {how.format(one[key])} against {how.format(other[key])}"
