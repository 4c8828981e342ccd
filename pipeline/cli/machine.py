"""What the doctor looks at in the machine itself: memory, what the system allows, display and GPU."""

from __future__ import annotations

import os
import resource
import time
from collections.abc import Iterator
from pathlib import Path

from pipeline.cli.finding import Finding
from pipeline.cli.trials import carry_out
from pipeline.environment import display_name
from pipeline.errors import RingError

LOW_MEMORY, LEAST_MEMORY = 4 << 30, 1 << 30
TRIAL = 1 << 20
FILES = 512  # open at a time: descriptors of planes, pipes and sockets of a run with many workers
COARSE_S = 0.001
DRIVER = Path("/proc/driver/nvidia/version")
TORCH_BUILDS = "https://download.pytorch.org/whl/"


def memory() -> Iterator[Finding]:
    from pipeline.ring import available_memory

    free = available_memory()
    text = f"{free / 2**30:.1f} GiB free"
    if free >= LOW_MEMORY:
        yield Finding("PASS", "memory", text)
    else:
        fix = "end other programs; a ring of 1080p frames with two models takes about 3 GiB"
        yield Finding("WARN" if free >= LEAST_MEMORY else "FAIL", "memory", text, fix)


def ring() -> Iterator[Finding]:
    """The ring that a full-HD video takes, really reserved for a moment."""
    from pipeline.config import load_config
    from pipeline.frame import FrameSpec
    from pipeline.memory import regions
    from pipeline.ring import FrameRing

    plan = load_config("remove-people", given="in.mp4", wanted="out.mp4", environment={})
    parts = regions(plan, FrameSpec(width=1920, height=1080))
    said = f"{sum(part.nbytes for part in parts) / 2**20:.0f} MiB for remove-people at 1920x1080"
    try:
        FrameRing.create(parts).close()
    except RingError as error:
        yield Finding("FAIL", "ring", f"{said}: {error}", "end other programs, or run with --set slots=6")
    else:
        yield Finding("PASS", "ring", f"{said}, reserved and given back")


def shared_memory() -> Iterator[Finding]:
    try:
        handle = os.memfd_create("cleanplate-doctor", os.MFD_CLOEXEC)
    except (AttributeError, OSError) as error:
        yield Finding("FAIL", "shared memory", f"no memfd ({error})", "use Linux 3.17 or later")
        return
    try:
        os.posix_fallocate(handle, 0, TRIAL)
    finally:
        os.close(handle)
    yield Finding("PASS", "shared memory", "memfd works, and its memory can be reserved")


def limits() -> Iterator[Finding]:
    """What the system allows a process, and whether it tells of a death and of the time as is needed."""
    files, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    few = files != resource.RLIM_INFINITY and files < FILES
    yield Finding("WARN" if few else "PASS", "open files", f"{files} at a time", "ulimit -n 4096" if few else "")
    for name, limit, switch in (("file size", resource.RLIMIT_FSIZE, "f"), ("address space", resource.RLIMIT_AS, "v")):
        most, _ = resource.getrlimit(limit)
        if most != resource.RLIM_INFINITY:
            yield Finding("WARN", name, f"limited to {most / 2**30:.1f} GiB", f"ulimit -{switch} unlimited")
    try:
        os.close(os.pidfd_open(os.getpid()))
    except (AttributeError, OSError) as error:
        yield Finding("FAIL", "process handles", f"no pidfd ({error})", "use Linux 5.3 or later")
    else:
        yield Finding("PASS", "process handles", "pidfd works: the death of a worker is noticed at once")
    clock = time.get_clock_info("monotonic")
    coarse = clock.resolution > COARSE_S
    fix = "deadlines are coarse; use another clock source" if coarse else ""
    yield Finding("WARN" if coarse else "PASS", "clock", f"monotonic, {clock.resolution:.0e} s", fix)


def display() -> Iterator[Finding]:
    """To show a picture in a window; nothing else needs it."""
    found = display_name()
    yield Finding("PASS", "display", found or "none; files and streams need none")


def gpu() -> Iterator[Finding]:
    """torch is only asked where there is a driver: it takes seconds."""
    if not DRIVER.exists():
        yield Finding("WARN", "GPU", "none with an NVIDIA driver; models run on the CPU")
        return
    driver = DRIVER.read_text().splitlines()[0].partition(":")[2].strip()
    found = carry_out("gpu")
    if found["devices"]:
        yield Finding("PASS", "GPU", f"{'; '.join(found['devices'])} (torch {found['build']}, driver {driver})")
    elif not found["cuda"]:
        fix = f"install a build of torch for CUDA from {TORCH_BUILDS}"
        yield Finding("WARN", "GPU", f"a driver is there ({driver}), but torch {found['build']} cannot use it", fix)
    else:
        fix = "update the driver, or install a build of torch for an older CUDA"
        yield Finding("WARN", "GPU", f"torch {found['build']} finds no device behind the driver {driver}", fix)
