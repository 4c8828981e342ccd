"""The only reader of environment variables in the runtime; and what a worker finds in its own."""

from __future__ import annotations

import os
from pathlib import Path

PREFIX = "CLEANPLATE__"  # of the variables that override values of a pipeline


def variables() -> dict[str, str]:
    """The variables that override values of a pipeline: `CLEANPLATE__KEY`, `CLEANPLATE__STAGE__FIELD`."""
    return {name: text for name, text in sorted(os.environ.items()) if name.startswith(PREFIX)}


def cache_dir() -> Path:
    """Where downloads are kept: `CLEANPLATE_CACHE`, or the user's cache folder."""
    import platformdirs  # here: no worker needs it

    return Path(os.environ.get("CLEANPLATE_CACHE") or platformdirs.user_cache_dir("cleanplate"))


def state_dir() -> Path:
    """Where running pipelines are known: `CLEANPLATE_STATE`, or the user's own run-time folder."""
    given = os.environ.get("CLEANPLATE_STATE")
    if given:
        return Path(given)
    runtime = os.environ.get("XDG_RUNTIME_DIR")
    if runtime and os.path.isdir(runtime):
        return Path(runtime) / "cleanplate"
    return Path(f"/tmp/cleanplate-{os.getuid()}")  # noqa: S108 - made 0700, and refused where it is another's


def worker_environment(threads: int) -> dict[str, str]:
    """The environment of a worker: no telemetry, no self-installing, no foreign pickles, its share of the cores."""
    cache = cache_dir()
    return {
        **os.environ,
        "YOLO_OFFLINE": "1",
        "YOLO_AUTOINSTALL": "false",
        "YOLO_VERBOSE": "false",
        "YOLO_CONFIG_DIR": str(cache / "ultralytics"),
        "ULTRALYTICS_SAFE_LOAD": "1",
        "SVT_LOG": "1",  # the AV1 encoder: errors only
        "TORCH_HOME": str(cache / "torch"),
        "OMP_NUM_THREADS": str(threads),
        # A team of threads that spins for its last member stands still for seconds when the cores are contended.
        "GOMP_SPINCOUNT": "10000",
        "OPENBLAS_NUM_THREADS": str(threads),
        "MKL_NUM_THREADS": str(threads),
        "CLEANPLATE_CACHE": str(cache),
    }


def display_name() -> str:
    """The display that a window would open on: `WAYLAND_DISPLAY` or `DISPLAY`; empty where there is none."""
    return os.environ.get("WAYLAND_DISPLAY") or os.environ.get("DISPLAY") or ""


def x_display() -> str:
    """The X display of this session: `DISPLAY`; empty where there is none. Wayland's cannot be read from."""
    return os.environ.get("DISPLAY") or ""


def cuda_variables() -> dict[str, str]:
    """What the user has told CUDA: `CUDA_VISIBLE_DEVICES` and the like."""
    return {name: text for name, text in os.environ.items() if name.startswith("CUDA_")}


def cores() -> int:
    """Processors that this process may use."""
    return len(os.sched_getaffinity(0))


def fault_text() -> str:
    """What a test wants to go wrong in a worker (see faults.py); empty outside tests."""
    return os.environ.get("CLEANPLATE_FAULT", "") if os.environ.get("CLEANPLATE_TEST") == "1" else ""
