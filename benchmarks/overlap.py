"""Do stages work side by side? Three that take 10 ms each, one behind the other, should bring out one frame each 10 ms.

`overlap`: frames/s at the sink, by the rate of the slowest stage alone (1 / its true mean time, from its own diary).
`overlap_frames_per_s`: the frames/s themselves, to be held against 100.
"""

from __future__ import annotations

from benchmarks.trial import WORK, Step, feed, run, take

MS = 10.0
WARM = 20
FRAMES = 150


def measure(frames: int = FRAMES, stage: str = WORK) -> dict[str, float]:
    """A free source, two transforms and a sink; `stage`: the class of the first two. Raises RunFailed, RunError."""
    row = [Step(name, stage, options={"ms": MS}) for name in ("first", "second")]
    times = run([feed(WARM + frames), *row, take(MS)]).times.after(WARM)
    rate = times.rate("take")
    slowest = max(times.mean_ms(name) for name in ("first", "second", "take"))
    return {"overlap": rate * slowest / 1000, "overlap_frames_per_s": rate}
