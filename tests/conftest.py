"""After each test: no child process and no shared-memory segment is left."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from tests.waiting import wait_until

SHM = Path("/dev/shm")


def children() -> set[int]:
    return {
        child.pid
        for child in psutil.Process().children(recursive=True)
        if child.status() != psutil.STATUS_ZOMBIE and "resource_tracker" not in " ".join(child.cmdline())
    }


@pytest.fixture(autouse=True)
def nothing_is_left() -> Iterator[None]:
    before, segments = children(), set(os.listdir(SHM))
    yield
    wait_until(lambda: children() <= before, timeout=10)
    assert set(os.listdir(SHM)) <= segments


@pytest.fixture(autouse=True, scope="session")
def state_of_its_own(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Runs that the tests start are not seen by, and do not see, those of the user."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("CLEANPLATE_STATE", str(tmp_path_factory.mktemp("state")))
        yield
