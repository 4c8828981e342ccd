"""Encoders take no priority over everybody: SVT-AV1, run by root, makes itself and its caller real-time threads of the
highest kind, behind which two processors do nothing else."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress


@contextmanager
def kept() -> Iterator[None]:
    """Threads of this process that become real-time ones within are put back to what this thread was before."""
    if not hasattr(os, "sched_getscheduler"):  # not Linux
        yield
        return
    policy, parameter = os.sched_getscheduler(0), os.sched_getparam(0)
    before = _real_time()
    try:
        yield
    finally:
        for thread in _real_time() - before:
            with suppress(OSError):  # it has ended
                os.sched_setscheduler(thread, policy, parameter)


def _real_time() -> set[int]:
    found = set()
    for name in os.listdir("/proc/self/task"):
        with suppress(OSError):  # likewise
            if os.sched_getscheduler(int(name)) in (os.SCHED_FIFO, os.SCHED_RR):
                found.add(int(name))
    return found
