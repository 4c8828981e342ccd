"""Probe: one line about what comes from an address, for `doctor`; it reads for a second or two and keeps nothing."""

from __future__ import annotations

import time

import numpy as np

from pipeline.frame import Frame
from pipeline.masking import masked
from pipeline.stage import Context
from stages.ingest import Auto
from stages.ingest.arrival import TIME_BASE
from stages.ingest.feed import Feed

LOOK_S = 1.5


class Hasty(Context):
    """Has a source leave after a while."""

    until = float("inf")

    def asked_to_leave(self) -> bool:
        return self.leaving or time.monotonic() > self.until


def probe(address: str, timeout: float = 10.0) -> str:
    """What comes: codec, size, rate, how soon. Raises SetupError, ConfigError, with the way out."""
    kind = Auto.pick(address)
    fields = {"input": address, "timeout": timeout}
    source = kind.model_validate({name: value for name, value in fields.items() if name in kind.model_fields})
    source._context = context = Hasty()
    begun = time.monotonic()
    try:
        spec = source.open()
        took = time.monotonic() - begun
        words = [f"{spec.width}x{spec.height}", f"first picture after {took:.1f} s"]
        if isinstance(source, Feed):
            words.insert(0, {"wrapped_avframe": "drawn"}.get(source.codec, source.codec))
            source._frame = Frame({"image": np.empty((spec.height, spec.width, 3), np.uint8)})
            words.insert(2, _measured(source, context, float(spec.rate)))
        else:
            words.insert(1, f"{float(spec.rate):.3g} pictures/s")
        return f"{masked(address)}: {', '.join(words)}"
    finally:
        source.close()


def _measured(source: Feed, context: Hasty, nominal: float) -> str:
    """The rate at which pictures come, with what else there is to know about them."""
    stamps: list[float] = []
    bad = 0
    context.until = time.monotonic() + LOOK_S
    for _ in source.frames():
        stamps.append(float(source.frame.pts * TIME_BASE))
        bad += bool(source.frame.rejected)
        source.frame.rejected = ""
    lasted = stamps[-1] - stamps[0] if stamps else 0.0
    rate = (len(stamps) - 1) / lasted if lasted else nominal
    return f"{rate:.3g} pictures/s" + (f" ({bad} of {len(stamps)} spoilt)" if bad else "")
