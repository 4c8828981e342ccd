"""Workers are added and removed while frames flow, and while others are killed: no frame is lost or out of order."""

from __future__ import annotations

import json
import random
import signal
from pathlib import Path
from typing import Any

import psutil
import pytest

from pipeline.admin import ask
from pipeline.errors import ConfigError
from pipeline.requests import Scale, Status
from tests.commands import cleanplate
from tests.faults.health import assert_healthy_or_down
from tests.faults.mortal import expected, mortal
from tests.runs import Run
from tests.waiting import wait_until


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    """A run whose one worker of `negative` has more to do than it can."""
    monkeypatch.setenv("CLEANPLATE_STATE", str(tmp_path / "state"))
    config = mortal(tmp_path, ingest={"count": 1_000_000}, negative={"sleep": 0.01})
    config["stages"][2]["workers"] = 1
    config["slots"] = 12
    going = Run(tmp_path, config)
    wait_until(lambda: going.output.exists() and going.output.stat().st_size > 20)
    return going


def workers() -> list[dict[str, Any]]:
    return ask("mortal", Status())["stages"]["negative"]["workers"]  # type: ignore[no-any-return]


def staffed(count: int) -> bool:
    """Whether so many work, and nobody else is there."""
    found = workers()
    return [one["state"] for one in found] == ["ready"] * count


def end(run: Run) -> None:
    """Everything that was taken in has come out, once and in order."""
    run.process.send_signal(signal.SIGTERM)
    ended = run.end()
    assert ended.code == 143, ended.stderr
    assert ended.frames["accepted"] == ended.frames["output"]
    assert run.lines() == expected(ended.frames["output"])
    assert_healthy_or_down(run, ended)


@pytest.mark.long
@pytest.mark.fault("A18")
def test_a_stage_is_scaled_to_four_and_back_while_frames_flow(run: Run) -> None:
    """The new workers do their part; who leaves finishes first and is no death."""
    first = workers()[0]["pid"]
    ask("mortal", Scale(stage="negative", workers=4))
    wait_until(lambda: staffed(4) and all(one["frames"] > 5 for one in workers()))
    leaving = [psutil.Process(one["pid"]) for one in workers() if one["pid"] != first]
    ask("mortal", Scale(stage="negative", workers=1))
    wait_until(lambda: staffed(1))
    assert psutil.wait_procs(leaving, timeout=10)[1] == []
    assert workers()[0]["pid"] == first
    done = workers()[0]["frames"]
    wait_until(lambda: workers()[0]["frames"] > done + 10)
    status = ask("mortal", Status())
    assert status["deaths"] == []
    assert status["ledger_balanced"]
    end(run)
    (log,) = (run.folder / "state" / "logs").glob("*.log")
    records = [json.loads(line) for line in log.read_text().splitlines()]
    ends = [one["text"] for one in records if one["kind"] == "ended" and one["stage"].startswith("negative")]
    assert len(ends) == 4
    assert all("exit code 0" in text for text in ends)


@pytest.mark.fault("A18")
def test_a_stage_cannot_be_scaled_to_nothing_nor_one_that_keeps_state_to_two(run: Run) -> None:
    done = cleanplate("scale", "mortal", "negative=0")
    assert done.returncode == 2
    assert len(done.stderr.strip().splitlines()) == 1
    with pytest.raises(ConfigError, match="keeps state"):
        ask("mortal", Scale(stage="memory", workers=2))
    assert staffed(1)
    end(run)


@pytest.mark.fault("A18")
def test_a_stage_is_scaled_up_and_down_while_its_workers_are_killed(run: Run) -> None:
    """Each time one is killed at once, whether it stays, leaves or has only just been born."""
    seed = random.randrange(1 << 30)
    print(f"{seed = }")
    chance = random.Random(seed)
    killed = 0
    for count in (4, 1, 3, 2, 4, 1):
        ask("mortal", Scale(stage="negative", workers=count))
        victim = chance.choice(workers())["pid"]
        if psutil.pid_exists(victim):
            psutil.Process(victim).kill()
            killed += 1
        wait_until(lambda count=count: staffed(count))
    assert killed >= 3
    end(run)
