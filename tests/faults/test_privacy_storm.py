"""A storm over a live privacy run: every stage and sink killed, frozen, slowed and crashed; nothing is ever seen."""

from __future__ import annotations

import os
import random
import signal
import time
from collections import Counter
from contextlib import suppress
from pathlib import Path
from typing import Any

import psutil
import pytest

from tests.faults.canary import leaks_in, pipeline, to_file
from tests.faults.health import assert_truthful
from tests.faults.onlookers import Onlookers, sinks_that_hold_too_much
from tests.runs import Run
from tests.waiting import wait_until

FEW, MANY = 1, 20
SINKS = ("file", "record", "images", "page", "mjpeg", "tcp")
STAGES = ("ingest", "detection", "tracking", "cover", *SINKS)
DEEDS = ("kill", "freeze", "slow", "crash")
LONG_FREEZE = 0.1  # of all freezes: until its deadline is over
SHOWN = 5  # pictures that each who looks sees after every round
CYCLE = 41
ANSWERS = {
    3: "nan", 7: "raise", 11: "none", 13: "inverted", 17: "shape", 23: "far", 29: "reordered", 31: "inf", 37: "score",
}  # fmt: skip


def config(folder: Path, onlookers: Onlookers) -> dict[str, Any]:
    folder.joinpath("out").mkdir()
    sinks = [to_file(folder), *onlookers.sinks()]
    images = {"output": f"{folder}/out/images/"}
    record = {"output": f"recording:{folder}/out/record", "length": 2, "keep_free_gb": 0}
    sinks.append({"name": "images", "uses": "stages.output.images:Images", "with": images})
    sinks.append({"name": "record", "uses": "stages.output.recording:Recording", "with": record})
    source = {"count": 1_000_000, "sleep": 0.03, "lost": list(range(50, 5000, 97))}
    detection = {"deeds": ANSWERS, "cycle": CYCLE, "every": 2}
    made = pipeline(folder, *sinks, source="LiveParade", ingest=source, detection=detection)
    for stage in made["stages"]:
        stage["restart"] = {"max_restarts": 100_000, "within_s": 0.001}
    return made | {"blank": "hold_last", "slots": 24}


class Weather:
    """Blows of one run; each of its rounds has a seed of its own."""

    def __init__(self, run: Run) -> None:
        self._run = run
        self.done: Counter[str] = Counter()

    def round(self, seed: int) -> None:
        """Every stage once, in some order, each with another deed than in the round before."""
        rng = random.Random(seed)
        for stage in rng.sample(STAGES, len(STAGES)):
            deed = DEEDS[(seed + STAGES.index(stage)) % len(DEEDS)]
            wait_until(lambda stage=stage: self._run.workers(stage), timeout=60)
            with suppress(psutil.Error, IndexError):
                self._blow(rng, stage, deed, rng.choice(self._run.workers(stage)))

    def _blow(self, rng: random.Random, stage: str, deed: str, victim: psutil.Process) -> None:
        match deed:
            case "kill":
                victim.kill()
            case "crash":
                victim.send_signal(signal.SIGSEGV)
            case "slow":
                victim.nice(19)
            case "freeze":
                victim.suspend()
                self._wait(2.5 if rng.random() < LONG_FREEZE else rng.uniform(0.01, 0.3))
                victim.resume()
        self.done[f"{deed} {stage}"] += 1
        self._wait(rng.uniform(0.02, 0.2))

    def _wait(self, seconds: float) -> None:
        with suppress(Exception):
            self._run.process.wait(timeout=seconds)
        assert self._run.process.poll() is None, (self._run.folder / "stderr").read_text()


def storm(folder: Path, rounds: int) -> None:
    first = int(os.environ.get("SEED") or random.SystemRandom().randrange(1 << 31))
    print(f"SEED={first} (rounds {first} to {first + rounds - 1})")
    onlookers = Onlookers(folder)
    with onlookers.looking():
        run = Run(folder, config(folder, onlookers), "--name", "storm")
        onlookers.wait(SHOWN)
        weather, begun = Weather(run), time.monotonic()
        for seed in range(first, first + rounds):
            weather.round(seed)
            assert sinks_that_hold_too_much(run, SINKS) == [], seed
            onlookers.wait(SHOWN)  # of a storm in which nothing gets through nothing is learnt
            assert onlookers.leaks == [], seed
        run.process.send_signal(signal.SIGTERM)
        ended = run.end(120)
    leaks, looked = leaks_in(folder)
    blanks, frames = ended.report["blanks"], ended.frames
    restarts = sum(stage["restarts"] for stage in ended.report["stages"].values())
    print(f"{time.monotonic() - begun:.0f} s, {dict(weather.done)}, {restarts} restarts, {frames}, {blanks}")
    print(f"looked at: {looked} pictures of files, {dict(onlookers.seen)}; leaks: {leaks + onlookers.leaks}")
    assert leaks + onlookers.leaks == []
    assert ended.code == 143, ended.stderr
    assert_truthful(ended.code, ended.report)
    assert frames["output"] > SHOWN * rounds
    assert frames["blanked"] > rounds / 2
    assert sum(blanks["why"].values()) == frames["blanked"]
    assert restarts >= 3 * rounds
    assert looked > SHOWN * rounds
    for name in ("clean.mkv", "images", "record"):
        assert (folder / "out" / name).exists()


@pytest.mark.fault("E12")
@pytest.mark.real
def test_a_short_storm_shows_nothing_of_what_is_protected(tmp_path: Path) -> None:
    storm(tmp_path, FEW)


@pytest.mark.fault("E12")
@pytest.mark.torture
@pytest.mark.timeout(1800)
def test_twenty_rounds_of_storm_show_nothing_of_what_is_protected(tmp_path: Path) -> None:
    storm(tmp_path, MANY)
