"""After each test: no child process and no shared-memory segment is left."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import psutil
import pytest

from tests.full_clips import full_clip
from tests.waiting import wait_until

pytest_plugins = ["tests.lengths", "tests.turns", "tests.thorough", "tests.memory"]

SHM = Path("/dev/shm")

os.environ.setdefault("GOMP_SPINCOUNT", "10000")  # as in workers; before torch comes in


def may_have_children() -> bool:
    """Whether this process has any, as the kernel lists them for each thread: most tests leave none, and to look at
    all processes of the machine for each of some thousand tests takes half a minute."""
    try:
        return any(Path(thread, "children").read_text() for thread in Path("/proc/self/task").iterdir())
    except OSError:  # a kernel without these lists, or a thread that has just ended
        return True


def children() -> set[int]:
    """Processes below this one that still live; a zombie of ours counts, one of somebody else's child does not."""
    found: set[int] = set()
    for child in psutil.Process().children(recursive=True) if may_have_children() else ():
        with suppress(psutil.NoSuchProcess):
            if child.status() == psutil.STATUS_ZOMBIE:
                found.update({child.pid} if child.ppid() == os.getpid() else ())
            elif "resource_tracker" not in " ".join(child.cmdline()):
                found.add(child.pid)
    return found


def left_in_memory(before: set[str]) -> set[str]:
    """New shared-memory segments, but for those that another program holds, or libfaketime beside it made."""
    new = {name for name in set(os.listdir(SHM)) - before if "faketime" not in name}
    for maps in Path("/proc").glob("[0-9]*/maps") if new else ():
        if maps.parent.name != str(os.getpid()):
            with suppress(OSError):
                held = maps.read_text()
                new = {name for name in new if f"{SHM}/{name}" not in held}
    return new


@pytest.fixture(autouse=True)
def nothing_is_left() -> Iterator[None]:
    before, segments = children(), set(os.listdir(SHM))
    yield
    wait_until(lambda: children() <= before, timeout=10)
    wait_until(lambda: not left_in_memory(segments), timeout=10)  # another program's may be there for a moment


@pytest.fixture(autouse=True, scope="module")
def nobody_is_put_behind() -> Iterator[None]:
    """A process that has become a real-time one starves the tests beside it, and its children inherit that."""
    yield
    if hasattr(os, "sched_getscheduler"):
        assert os.sched_getscheduler(0) == os.SCHED_OTHER


@pytest.fixture(autouse=True, scope="session")
def state_of_its_own(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Runs that the tests start are not seen by, and do not see, those of the user."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("CLEANPLATE_STATE", str(tmp_path_factory.mktemp("state")))
        yield


@pytest.fixture(scope="session")
def mkv(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A Matroska file with everything that a file can hold; only to be read."""
    return full_clip(tmp_path_factory.mktemp("clips") / "a.mkv")


@pytest.fixture(scope="session")
def mp4(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same as MP4."""
    return full_clip(tmp_path_factory.mktemp("clips") / "a.mp4", subtitles="mov_text")
