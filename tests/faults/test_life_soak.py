"""A day of work in less: at full speed, with kills, questions and changes of scale, nothing grows."""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path

import pytest

from pipeline.admin import ask
from pipeline.requests import Scale, Status
from tests.faults.health import assert_healthy_or_down
from tests.faults.mortal import mortal
from tests.levels import Levels
from tests.runs import Run
from tests.waiting import wait_until

SAMPLE_S, KILL_S, SCALE_S = 0.25, 1.5, 4.0
MINUTES = float(os.environ.get("MINUTES") or 10)
LASTING = ("supervisor", "ingest", "memory", "output")  # the stages whose workers are not killed


class Soak:
    """Watches a run for some seconds, and keeps it busy with kills and requests meanwhile."""

    def __init__(self, run: Run) -> None:
        self.kills = 0
        self._run = run
        self.levels = Levels(self._lasting())
        self._next = dict.fromkeys(("sample", "kill", "scale"), time.monotonic())
        self._scales = [3, 1, 2]

    def _lasting(self) -> dict[str, int]:
        stages = ask("mortal", Status())["stages"]
        found = {name: stages[name]["workers"][0]["pid"] for name in LASTING[1:]}
        return found | {"supervisor": self._run.process.pid}

    def last(self, seconds: float) -> None:
        until = time.monotonic() + seconds
        wait_until(lambda: self._step(time.monotonic()) >= until, timeout=seconds + 60)

    def _step(self, now: float) -> float:
        if self._due("sample", now, SAMPLE_S):
            self.levels.take(ask("mortal", Status()))
        if self._due("kill", now, KILL_S):
            for worker in self._run.workers("negative")[:1]:
                worker.kill()
                self.kills += 1
        if self._due("scale", now, SCALE_S):
            self._scales.append(self._scales.pop(0))
            ask("mortal", Scale(stage="negative", workers=self._scales[0]))
        return now

    def _due(self, what: str, now: float, every: float) -> bool:
        due = now >= self._next[what]
        if due:
            self._next[what] = now + every
        return due


def assert_whole(run: Run, count: int) -> None:
    """Every line as it should be, read one by one: there may be millions."""
    total = 0
    with run.output.open() as file:
        for at, line in enumerate(file):
            total = (total + at % 251) % 251
            assert line == f"{at} {at} 0 1 {total}\n"
    assert at + 1 == count


def soak(folder: Path, seconds: float, monkeypatch: pytest.MonkeyPatch, *, most_slope: float) -> Soak:
    monkeypatch.setenv("CLEANPLATE_STATE", str(folder / "state"))
    config = mortal(folder, ingest={"count": 100_000_000})
    config["max_tries"] = 1000
    config["slots"] = 12
    run = Run(folder, config, "--set", "negative.restart={max_restarts: 1000}")
    wait_until(lambda: run.output.exists() and run.output.stat().st_size > 20)
    watched = Soak(run)
    watched.last(seconds)
    run.process.send_signal(signal.SIGTERM)
    ended = run.end()
    assert ended.code == 143, ended.stderr
    assert_whole(run, ended.frames["accepted"])
    assert_healthy_or_down(run)
    assert ended.report["ledger_balanced"]
    assert watched.kills >= seconds / KILL_S / 3
    logs = sum(path.stat().st_size for path in (folder / "state" / "logs").iterdir())
    assert logs <= 3 * 600_000
    watched.levels.assert_level(most_slope=most_slope)
    return watched


@pytest.mark.long
@pytest.mark.fault("G7")
def test_nothing_grows_in_a_sample_of_a_day(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Over so few frames that only a leak on every one of them, or on every kill, would show."""
    soak(tmp_path, 20.0, monkeypatch, most_slope=100.0)


@pytest.mark.fault("G7")
@pytest.mark.torture
@pytest.mark.timeout(60 * MINUTES + 300)
def test_nothing_grows_in_a_day_of_frames(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Half a megabyte for 100,000 frames at most, and frames come out as fast at the end as at the beginning."""
    watched = soak(tmp_path, 60 * MINUTES, monkeypatch, most_slope=5.0)
    watched.levels.assert_as_quick_at_the_end()
