"""Statistics: what a page plots, made of a run's snapshots (pipeline.status): each is compared to former ones."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from typing import Any

WINDOW_S = 2.0  # over which rates are taken
MOST = 16  # snapshots that are kept
LEVEL = "level: "  # how the stage that inpaints counts frames that it did not do at its best


class Statistics:
    """Feed it snapshots, each with the time at which it came, in seconds of one clock."""

    def __init__(self) -> None:
        self._seen: deque[tuple[float, Mapping[str, Any]]] = deque(maxlen=MOST)

    def add(self, now: float, snapshot: Mapping[str, Any]) -> None:
        self._seen.append((now, snapshot))
        while len(self._seen) > 2 and now - self._seen[1][0] >= WINDOW_S:
            self._seen.popleft()

    @property
    def newest(self) -> Mapping[str, Any] | None:
        return self._seen[-1][1] if self._seen else None

    def message(self, objects: int) -> dict[str, Any]:
        """What pages are told; `objects` are those in the last picture. There must be a snapshot."""
        (then, old), (now, new) = self._seen[0], self._seen[-1]
        frames = new["frames"]
        spent = now - then
        return {
            "type": "stats",
            "t": new["seconds"],
            "rate": round((_out(new) - _out(old)) / spent, 2) if spent > 0 else 0.0,
            "latency_ms": {name: new["latency_ms"].get(name, 0.0) for name in ("p50", "p95")},
            **{name: frames[name] for name in ("accepted", "output", "blanked", "rejected")},
            "dropped": sum(frames["dropped"].values()),
            "level": _level(old, new),
            "objects": objects,
            "stages": [_stage(name, old["stages"].get(name, stage), stage) for name, stage in new["stages"].items()],
        }


def _out(snapshot: Mapping[str, Any]) -> int:
    return int(snapshot["frames"]["output"] + snapshot["frames"]["blanked"])


def _stage(name: str, old: Mapping[str, Any], new: Mapping[str, Any]) -> dict[str, Any]:
    frames, spent = new["frames"] - old["frames"], new["busy_s"] - old["busy_s"]
    return {
        "name": name,
        "queue": new["queue"],
        "busy_ms": round(1000 * spent / frames, 2) if frames > 0 else 0.0,
        "workers": new["wanted"],
        "state": new["state"],
        "dropped": new["dropped"],
    }


def _level(old: Mapping[str, Any], new: Mapping[str, Any]) -> str | None:
    """How well most holes were filled lately, where that was not the best."""
    for name, stage in new["stages"].items():
        before = old["stages"].get(name, {}).get("counts", {})
        lately = {what: number - before.get(what, 0) for what, number in stage["counts"].items()}
        levels: dict[str, int] = {
            what.removeprefix(LEVEL): count for what, count in lately.items() if what.startswith(LEVEL)
        }
        below = sum(levels.values())
        if below and 2 * below >= lately.get("inpainted", below):
            return max(levels, key=levels.__getitem__)
    return None
