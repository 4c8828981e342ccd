"""No encoder takes priority over everybody else."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from stages.output import priority
from tests.sinks import CODECS, opened, write

pytestmark = pytest.mark.skipif(not hasattr(os, "sched_getscheduler"), reason="threads have no policies here")


@pytest.fixture
def may() -> None:
    """Skips where a process may not take priority: there is nothing to be put back then."""
    before = os.sched_getparam(0)
    try:
        os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(1))
    except PermissionError:
        pytest.skip("only root may take priority")
    os.sched_setscheduler(0, os.SCHED_OTHER, before)


@pytest.fixture
def sleeper() -> Iterator[int]:
    """The number of a thread that waits."""
    over = threading.Event()
    thread = threading.Thread(target=over.wait)
    thread.start()
    assert thread.native_id is not None
    yield thread.native_id
    over.set()
    thread.join()


def policies() -> set[int]:
    return {os.sched_getscheduler(int(thread)) for thread in os.listdir("/proc/self/task")}


@pytest.mark.usefixtures("may")
@pytest.mark.parametrize("codec", CODECS)
def test_who_encodes_is_a_thread_like_others_and_so_are_the_encoders(tmp_path: Path, codec: str) -> None:
    sink = opened(tmp_path / "o.mkv", codec=codec)
    write(sink, range(3))
    assert policies() == {os.SCHED_OTHER}
    sink.finish()
    assert policies() == {os.SCHED_OTHER}


@pytest.mark.usefixtures("may")
def test_what_became_real_time_within_is_put_back(sleeper: int) -> None:
    with suppress(KeyError), priority.kept():
        for thread in (0, sleeper):
            os.sched_setscheduler(thread, os.SCHED_FIFO, os.sched_param(1))
        raise KeyError
    assert os.sched_getscheduler(0) == os.sched_getscheduler(sleeper) == os.SCHED_OTHER


@pytest.mark.usefixtures("may")
def test_who_was_a_real_time_thread_before_stays_one(sleeper: int) -> None:
    """Somebody started it so, and knows why."""
    os.sched_setscheduler(sleeper, os.SCHED_RR, os.sched_param(1))
    with priority.kept():
        pass
    assert os.sched_getscheduler(sleeper) == os.SCHED_RR
