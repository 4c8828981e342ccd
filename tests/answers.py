"""Answers that a running pipeline could give to Status, made up; and somebody who gives them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from pipeline.errors import ConfigError
from pipeline.requests import Change, Pause, Request, Resume, Scale, Status

STAGES = {"ingest": (4.2, False), "segmentation": (38.1, True), "plate": (11.3, False), "inpainting": (83.2, True)}
STAGES |= {"output": (9.9, False)}  # milliseconds a frame, and whether several workers may do it


def quantiles(p50: float) -> dict[str, float]:
    return {"p50": p50, "p95": 1.2 * p50, "p99": 1.5 * p50}


def stage(name: str, frames: int, workers: int = 1, **other: Any) -> dict[str, Any]:
    """One stage; its workers have pids that follow from its name's place."""
    busy, scalable = STAGES[name]
    first = 1000 + 100 * list(STAGES).index(name)
    told = {
        "uses": f"stages:{name}", "source": name == "ingest", "sink": name == "output", "scalable": scalable,
        "live": {}, "autoscale": None, "wanted": workers, "queue": 0, "frames": frames,
        "busy_ms": quantiles(busy), "busy_s": frames * busy / 1000, "wait_ms": quantiles(busy / 4),
        "wait_s": frames * busy / 4000, "restarts": 0, "failures": 0, "state": "", "counts": {},
        "dropped": 0, "missed": 0,
        "workers": [
            {"number": at, "pid": first + at, "state": "ready", "frames": frames // workers, "holds": 1}
            for at in range(workers)
        ],
    }  # fmt: skip
    return told | other


def answer(seconds: float = 10.0, frames: int = 230, inpainting: int = 2, **other: Any) -> dict[str, Any]:
    """The five stages of remove-people, after so many seconds and frames."""
    told = {
        "name": "remove-people", "pid": 999, "config": "remove-people", "input": "/videos/street.mp4",
        "output": "/videos/clean.mp4", "phase": "running", "seconds": seconds, "on_full": "block",
        "frames": {"accepted": frames + 9, "output": frames, "blanked": 0, "rejected": 0, "dropped": {},
                   "under_way": 9},
        "ledger_balanced": True, "latency_ms": quantiles(400.0), "hop_us": {"p50": 80.0, "p99": 200.0},
        "control_ms_per_frame": 0.5, "slots": {"total": 14, "free": 5, "quarantined": 0},
        "stages": {name: stage(name, frames, inpainting if name == "inpainting" else 1) for name in STAGES},
        "notes": [], "deaths": [],
    }  # fmt: skip
    told["stages"]["segmentation"]["live"] = {"grow": 8, "classes": ["person"]}
    return told | other


class Speaker:
    """Answers as a run does: takes what it is asked to change, and remembers the requests."""

    def __init__(self, **first: Any) -> None:
        self.told = answer(**first)
        self.asked: list[Request] = []
        self.silent: Callable[[], None] = lambda: None  # raises where it is not to answer

    def ask(self, name: str, request: Request, timeout_s: float = 5.0) -> dict[str, Any]:
        self.asked.append(request)
        self.silent()
        match request:
            case Status():
                return self.told
            case Scale():
                before = self.told["stages"][request.stage]["wanted"]
                self.told["stages"][request.stage]["wanted"] = request.workers
                return {"from": before, "to": request.workers}
            case Change():
                if request.value == "wrong":
                    raise ConfigError(f"{name}: segmentation: {request.field}: not that")
                live = self.told["stages"][request.stage]["live"]
                before, live[request.field] = live[request.field], request.value
                return {"from": before, "to": request.value}
            case Pause() | Resume():
                self.told["phase"] = "paused" if isinstance(request, Pause) else "running"
                return {"frame": self.told["frames"]["accepted"]}
        raise AssertionError(request)

    @property
    def wishes(self) -> list[Request]:
        """What it was asked for, but for how it is."""
        return [request for request in self.asked if not isinstance(request, Status)]
