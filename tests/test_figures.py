"""What two looks at a run say together."""

from __future__ import annotations

import pytest

from pipeline.cli.figures import HISTORY, WINDOW_S, Look, Trend
from pipeline.cli.usage import Device, Usage
from tests.answers import answer

SECOND_INPAINTER = 1301


def test_one_look_gives_counts_and_no_rates() -> None:
    figures = Trend().add(Look(answer(), 0.0))
    assert figures.rate is None
    assert figures.history == ()
    assert figures.slowest is None
    assert [stage.frames for stage in figures.stages] == [230] * 5
    assert all(worker.rate is worker.cpu is worker.memory is None for s in figures.stages for worker in s.workers)


def test_two_looks_give_rates_of_the_run_its_stages_and_each_worker() -> None:
    trend = Trend()
    trend.add(Look(answer(frames=100), 50.0, {SECOND_INPAINTER: Usage(3.0, 1)}))
    figures = trend.add(Look(answer(frames=140), 52.0, {SECOND_INPAINTER: Usage(4.5, 7 << 20, 9 << 20, 0.4)}))
    assert figures.rate == figures.stages[1].rate == pytest.approx(20.0)
    first, second = figures.stages[3].workers
    assert first.rate == second.rate == pytest.approx(10.0)
    assert (first.cpu, second.cpu) == (None, pytest.approx(0.75))
    assert (second.memory, second.gpu_memory, second.gpu_share) == (7 << 20, 9 << 20, 0.4)
    assert figures.history == (pytest.approx(20.0),)


def test_blank_frames_are_out_too() -> None:
    trend = Trend()
    one, two = answer(frames=100), answer(frames=100)
    two["frames"]["blanked"] = 30
    trend.add(Look(one, 0.0))
    assert trend.add(Look(two, 1.0)).rate == pytest.approx(30.0)


def test_rates_are_of_the_last_seconds_and_not_since_the_start() -> None:
    trend = Trend()
    for at in range(60):
        figures = trend.add(Look(answer(frames=10 * at if at < 30 else 300 + 2 * (at - 30)), float(at)))
    assert figures.rate == pytest.approx(2.0)
    assert figures.history[0] == pytest.approx(10.0)
    assert WINDOW_S < 10


def test_looks_that_are_far_apart_still_give_a_rate() -> None:
    trend = Trend()
    trend.add(Look(answer(frames=0), 0.0))
    assert trend.add(Look(answer(frames=500), 100.0)).rate == pytest.approx(5.0)


def test_the_stage_that_is_busy_most_is_the_slowest_counted_for_each_worker() -> None:
    """Inpainting takes 83 ms, but two share it; at 20 frames/s that is 83 % of each, segmentation's one has 76 %."""
    trend = Trend()
    trend.add(Look(answer(frames=0), 0.0))
    figures = trend.add(Look(answer(frames=20), 1.0))
    loads = {stage.name: stage.load for stage in figures.stages}
    assert loads["inpainting"] == pytest.approx(0.832)
    assert loads["segmentation"] == pytest.approx(0.762)
    assert figures.slowest is not None
    assert figures.slowest.name == "inpainting"


def test_a_worker_that_has_just_come_has_no_rate_until_it_was_seen_twice() -> None:
    trend = Trend()
    trend.add(Look(answer(frames=100, inpainting=1), 0.0))
    new = trend.add(Look(answer(frames=120), 1.0)).stages[3].workers
    assert (new[0].rate is None, new[1].rate) == (False, None)
    assert trend.add(Look(answer(frames=140), 2.0)).stages[3].workers[1].rate == pytest.approx(10.0)


def test_a_counter_that_begins_anew_gives_no_negative_rate() -> None:
    trend = Trend()
    trend.add(Look(answer(frames=100), 0.0))
    assert trend.add(Look(answer(frames=3), 1.0)).rate == 0.0


def test_a_stage_without_any_ready_worker_has_no_load() -> None:
    trend = Trend()
    trend.add(Look(answer(frames=1), 0.0))
    told = answer(frames=9)
    for worker in told["stages"]["inpainting"]["workers"]:
        worker["state"] = "setup"
    assert trend.add(Look(told, 1.0)).stages[3].load is None


def test_what_is_kept_is_bounded_however_long_one_looks() -> None:
    trend = Trend()
    for at in range(HISTORY + 50):
        figures = trend.add(Look(answer(frames=at), float(at), devices=[Device(0, "gpu", 0.5, 1, 2)]))
    assert len(figures.history) == HISTORY
    assert len(trend._looks) < 20
    assert figures.devices[0].name == "gpu"
