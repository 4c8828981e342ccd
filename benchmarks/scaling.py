"""What do more workers bring? A stage that takes 40 ms for a frame, with one worker and with four.

`scaling_4_workers`: the rate with four, by four times the rate with one; both counted at the sink, which gets every
frame in order. Frames in another order than they came in are no result but a RunError. `worker_frames_per_s`,
`workers_4_frames_per_s`: the two rates.
"""

from __future__ import annotations

from benchmarks.trial import WORK, Step, feed, run, take
from pipeline.errors import RunError

MS = 40.0
WORKERS = 4
WARM = 8
FRAMES = 24  # for each worker


def rate(workers: int, frames: int = FRAMES, stage: str = WORK) -> float:
    """Frames/s with so many workers of this class, `frames` for each. Raises RunFailed, RunError."""
    steps = [feed(WARM + workers * frames + 1), Step("slow", stage, workers, {"ms": MS}), take()]
    times = run(steps).times.after(WARM)
    if not times.in_order("take"):
        raise RunError(f"{workers} workers: the frames came out in another order than they came in")
    return times.rate("take", every=workers)  # they may all finish at once: whole bursts are counted


def measure(frames: int = FRAMES, stage: str = WORK) -> dict[str, float]:
    """One worker, then four. Raises RunFailed, RunError."""
    one, four = rate(1, frames, stage), rate(WORKERS, frames, stage)
    return {
        "scaling_4_workers": four / one / WORKERS,
        "worker_frames_per_s": one,
        "workers_4_frames_per_s": four,
    }
