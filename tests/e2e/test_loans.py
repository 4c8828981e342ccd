"""Stages that see finished frames, and later ones, in real processes: always the right ones, whoever dies."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from pipeline.admin import ask
from pipeline.requests import Pause, Resume, Scale
from tests.runs import Run, toy
from tests.thorough import rarely
from tests.waiting import wait_until

pytestmark = pytest.mark.real
LEARN = {"name": "learn", "uses": "tests.toys_memory:Learn"}
AHEAD = {"name": "ahead", "uses": "tests.toys_memory:Ahead"}
INVERT: dict[str, Any] = {"name": "invert", "uses": "tests.toys:Invert", "workers": 2}


COUNT = "--set", "ingest.count=3000"


def sums(count: int, lag: int = 3, blank: tuple[int, ...] = (), rejected: tuple[int, ...] = ()) -> list[int]:
    """What Learn writes into the frames that come to it."""
    found, total = [], 0
    for index in range(count):
        done = index - lag
        if index not in rejected:
            total += done + 1 if done >= 0 and done not in blank + rejected else 0
            found.append(total % 251)
    return found


def check(run: Run, masks: list[int]) -> None:
    assert run.lines() == [[index, index, 0, 1, mask] for index, mask in enumerate(masks)]


def test_a_stage_sees_what_became_of_the_frame_so_long_before(tmp_path: Path) -> None:
    run = Run(tmp_path, toy(tmp_path, {**LEARN, "with": {"lag": 11}}, INVERT, sink="CollectWithMask"))
    ended = run.end()
    assert ended.code == 0, ended.stderr
    check(run, sums(60, 11))
    assert ended.report["ledger_balanced"]


@pytest.mark.parametrize("stage", ["learn", *rarely("invert")])
def test_whoever_is_killed_it_has_seen_the_same(tmp_path: Path, stage: str) -> None:
    middle = {**LEARN, "uses": "tests.toys_memory:LearnAhead"}, INVERT
    fault = f"{stage}:before_commit:17=kill@{tmp_path}/once"
    run = Run(tmp_path, toy(tmp_path, *middle, sink="CollectWithMask", delay=2), fault=fault)
    ended = run.end()
    assert ended.code == 0, ended.stderr
    check(run, sums(60))
    assert ended.report["stages"][stage]["restarts"] == 1
    assert ended.report["runtime"]["stale_messages"] == 0


def test_of_a_frame_that_went_out_blank_nothing_is_seen(tmp_path: Path) -> None:
    """20 raises, 30 always kills, 40 was never let in."""
    sets = "--set", "invert.poison=20", "--set", "ingest.rejects=[40]"
    config = toy(tmp_path, LEARN, INVERT, sink="CollectWithMask", max_tries=2)
    run = Run(tmp_path, config, *sets, fault="invert:granted:30=kill")
    ended = run.end()
    assert ended.code == 4
    assert (ended.frames["blanked"], ended.frames["rejected"]) == (2, 1)
    wanted = sums(60, blank=(20, 30), rejected=(40,))
    assert [line[4] for line in run.lines() if not line[2]] == wanted[:20] + wanted[21:30] + wanted[31:]
    assert len(run.lines()) == len(wanted)


@pytest.mark.long
def test_it_goes_on_while_the_finishing_stage_is_scaled_paused_and_interrupted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CLEANPLATE_STATE", str(tmp_path / "state"))
    config = toy(tmp_path, LEARN, {**INVERT, "with": {"sleep": 0.005}}, sink="CollectWithMask")
    run = Run(tmp_path, config, "--set", "ingest.count=1000", "--name", "toy")
    wait_until(lambda: run.output.exists() and len(run.lines()) > 5)
    for request in (Scale(stage="invert", workers=1), Pause(), Resume(), Scale(stage="invert", workers=3)):
        ask("toy", request)
        seen = len(run.lines())
        if not isinstance(request, Pause):
            wait_until(lambda: len(run.lines()) > seen + 20)  # noqa: B023
    run.process.terminate()
    ended = run.end()
    assert ended.code == 143
    assert ended.frames["output"] == ended.frames["accepted"]
    check(run, sums(ended.frames["output"]))


def test_a_live_run_goes_on_with_the_newest_that_is_finished(tmp_path: Path) -> None:
    middle = {**LEARN, "uses": "tests.toys_memory:LearnLive"}, {**INVERT, "with": {"sleep": 0.004}}
    run = Run(tmp_path, toy(tmp_path, *middle, sink="CollectWithMask", source="LiveNumbers"), *COUNT)
    ended = run.end()
    assert ended.code == 0, ended.stderr
    assert ended.frames["dropped"], "it was in a hurry"
    lines = run.lines()
    assert all(line[3] for line in lines)
    assert sum(line[4] for line in lines) >= 3, "how many it is depends on how busy the machine is"


def test_a_stage_that_looks_ahead_sees_what_follows_and_the_end_and_waits_for_nothing_that_is_gone(
    tmp_path: Path,
) -> None:
    sets = "--set", "ingest.rejects=[9, 10, 59]", "--set", "delay=3", "--set", "ahead.skips=2"
    run = Run(tmp_path, toy(tmp_path, AHEAD, INVERT, sink="CollectWithMask"), *sets)
    ended = run.end()
    assert ended.code == 0, ended.stderr
    assert ended.report["runtime"]["delay"] == 3
    there = set(range(60)) - {9, 10, 59}
    assert [line[4] for line in run.lines()] == [len(there & {i + 1, i + 2, i + 3}) for i in sorted(there)]


@pytest.mark.long
def test_a_live_run_with_a_delay_goes_on(tmp_path: Path) -> None:
    slow = {"name": "slow", "uses": "tests.toys_memory:Slow"}
    far = {**AHEAD, "with": {"skips": 10_000}}
    run = Run(tmp_path, toy(tmp_path, slow, far, INVERT, sink="CollectWithMask", source="LiveNumbers", delay=3), *COUNT)
    ended = run.end()
    assert ended.code == 0, ended.stderr
    masks = [line[4] for line in run.lines()]
    assert len(masks) > 8, "how many it is depends on how busy the machine is"
    assert masks[:-3] == [3] * (len(masks) - 3)
    assert sum(ended.frames["dropped"].values()) == ended.frames["accepted"] - len(masks)
