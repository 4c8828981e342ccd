"""What the benchmarks of the transport make of the times that stages have noted, and of the goals."""

from __future__ import annotations

import os
import time
from pathlib import Path

import numpy as np
import pytest

from benchmarks import goals, tables, transport
from benchmarks.diary import Diary, Timeline
from benchmarks.sleepers import Naps
from pipeline.errors import RunError

MS = 1_000_000


def timeline(**stages: list[tuple[int, int, int]]) -> Timeline:
    """Index, begun and done, in milliseconds."""
    return Timeline({name: np.array(rows, np.int64) * [1, MS, MS] for name, rows in stages.items()})


def test_a_diary_comes_back_with_all_workers_in_the_order_of_their_work(tmp_path: Path) -> None:
    mine = Diary(str(tmp_path / "one"))
    mine.note(0, 5)
    mine.note(2, 7)
    mine.close()
    late = time.monotonic_ns() + 60_000 * MS
    np.save(tmp_path / "one.1.npy", np.array([[1, 6, 8], [3, 9, late]], np.int64))
    rows = Timeline.read(tmp_path, ["one"]).rows["one"]
    assert rows[:, :2].tolist() == [[1, 6], [0, 5], [2, 7], [3, 9]]
    assert 7 < rows[1, 2] <= rows[2, 2] <= time.monotonic_ns()
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted(["one.1.npy", f"one.{os.getpid()}.npy"])


def test_a_stage_that_noted_nothing_is_no_zero_but_an_error(tmp_path: Path) -> None:
    Diary(str(tmp_path / "idle")).close()
    for stage in ("idle", "missing"):
        with pytest.raises(RunError, match=f"{stage}: it has worked on no frame"):
            Timeline.read(tmp_path, [stage])


def test_a_rate_counts_the_time_between_frames() -> None:
    found = timeline(sink=[(at, 10 * at, 10 * at + 1) for at in range(11)])
    assert found.rate("sink") == pytest.approx(100)
    assert found.after(5).rate("sink") == pytest.approx(100)
    with pytest.raises(RunError, match="1 frames are too few"):
        found.after(10).rate("sink")


def test_bursts_count_as_a_whole() -> None:
    """Four workers that finish at the same time every 40 ms make 100 frames/s, wherever the run was cut."""
    rows = [(4 * burst + at, 40 * burst, 40 * burst) for burst in range(4) for at in range(4)]
    for extra in range(4):
        found = timeline(sink=rows + [(16 + at, 160, 160) for at in range(extra)])
        assert found.rate("sink", every=4) == pytest.approx(100)


def test_latency_is_that_of_the_frames_that_came_so_far() -> None:
    found = timeline(feed=[(0, 0, 1), (1, 2, 3), (2, 4, 5)], sink=[(0, 8, 11), (2, 12, 20)])
    assert found.latency_ms("feed", "sink").tolist() == [10, 15]
    assert found.mean_ms("sink") == 5.5


def test_frames_out_of_order_are_noticed() -> None:
    assert timeline(sink=[(0, 0, 1), (2, 1, 2), (5, 2, 3)]).in_order("sink")
    assert not timeline(sink=[(0, 0, 1), (2, 1, 2), (1, 2, 3)]).in_order("sink")
    assert not timeline(sink=[(0, 0, 1), (2, 1, 2), (2, 2, 3)]).in_order("sink")


def test_naps_make_up_for_what_they_overslept(monkeypatch: pytest.MonkeyPatch) -> None:
    now = 0

    def oversleep(seconds: float) -> None:
        nonlocal now
        now += round(seconds * 1e9) + 2 * MS

    monkeypatch.setattr("benchmarks.sleepers.time.monotonic_ns", lambda: now)
    monkeypatch.setattr("benchmarks.sleepers.time.sleep", oversleep)
    naps = Naps(10)
    for _ in range(10):
        naps.take(now)
    assert now == 10 * 10 * MS + 2 * MS
    assert naps.late_ns == 2 * MS


def test_a_goal_is_met_at_its_limit_and_on_the_right_side() -> None:
    least = goals.Goal("rate", 0.98, "")
    most = goals.Goal("late", 2.0, "", at_least=False)
    assert [least.met(value) for value in (0.97, 0.98, 0.99)] == [False, True, True]
    assert [most.met(value) for value in (1.9, 2.0, 2.1)] == [True, True, False]
    assert (least.asked, most.asked) == ("at least 0.98", "at most 2")


def test_only_what_was_measured_is_judged() -> None:
    found = goals.judged({"overlap": 0.5, "frames_per_s_no_op": 2000.0, "something": 1.0})
    assert found == {
        "frames_per_s_no_op": {"value": 2000.0, "goal": 1600, "met": True, "stretch": 3000.0, "stretch_met": False},
        "overlap": {"value": 0.5, "goal": 0.98, "met": False},
    }


def test_the_table_says_what_was_asked_and_missed() -> None:
    judged = goals.judged({"overlap": 0.991, "overload_p99_latency": 2.5})
    lines = list(tables._goals(judged, {"skipped": "no GPU"}, 0.126))
    assert any(line.endswith("| at least 0.98 | 0.991 | yes |") for line in lines)
    assert any(line.endswith("| at most 2 | 2.5 | **no** |") for line in lines)
    assert len(lines) == 6  # the title, the head, its rule, two rows, the last line
    assert lines[-1] == "\nOther programs took 0.13 processors meanwhile. On a GPU: not measured here (no GPU)."


def test_what_other_programs_take_is_told_from_our_own(monkeypatch: pytest.MonkeyPatch) -> None:
    readings = iter([(100.0, 10.0), (106.0, 12.0)])
    clock = iter([50.0, 54.0])
    monkeypatch.setattr(transport, "_busy_seconds", lambda: next(readings))
    monkeypatch.setattr("benchmarks.transport.time.monotonic", lambda: next(clock))
    assert transport.Bystanders().processors() == 1.0
