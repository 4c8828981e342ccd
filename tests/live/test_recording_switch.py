"""A recording that is switched off and on: what was open is to be had at once, and no frame comes in twice."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from pipeline.admin import ask
from pipeline.requests import Change, Status
from pipeline.tuning import tune
from stages.output.recording import Recording
from stages.output.recording_index import Index
from tests.live.recordings import config, facts, numbers, opened, parts, record, recorded, segments, settled
from tests.runs import Run
from tests.senders import going
from tests.waiting import wait_until


def switch(sink: Recording, on: bool) -> None:
    """As the runtime does it, between two frames."""
    tune(sink, {**sink.model_dump(), "enabled": sink.enabled}, {"enabled": on})


def crashed(sink: Recording) -> None:
    """As the kernel leaves a process that has died."""
    settled(sink)
    os.close(sink._index._lock)
    sink._index._lock = -1


def test_switched_off_the_open_file_is_complete_at_once_and_switched_on_a_new_one_begins(tmp_path: Path) -> None:
    sink = opened(tmp_path, length=60)
    record(sink, range(5))
    switch(sink, on=False)
    settled(sink)
    assert numbers(tmp_path) == [[0, 1, 2, 3, 4]]
    assert not parts(tmp_path)
    record(sink, range(5, 9))
    assert not parts(tmp_path)  # nothing is written of what passes
    switch(sink, on=True)
    record(sink, range(9, 12))
    facts = sink.finish()
    sink.close()
    assert numbers(tmp_path) == [[0, 1, 2, 3, 4], [9, 10, 11]]
    assert facts["frames"] == 12
    assert facts["segments"] == 2


def test_it_can_be_off_from_the_start(tmp_path: Path) -> None:
    sink = opened(tmp_path, enabled=False)
    record(sink, range(30))
    assert not segments(tmp_path) + parts(tmp_path)
    switch(sink, on=True)
    record(sink, range(30, 34))
    sink.finish()
    sink.close()
    assert numbers(tmp_path) == [[30, 31, 32, 33]]


def test_switching_to_what_it_is_changes_nothing(tmp_path: Path) -> None:
    sink = opened(tmp_path, length=60)
    for number in range(3):
        record(sink, range(2 * number, 2 * number + 2))
        switch(sink, on=True)
    assert len(parts(tmp_path)) == 1
    for _ in range(3):
        switch(sink, on=False)
    sink.finish()
    sink.close()
    assert len(segments(tmp_path)) == 1


def test_what_is_too_old_goes_also_while_it_is_off(tmp_path: Path) -> None:
    sink = opened(tmp_path, keep_files=1, enabled=True)
    record(sink, range(5))
    switch(sink, on=False)
    settled(sink)
    sink._room._limits = sink._room._limits.__class__(0.0, None, None, 0)  # all of it is too old
    record(sink, range(5, 7))
    assert len(segments(tmp_path)) == 1
    sink._tidied -= 11
    record(sink, range(7, 8))
    assert not segments(tmp_path)
    sink.close()


@pytest.mark.parametrize("on_again", [False, True])
@pytest.mark.parametrize("off", [2, 5])
def test_a_worker_that_is_killed_around_the_switch_loses_and_doubles_nothing(
    tmp_path: Path, off: int, on_again: bool
) -> None:
    """Frames 0 to 4, `off` frames that pass, perhaps some more: then it dies, and a successor takes 3 more."""
    left = opened(tmp_path, length=60)
    record(left, range(5))
    switch(left, on=False)
    record(left, range(5, 5 + off))
    at = 5 + off
    if on_again:
        switch(left, on=True)
        record(left, range(at, at + 4))
        at += 3  # the last one was never committed
    crashed(left)
    sink = opened(tmp_path, resume=at, length=60, enabled=on_again)
    record(sink, range(at, at + 3))
    facts = sink.finish()
    sink.close()
    assert numbers(tmp_path) == [list(range(5)), *([list(range(5 + off, at + 3))] if on_again else [])]
    assert facts["frames"] == at + 3
    assert not parts(tmp_path)


def test_one_that_died_over_the_switch_itself_completes_its_file_in_a_next_life(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    left = opened(tmp_path, length=60)
    record(left, range(5))
    crashed(left)  # before it had heard of the switch
    with monkeypatch.context() as patch:
        patch.setattr("stages.output.recording_publish.count_packets", lambda *_: 7)  # the disk plays a trick
        sink = opened(tmp_path, resume=5, length=60, enabled=False)
        record(sink, range(5, 30))
        crashed(sink)
    assert len(parts(tmp_path)) == 1
    again = opened(tmp_path, resume=30, length=60, enabled=True)  # nobody goes on with that one
    record(again, range(30, 33))
    again.finish()
    again.close()
    assert numbers(tmp_path) == [[0, 1, 2, 3, 4], [30, 31, 32]]
    assert [fact["first"] for fact in facts(tmp_path) if "begin" in fact] == [0, 30]


# Whole runs


@pytest.fixture
def begin(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Run]:
    monkeypatch.setenv("CLEANPLATE_STATE", str(tmp_path / "state"))

    def run(count: int, *args: str, **output: Any) -> Run:
        return Run(tmp_path, config(tmp_path / "cam", count, sleep=0.005, **output), "--name", "watch", *args)

    return run


def had(frames: int) -> Callable[[], bool]:
    return lambda: ask("watch", Status())["frames"]["output"] >= frames


def going_on(folder: Path) -> bool:
    return (folder / "cam" / "recording.index").exists()


@pytest.mark.real
def test_a_run_s_recording_is_switched_while_it_goes_and_a_killed_worker_changes_nothing(
    begin: Callable[..., Run], tmp_path: Path
) -> None:
    folder = tmp_path / "cam"
    with going(begin(100_000, length=3600)) as run:
        wait_until(lambda: going_on(tmp_path) and had(20)())
        assert ask("watch", Change(stage="output", field="enabled", value=False))["to"] is False
        wait_until(lambda: len(segments(folder)) == 1)
        first = recorded(segments(folder))
        seen = ask("watch", Status())["frames"]["output"]
        (worker,) = run.workers("output")
        worker.kill()
        wait_until(had(seen + 50))
        assert not parts(folder)
        ask("watch", Change(stage="output", field="enabled", value=True))
        wait_until(lambda: bool(parts(folder)))
        seen = ask("watch", Status())["frames"]["output"]
        wait_until(had(seen + 20))
        (worker,) = run.workers("output")
        worker.kill()
        wait_until(had(seen + 60))
        run.process.terminate()
        ended = run.end()
    assert ended.code == 143, ended.stderr
    assert ended.report["stages"]["output"]["restarts"] == 2
    one, two = segments(folder)
    assert first == recorded([one]) == [number % 251 for number in range(len(first))]
    index = Index(folder)
    begun = [segment.first for segment in index.segments]
    index.close()
    second = recorded([two])
    assert second == [(begun[1] + number) % 251 for number in range(len(second))]
    assert begun[0] == 0
    assert len(first) + 50 < begun[1]
    assert begun[1] + len(second) == ended.frames["output"]


@pytest.mark.real
def test_a_run_begins_with_its_recording_off_where_it_is_told_so(begin: Callable[..., Run], tmp_path: Path) -> None:
    ended = begin(40, "--set", "output.enabled=false").end()
    assert ended.code == 0, ended.stderr
    assert ended.frames["output"] == 40
    assert not segments(tmp_path / "cam")
    assert ended.report["output"] == {
        "output": f"recording:{tmp_path / 'cam'}", "frames": 40, "segments": 0, "bytes": 0, "codec": "ffv1",
        "deleted": 0,
    }  # fmt: skip
