"""An hour of a live source in minutes: twenty times as fast, lost again and again, its pipeline changed meanwhile."""

from __future__ import annotations

import gc
import itertools
import os
import signal
import time
from pathlib import Path

import numpy as np
import pytest
from av import VideoFrame

from pipeline.admin import ask
from pipeline.frame import Frame
from pipeline.requests import Change, Status
from tests.faults.health import processes_of
from tests.levels import Levels
from tests.runs import Ended, Run
from tests.toys_load import Dropping
from tests.waiting import wait_until

pytestmark = pytest.mark.real

RATE = 20 * 30  # frames a second
NAME = "hour"
FRAMES = int(os.environ.get("FRAMES") or 100_000)
LASTING = ("ingest", "memory", "work", "output", "watch")


def pipeline(folder: Path, lasts: float) -> dict[str, object]:
    """Every kind of stage that there is: a source that is lost, one with a memory that recalls, one with several
    workers and a live setting, a sink that is only that, and one that hears news and is idle."""
    return {
        "name": NAME,
        "stages": [
            {"name": "ingest", "uses": "tests.toys_load:Dropping",
             "with": {"input": "drawn", "rate": RATE, "lasts": lasts, "check": False}},
            {"name": "memory", "uses": "tests.toys_load:Recall"},
            {"name": "work", "uses": "tests.toys_load:Slow", "workers": 2, "with": {"ms": 0.0}},
            {"name": "output", "uses": "tests.toys_load:Count"},
            {"name": "watch", "after": "work", "uses": "tests.toys_patient:Watchful",
             "with": {"output": str(folder / "watch.txt")}},
        ],
    }  # fmt: skip


def soak(folder: Path, frames: int, lasts: float, monkeypatch: pytest.MonkeyPatch) -> tuple[Levels, Ended]:
    """A run of about so many frames; every quarter of a second it is looked at, every second it is changed."""
    monkeypatch.setenv("CLEANPLATE_STATE", str(folder / "state"))
    run = Run(folder, pipeline(folder, lasts))
    wait_until(lambda: (folder / "state" / NAME / "info.json").exists())
    wait_until(lambda: ask(NAME, Status())["frames"]["output"] > 100)
    stages = ask(NAME, Status())["stages"]
    levels = Levels({name: stages[name]["workers"][0]["pid"] for name in LASTING} | {"supervisor": run.process.pid})
    settings = itertools.cycle((0.5, 1.0, 0.0))
    looked = changed = 0.0

    def step() -> bool:
        nonlocal looked, changed
        now = time.monotonic()
        if now - changed >= 1.0:
            changed = now
            ask(NAME, Change(stage="work", field="ms", value=next(settings)))
        if now - looked >= 0.25:
            looked = now
            status = ask(NAME, Status())
            levels.take(status)
            return bool(status["frames"]["accepted"] >= frames)
        return False

    wait_until(step, timeout=60 + frames / 100)
    run.process.send_signal(signal.SIGTERM)
    return levels, run.end()


def assert_went_well(folder: Path, ended: Ended, frames: int, drops: int) -> None:
    assert ended.code == 143, ended.stderr
    told = ended.frames
    assert told["accepted"] == told["output"] + sum(told["dropped"].values()) >= frames
    assert ended.report["ledger_balanced"]
    assert ended.report["runtime"]["deaths"] == []
    assert ended.report["stages"]["ingest"]["counts"]["reconnects"] >= drops
    assert len(ended.report["changes"]) >= drops
    logs = sum(path.stat().st_size for path in (folder / "state" / "logs").iterdir())
    print(f"{told}; {ended.report['seconds']} s; {ended.report['stages']['ingest']['counts']}; {logs} bytes of log")
    assert logs <= 3 * 600_000
    assert processes_of(folder) == []


@pytest.mark.long
def test_nothing_grows_in_some_minutes_of_a_camera(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Over so few frames that only a leak on every one of them, or at every loss of the source, would show."""
    levels, ended = soak(tmp_path, 8000, 2.0, monkeypatch)
    assert_went_well(tmp_path, ended, 8000, 4)
    levels.assert_level(most_slope=100.0)


@pytest.mark.torture
@pytest.mark.timeout(60 + FRAMES / 50)
def test_nothing_grows_in_an_hour_of_a_camera(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Half a megabyte for 100,000 frames at most, and frames are as new at the end as at the beginning."""
    levels, ended = soak(tmp_path, FRAMES, 5.0, monkeypatch)
    assert_went_well(tmp_path, ended, FRAMES, FRAMES // RATE // 10)
    levels.assert_level(most_slope=5.0)
    levels.assert_as_quick_at_the_end()


def test_of_a_lost_connection_no_picture_is_left() -> None:
    """Also where Python has not looked for garbage since."""
    source = Dropping(input="drawn", lasts=0.05, check=False)
    gc.collect()
    gc.disable()
    try:
        spec = source.open()
        source._frame = Frame({"image": np.zeros((spec.height, spec.width, 3), np.uint8)})
        for _ in source.frames():
            if source.context.counts["reconnects"] >= 8:
                break
        pictures = sum(type(thing) is VideoFrame for thing in gc.get_objects())
        assert pictures <= 6, "this connection's first one, and what is being passed on"
    finally:
        gc.enable()
        source.close()
