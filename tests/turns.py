"""`pytest -n`: files run side by side, each in one process; what is marked `alone` runs last, one test at a time.

A test that failed beside others and is tried again (`--reruns`, decision 0012) is alone then.

The processes share a file. A test holds its lock with others, or alone, and passes a gate before: who waits to be alone
holds that, or others would come and go for ever. In the file stand the names of those that are to be alone, for the
scheduler knows tests by their names only (xdist's own groups do not work with pytest 9.2).
"""

from __future__ import annotations

import fcntl
import os
import tempfile
from collections.abc import Generator
from functools import cache
from pathlib import Path

import pytest

SHARED = "CLEANPLATE_TEST_TURNS"
TURNS = pytest.StashKey[int]()


def pytest_configure(config: pytest.Config) -> None:
    if hasattr(config, "workerinput"):
        config.stash[TURNS] = os.open(os.environ[SHARED], os.O_RDWR | os.O_CLOEXEC)
    elif config.getoption("numprocesses", None):
        number, os.environ[SHARED] = tempfile.mkstemp(prefix="cleanplate-tests-")
        os.close(number)
        config.add_cleanup(lambda: _remove(os.environ.pop(SHARED)))


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    items.sort(key=is_alone)
    if (turns := config.stash.get(TURNS, None)) is not None:
        os.pwrite(turns, "\n".join(item.nodeid for item in items if is_alone(item)).encode(), 0)  # each the same


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: object) -> object:
    """In the order of the files, for those that take longest come first."""
    from xdist.scheduler import LoadScopeScheduling

    @cache
    def to_be_alone() -> set[str]:
        return set(Path(os.environ[SHARED]).read_text().splitlines())

    class ByFile(LoadScopeScheduling):
        def _split_scope(self, nodeid: str) -> str:
            return "alone" if nodeid in to_be_alone() else nodeid.split("::")[0]

    config.option.loadscopereorder = False
    return ByFile(config, log)


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtest_protocol(item: pytest.Item) -> Generator[None, object, object]:
    """Waiting for its turn counts for no timeout of the test."""
    if (turns := item.config.stash.get(TURNS, None)) is None:
        return (yield)
    _take(turns, fcntl.LOCK_EX if is_alone(item) else fcntl.LOCK_SH)
    try:
        return (yield)
    finally:
        fcntl.flock(turns, fcntl.LOCK_UN)


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item: pytest.Item) -> None:
    if getattr(item, "execution_count", 1) > 1 and (turns := item.config.stash.get(TURNS, None)) is not None:
        fcntl.flock(turns, fcntl.LOCK_UN)  # two that fail at once would wait for each other
        _take(turns, fcntl.LOCK_EX)


def _remove(shared: str) -> None:
    for path in (shared, f"{shared}.gate"):
        Path(path).unlink(missing_ok=True)


def _take(turns: int, how: int) -> None:
    with open(f"{os.environ[SHARED]}.gate", "w") as gate:
        fcntl.flock(gate, fcntl.LOCK_EX)
        fcntl.flock(turns, how)


def is_alone(item: pytest.Item) -> bool:
    return item.get_closest_marker("alone") is not None
