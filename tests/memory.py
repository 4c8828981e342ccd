"""What a file of tests held is given back when it ends: networks in its caches, and pages that the allocator keeps.

A process runs some hundred files one after the other; without this it grows to several gigabytes.
"""

from __future__ import annotations

import ctypes
import gc
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

MUCH = 400 << 20  # bytes; below it there is little to be had


def resident() -> int:
    """Bytes of this process in memory."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def trim() -> None:
    """Collect what nobody refers to, and give the system what the allocator keeps (glibc; nothing elsewhere)."""
    gc.collect()
    release = getattr(ctypes.CDLL(None), "malloc_trim", None)
    if release is not None:
        release(0)


def forget(module: object) -> None:
    """Empty the caches of the functions that a module defines itself."""
    for value in list(vars(module).values()):
        if hasattr(value, "cache_clear") and value.__module__ == getattr(module, "__name__", ""):
            value.cache_clear()


@pytest.fixture(autouse=True, scope="module")
def memory_is_given_back(request: pytest.FixtureRequest) -> Iterator[None]:
    yield
    forget(request.module)
    if Path("/proc/self/statm").exists() and resident() > MUCH:
        trim()
