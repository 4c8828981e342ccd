"""Noise: the same code measured twice is no loss, and a stage that became 30 % slower is one."""

from __future__ import annotations

import math
import random
import statistics
from pathlib import Path
from typing import Any

import pytest

from benchmarks import results
from benchmarks.noise import deviation, uncertainty
from pipeline.errors import ConfigError

SEED = 20_260
RECORDED = sorted(results.FOLDER.glob("*.json"))


def measured(rng: random.Random, spread: float, slower: float = 1.0, rounds: int = 5) -> dict[str, Any]:
    """A result of a stage of 20 ms and a pipeline of 45 frames/s, each round off by its own normal error."""
    times = [20.0 * slower * rng.gauss(1, spread) for _ in range(rounds)]
    rates = [45.0 / slower * rng.gauss(1, spread) for _ in range(rounds)]
    return {
        "alone": {"p50_ms": statistics.median(times), "p50_ms_of_rounds": times},
        "whole": {"fps": statistics.median(rates), "fps_of_rounds": rates},
    }


@pytest.mark.parametrize("rounds", [2, 3, 5, 9])
@pytest.mark.parametrize("spread", [0.0, 0.02, 0.05, 0.1, 0.2])
def test_the_same_code_twice_never_fails(spread: float, rounds: int) -> None:
    print(f"{SEED = }")
    rng = random.Random(SEED)
    for _ in range(1000):
        old, new = measured(rng, spread, rounds=rounds), measured(rng, spread, rounds=rounds)
        assert results.losses(old, new, 0.15) == []


@pytest.mark.parametrize("path", RECORDED, ids=lambda path: path.stem)
def test_nor_does_it_under_the_noise_that_was_recorded(path: Path) -> None:
    """Results of as many rounds as were kept, each round off by what was found to be its figure's spread."""
    print(f"{SEED = }")
    rng = random.Random(SEED)
    content = results.load(path)
    kept = {name: figure for name, figure in results._figures(content, "") if figure.rounds}
    if content["question"] == "pipeline":
        assert "whole.fps" in kept
        assert len(kept) > 5

    def again() -> dict[str, Any]:
        drawn: dict[str, Any] = {}
        for name, figure in kept.items():
            spread = deviation(figure.rounds) / max(1e-9, abs(figure.value))
            rounds = [figure.value * math.exp(rng.gauss(0, spread)) for _ in figure.rounds]
            parent, _, key = name.rpartition(".")
            drawn.setdefault(parent, {}).update({key: statistics.median(rounds), f"{key}_of_rounds": rounds})
        return drawn

    for _ in range(300 if kept else 0):
        assert results.losses(again(), again(), 0.15) == []


@pytest.mark.parametrize("spread", [0.0, 0.01, 0.02])
def test_a_stage_that_is_30_percent_slower_is_found(spread: float) -> None:
    rng = random.Random(SEED)
    found = [results.losses(measured(rng, spread), measured(rng, spread, slower=1.3), 0.15) for _ in range(500)]
    assert all(any(line.startswith("alone.p50_ms: ") for line in lines) for lines in found)


def test_a_gain_is_no_loss_whatever_its_size() -> None:
    rng = random.Random(SEED)
    assert results.losses(measured(rng, 0.01, slower=1.3), measured(rng, 0.01), 0.0) == []


def test_the_tolerance_is_the_least_that_counts() -> None:
    rng = random.Random(SEED)
    old, new = measured(rng, 0.001), measured(rng, 0.001, slower=1.1)
    assert results.losses(old, new, 0.15) == []
    assert len(results.losses(old, new, 0.05)) == 2


def test_the_deviation_is_that_of_the_rounds() -> None:
    rng = random.Random(SEED)
    estimates = [deviation([rng.gauss(100, 5) for _ in range(5)]) for _ in range(2000)]
    assert 5.0 < sum(estimates) / len(estimates) < 7.5  # the larger of two
    assert deviation([3.0]) == deviation([]) == 0.0
    assert uncertainty([1.0], [2.0]) == 0.0


def test_a_figure_that_was_nothing_can_become_something() -> None:
    (line,) = results.losses({"p50_ms": 0.0}, {"p50_ms": 1.0}, 0.15)
    assert line == "p50_ms: 0 -> 1 (worse; noise 0 %)"


def test_microseconds_are_no_loss_whatever_their_share() -> None:
    assert results.losses({"p50_ms": 0.03}, {"p50_ms": 0.07}, 0.15) == []
    assert len(results.losses({"p50_ms": 0.03}, {"p50_ms": 0.09}, 0.15)) == 1
    assert len(results.losses({"hop_per_memcpy": 0.03}, {"hop_per_memcpy": 0.07}, 0.15)) == 1


def test_only_what_was_measured_over_the_same_is_compared() -> None:
    old = {"config": "a", "clip": "x.mp4", "stand_ins": {"net": {"service_ms": 40.0, "cpu_ms": 0.0, "from": "--time"}}}
    same = {"net": {"service_ms": 40.0, "cpu_ms": 0.0, "from": "recorded"}}
    results.comparable(old, "a", "x.mp4", same)
    with pytest.raises(ConfigError, match="result of the configuration a, this one of b"):
        results.comparable(old, "b", "x.mp4", same)
    with pytest.raises(ConfigError, match=r"result of the clip x\.mp4, this one of y\.mp4"):
        results.comparable(old, "a", "y.mp4", same)
    with pytest.raises(ConfigError, match="there net was a stand-in, here nothing is"):
        results.comparable(old, "a", "x.mp4", {})
