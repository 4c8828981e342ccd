"""How many threads a network may take, known without a library of networks."""

from __future__ import annotations

import os


def threads() -> int:
    """As whoever started this process says by OMP_NUM_THREADS; else as many as there are processors for it."""
    said = os.environ.get("OMP_NUM_THREADS", "")
    return int(said) if said.isdecimal() and int(said) > 0 else len(os.sched_getaffinity(0))
