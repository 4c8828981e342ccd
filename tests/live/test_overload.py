"""A live source that brings six times what the pipeline can do: no frame gets old, and every loss is told.

What is compared runs at the same time: whatever else the machine does meanwhile hits both. The stages sleep, so that
several pipelines fit on a small machine. A 99th percentile is one frame of some sixty here: it has a margin for what
a busy machine takes from one (SPARE_MS, more where it is busier), the 95th has none. Frames that queue are late by many
times that.
"""

from __future__ import annotations

import contextlib
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psutil
import pytest

from pipeline.cli.figures import Look, Trend
from pipeline.cli.ps import facts
from pipeline.cli.screen.header import counts
from pipeline.errors import CleanplateError
from tests.faults.health import processes_of, status_of, within
from tests.runs import Ended, Run
from tests.waiting import wait_until

pytestmark = [pytest.mark.real, pytest.mark.alone]

SLOW_MS = 100.0  # the slowest stage: ten frames a second
LIGHT, FLOOD = 5, 60  # frames a second
SECONDS = 6
SPARE_MS = 50.0
LEAST = 0.7 * SECONDS * 1000 / SLOW_MS  # frames out, on a machine that has more to do


def pipeline(slow: dict[str, Any], other: dict[str, Any]) -> dict[str, Any]:
    """A slow stage, one that keeps state and gets its frames in order, and two sinks behind that."""
    return {
        "name": "load",
        "stages": [
            {"name": "ingest", "uses": "stages.ingest:Auto"},
            {"name": "slow", "uses": "tests.toys_load:Slow", "with": {"ms": SLOW_MS, **slow}},
            {"name": "ordered", "uses": "tests.toys_load:Ordered"},
            {"name": "other", "uses": "tests.toys_load:Count", "with": other},
            {"name": "output", "after": "ordered", "uses": "tests.toys_load:Count"},
        ],
    }


@dataclass
class Watched:
    """A run from a source drawn in real time, and what it told of itself, again and again."""

    run: Run
    looks: list[dict[str, Any]] = field(default_factory=list)

    @classmethod
    def start(cls, folder: Path, rate: int, *, slow: dict[str, Any] | None = None, **other: Any) -> Watched:
        folder.mkdir()
        address = f"cam:lavfi:testsrc2=size=160x120:rate={rate}"
        return cls(Run(folder, pipeline(slow or {}, other), "--input", address, "--frames", str(rate * SECONDS)))

    def look(self) -> bool:
        """Ask it how it is, where it can be asked; whether it has ended."""
        if self.run.process.poll() is not None:
            return True
        with contextlib.suppress(CleanplateError, psutil.Error, LookupError, ValueError, OSError):  # it begins, or ends
            if (found := status_of(self.run))["phase"] == "running":
                self.looks.append(found)
        return False


def watched(*runs: Watched) -> list[Ended]:
    """Look at them until all have ended; each well, with sums that agreed at every look."""
    wait_until(lambda: all([one.look() for one in runs]), timeout=150)
    ended = [one.run.end() for one in runs]
    for one, end in zip(runs, ended, strict=True):
        assert end.code == 0, end.stderr
        assert_sums(end.report)
        assert len(one.looks) >= 5
        for look in one.looks:
            assert_sums(look)
        assert processes_of(one.run.folder) == []
    return ended


def assert_sums(told: dict[str, Any]) -> None:
    """Every frame that came in has one fate, or is under way; in a status as in a report."""
    frames = told["frames"]
    fates = frames["output"] + frames["blanked"] + frames["rejected"] + sum(frames["dropped"].values())
    assert told["ledger_balanced"]
    assert frames["accepted"] == fates + frames.get("under_way", 0)


def late(ended: Ended, sink: str = "output") -> dict[str, float]:
    """The percentiles of one sink's latency, in milliseconds."""
    found: dict[str, float] = ended.report["stages"][sink]["latency_ms"]
    print(sink, found, ended.frames)
    return found


def bound(times: float, of_ms: float) -> float:
    """So many times, and the margin."""
    return times * of_ms + within(SPARE_MS)


@pytest.mark.fault("D7")
def test_a_flood_makes_no_frame_old_and_what_is_lost_is_told_everywhere(tmp_path: Path) -> None:
    light, flood = Watched.start(tmp_path / "light", LIGHT), Watched.start(tmp_path / "flood", FLOOD)
    calm, full = watched(light, flood)
    assert calm.frames["output"] >= 0.9 * LIGHT * SECONDS
    for share, times in (("p99", 2), ("p95", 2), ("p50", 1.5)):
        assert late(full)[share] <= bound(times, late(calm)[share])
    assert full.frames["output"] >= LEAST, "what can be done is done"
    assert full.frames["dropped"] == {"slow": full.frames["accepted"] - full.frames["output"]}
    last = flood.looks[-1]
    lost = sum(last["frames"]["dropped"].values())
    assert lost > LEAST
    assert facts(last)["dropped"] == lost  # ps
    shown = Trend().add(Look(last, 0.0))  # top
    assert {stage.name: stage.dropped for stage in shown.stages} == {
        "ingest": 0, "slow": lost, "ordered": 0, "other": 0, "output": 0,
    }  # fmt: skip
    assert f"dropped {lost}" in counts(last, 200).plain
    assert max(look["latency_ms"]["p99"] for look in flood.looks) <= bound(2, late(calm)["p99"]), "not once, either"


@pytest.mark.long
def test_a_stage_that_takes_long_for_every_second_frame_gets_none_that_is_old(tmp_path: Path) -> None:
    """Between two networks, say. A frame granted in the midst of a long one would be as old as that when it begins."""
    (ended,) = watched(Watched.start(tmp_path / "run", FLOOD, slow={"ms": 2 * SLOW_MS, "every": 2}))
    assert late(ended)["p99"] <= bound(1.5, ended.report["stages"]["slow"]["busy_ms"]["p99"])
    assert ended.report["stages"]["slow"]["wait_ms"]["p95"] <= SLOW_MS


@pytest.mark.long
@pytest.mark.fault("D7")
def test_a_slow_sink_and_one_that_hangs_cost_the_others_nothing(tmp_path: Path) -> None:
    fine = Watched.start(tmp_path / "fine", FLOOD)
    slow = Watched.start(tmp_path / "slow", FLOOD, ms=2 * SLOW_MS)
    hung = Watched.start(tmp_path / "hung", FLOOD, hangs_at=FLOOD)
    usual, beside_slow, beside_hung = watched(fine, slow, hung)
    for ended in (beside_slow, beside_hung):  # of 60 frames the 99th percentile is the one worst
        assert late(ended)["p95"] <= 1.5 * late(usual)["p95"]
        assert late(ended)["p50"] <= 1.2 * late(usual)["p50"]
        assert ended.frames["output"] >= 0.9 * usual.frames["output"]
        assert ended.report["stages"]["output"]["frames"] >= 0.9 * usual.report["stages"]["output"]["frames"]
    other = beside_slow.report["stages"]["other"]
    assert other["missed"] >= 0.4 * beside_slow.frames["output"]
    assert other["frames"] + other["missed"] == beside_slow.frames["output"]
    assert late(beside_slow, "other")["p50"] <= 5 * SLOW_MS, "what it gets is new, too"
    assert late(beside_slow, "other")["p95"] <= 7 * SLOW_MS
    other = beside_hung.report["stages"]["other"]
    assert other["restarts"] == 1
    assert other["frames"] >= LEAST / 4, "it has come back"
    assert beside_hung.report["runtime"]["deaths"] == ["other 0: silent, killed"]
