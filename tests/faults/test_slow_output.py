"""An output slower than its input: a file's source waits, a live one's older frames are dropped; memory stays flat."""

from __future__ import annotations

from pathlib import Path

import psutil
import pytest

from pipeline.admin import ask
from pipeline.requests import Status
from tests.faults.intruder import rss
from tests.runs import Run, toy
from tests.waiting import wait_until

pytestmark = [pytest.mark.real, pytest.mark.fault("B1")]
SLOW_S = 0.02  # a frame
MOST_GROWTH = 4 << 20  # bytes, of a process, over 80 frames of 0.23 MB


def of_all(run: Run) -> dict[int, int]:
    """What each process of a run has in memory of its own, between two frames: the least of several looks."""
    top = psutil.Process(run.process.pid)
    looks = []
    for _ in range(5):
        looks.append({process.pid: rss(process.pid) for process in (top, *top.children())})
        seen = frames_out(run)
        wait_until(lambda seen=seen: frames_out(run) > seen)  # type: ignore[misc]
    return {pid: min(look[pid] for look in looks) for pid in looks[0]}


def frames_out(run: Run) -> int:
    return len(run.output.read_text().splitlines()) if run.output.exists() else 0


@pytest.mark.parametrize("source", ["Numbers", "LiveNumbers"], ids=["file", "live"])
def test_memory_stays_flat_and_no_more_frames_are_under_way_than_there_are_slots(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, source: str
) -> None:
    monkeypatch.setenv("CLEANPLATE_STATE", str(tmp_path / "state"))
    config = toy(tmp_path, source=source)
    config["stages"][0]["with"] = {"count": 10_000_000, "width": 320, "height": 240}
    config["stages"][-1]["with"]["sleep"] = SLOW_S
    run = Run(tmp_path, config)
    wait_until(lambda: frames_out(run) > 20)
    before = of_all(run)
    for goal in range(40, 120, 20):
        wait_until(lambda goal=goal: frames_out(run) > goal)  # type: ignore[misc]
        answer = ask("toy", Status(), 20)
        assert answer["frames"]["under_way"] <= answer["slots"]["total"]
        assert answer["ledger_balanced"]
    growth = {pid: now - before[pid] for pid, now in of_all(run).items()}
    assert max(growth.values()) < MOST_GROWTH, growth
    run.process.terminate()
    assert run.end().code == 143


@pytest.mark.long
def test_a_file_waits_and_loses_nothing(tmp_path: Path) -> None:
    run = Run(tmp_path, toy(tmp_path), "--set", f"output.sleep={SLOW_S}")
    ended = run.end()
    assert ended.code == 0, ended.stderr
    assert ended.frames == {"accepted": 60, "output": 60, "blanked": 0, "dropped": {}, "rejected": 0}
    assert [line[:4] for line in run.lines()] == [[i, i, 0, 1] for i in range(60)]
    assert ended.report["latency_ms"]["p50"] > 1000 * 3 * SLOW_S, "they have waited"


@pytest.mark.long
def test_of_a_live_source_the_newest_comes_out_whole_and_the_older_are_dropped_where_they_wait(tmp_path: Path) -> None:
    run = Run(
        tmp_path, toy(tmp_path, source="LiveNumbers"), "--set", f"output.sleep={SLOW_S}", "--set=ingest.count=1500"
    )
    ended = run.end()
    assert ended.code == 0, ended.stderr
    frames, lines = ended.frames, run.lines()
    assert frames["accepted"] == 1500 == frames["output"] + sum(frames["dropped"].values())
    assert set(frames["dropped"]) <= {"invert", "output"}
    assert len(lines) == frames["output"] < 750
    assert [line[0] for line in lines] == sorted({line[0] for line in lines}), "in order, each once"
    assert {tuple(line[2:4]) for line in lines} == {(0, 1)}, "none blank, none half done"


@pytest.mark.alone
def test_the_age_of_what_comes_out_of_a_live_source_does_not_grow_with_its_rate(tmp_path: Path) -> None:
    """It waits for the frame that is in the sink's hands, and for no other; from a file it would wait for the ring."""
    ages = {}
    for source in ("LiveNumbers", "Numbers"):
        folder = tmp_path / source
        folder.mkdir()
        sets = [
            "--set",
            f"output.sleep={SLOW_S}",
            "--set=slots=16",
            "--set",
            f"ingest.count={1500 if source[0] == 'L' else 80}",
        ]
        ended = Run(folder, toy(folder, source=source), *sets).end()
        assert ended.code == 0, ended.stderr
        ages[source] = ended.report["latency_ms"]["p50"]
    assert ages["LiveNumbers"] < 1000 * 4 * SLOW_S
    assert ages["LiveNumbers"] < ages["Numbers"] / 2
