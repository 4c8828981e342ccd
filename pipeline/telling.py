"""Telling: what a worker says of its stage: for how long it may be silent, and what it raised."""

from __future__ import annotations

import traceback
from typing import Any

from pipeline.errors import CleanplateError
from pipeline.messages import Fault, as_unicode
from pipeline.stage import Stage

MODEL_DEADLINE = 10.0
SLOW_STEPS = 10


def deadline_of(stage: Stage, slowest_step: float) -> float:
    """Seconds; `slowest_step` is that of its warm-up."""
    if not stage.heavy:
        return stage.deadline
    return max(stage.deadline, MODEL_DEADLINE, SLOW_STEPS * slowest_step)


def fault_of(when: Any, error: Exception) -> Fault:
    """An exception as it travels."""
    usage = isinstance(error, CleanplateError)
    text = str(error) if usage else f"{type(error).__name__}: {error}"
    trace = "".join(traceback.format_exception(error))
    return Fault(when=when, error=as_unicode(text[:1000]), traceback=as_unicode(trace[-5000:]), usage=usage)
