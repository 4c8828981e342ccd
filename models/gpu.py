"""Is there a GPU that torch could use? Asked of its driver, without torch, which takes seconds to load."""

from __future__ import annotations

from functools import cache


@cache
def seen() -> bool:
    """Whether NVIDIA's driver tells of one; torch may still find that it cannot use it."""
    import pynvml

    try:
        pynvml.nvmlInit()
    except pynvml.NVMLError:
        return False
    try:
        return bool(pynvml.nvmlDeviceGetCount() > 0)
    except pynvml.NVMLError:
        return False
    finally:
        pynvml.nvmlShutdown()
