"""Do two devices work at the same time? Two stages, each with a device of its own, that leave the processor alone.

They stand for a segmenter (15 ms) and an inpainter (25 ms). `two_devices`: the rate of both together, by that of the
slower one alone. `slower_device_frames_per_s`: the latter. For real kernels on one GPU see `benchmarks.gpu`.
"""

from __future__ import annotations

from benchmarks.trial import WORK, Step, feed, run, take

SEGMENTER_MS = 15.0
INPAINTER_MS = 25.0
WARM = 10
FRAMES = 50


def measure(frames: int = FRAMES, stage: str = WORK) -> dict[str, float]:
    """Together, then the slower one alone; `stage`: the class of both. Raises RunFailed, RunError."""
    quick = Step("segmenter", stage, options={"ms": SEGMENTER_MS})
    slow = Step("inpainter", stage, options={"ms": INPAINTER_MS})
    source, sink = feed(WARM + frames), take()
    together = run([source, quick, slow, sink]).times.after(WARM).rate("take")
    alone = run([source, slow, sink]).times.after(WARM).rate("take")
    return {"two_devices": together / alone, "slower_device_frames_per_s": alone}
