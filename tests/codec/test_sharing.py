"""Runs that share a cap take their parts of it; who goes, in whatever way, leaves its part to the others."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from pipeline.environment import state_dir
from pipeline.errors import SetupError
from pipeline.instances import SHARES, sweep
from stages.codec.sharing import Share

MEMBER = """
import sys
from stages.codec.sharing import Share
share = Share(sys.argv[1], float(sys.argv[2]))
print("in", flush=True)
sys.stdin.readline()
share.close()
"""


@pytest.fixture(autouse=True)
def state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("CLEANPLATE_STATE", str(tmp_path / "state"))
    return tmp_path / "state"


@contextmanager
def member(name: str, weight: float = 1.0) -> Iterator[subprocess.Popen[str]]:
    """Another process that shares, until it is told a line."""
    command = [sys.executable, "-c", MEMBER, name, str(weight)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as child:
        assert child.stdout is not None
        assert child.stdout.readline() == "in\n"
        try:
            yield child
        finally:
            child.kill()


def leave(child: subprocess.Popen[str]) -> None:
    assert child.stdin is not None
    child.stdin.write("\n")
    child.stdin.flush()
    assert child.wait(20) == 0


def test_one_alone_has_all_of_it() -> None:
    share = Share("uplink", 0.25)
    assert share.part() == 1
    share.close()


def test_parts_follow_the_weights_and_make_one() -> None:
    shares = [Share("uplink", weight) for weight in (1, 2, 5)]
    assert [share.part() for share in shares] == [pytest.approx(part) for part in (1 / 8, 2 / 8, 5 / 8)]
    shares[2].close()
    assert [share.part() for share in shares[:2]] == [pytest.approx(1 / 3), pytest.approx(2 / 3)]
    for share in shares[:2]:
        share.close()


def test_caps_of_other_names_are_nothing_to_each_other() -> None:
    one, other = Share("uplink"), Share("radio")
    assert one.part() == other.part() == 1
    one.close()
    other.close()


def test_another_process_takes_its_part_and_gives_it_back_as_it_ends() -> None:
    share = Share("uplink")
    with member("uplink", 3.0) as child:
        assert share.part() == pytest.approx(0.25)
        leave(child)
        assert share.part() == 1
    share.close()


def test_one_that_is_killed_leaves_its_part_and_no_trace() -> None:
    share = Share("uplink")
    with member("uplink") as child:
        assert share.part() == pytest.approx(0.5)
        child.send_signal(signal.SIGKILL)
        assert child.wait(20) == -signal.SIGKILL
    assert share.part() == 1
    assert [path.name for path in share._folder.iterdir()] == [share._path.name]
    share.close()


def test_the_last_one_leaves_nothing_behind() -> None:
    share = Share("uplink")
    share.close()
    assert list((state_dir() / SHARES).iterdir()) == []


def test_what_else_lies_there_is_nobody() -> None:
    share = Share("uplink")
    (share._folder / "notes.txt").write_text("?")
    (share._folder / ("0" * 16 + "@1e999.9")).touch()
    assert share.part() == 1
    share.close()


def test_runs_that_clean_up_leave_shares_alone() -> None:
    share, other = Share("lock"), Share("uplink", 1e-05)
    sweep(state_dir())
    assert share.part() == other.part() == 1
    assert share._path.exists()
    assert other._path.exists()
    share.close()
    other.close()


def test_the_folder_is_nobody_elses(state: Path) -> None:
    share = Share("uplink")
    for folder in (state, state / SHARES, share._folder):
        assert folder.stat().st_mode & 0o077 == 0
        assert folder.stat().st_uid == os.getuid()
    share.close()


@pytest.mark.parametrize("name", ["", "../up", "a/b", "Big", "x" * 49, "a b"])
def test_a_name_that_is_none_is_refused(name: str) -> None:
    with pytest.raises(SetupError, match="small letters"):
        Share(name)


@pytest.mark.parametrize("weight", [0, -1, float("inf"), float("nan")])
def test_a_weight_that_is_none_is_refused(weight: float) -> None:
    with pytest.raises(SetupError, match="must be above 0"):
        Share("uplink", weight)
