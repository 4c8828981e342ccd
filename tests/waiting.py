"""Waiting for something to become true."""

from __future__ import annotations

import time
from collections.abc import Callable


def wait_until(predicate: Callable[[], bool], timeout: float = 30.0, every: float = 0.01) -> None:
    """Return as soon as it is true; fail after that many seconds. `every`: seconds between two looks; more where a look
    costs more than nothing."""
    until = time.monotonic() + timeout
    while not predicate():
        assert time.monotonic() < until, f"not within {timeout} s"
        time.sleep(every)
