"""The model of a pipeline's rate: the slowest stage, the cores, and what more workers would change."""

from __future__ import annotations

import math

import pytest

from benchmarks.model import Cost, Pipeline, best_share, bounds, cpu_s, next_number, predict, service_s


def row(*costs: Cost, cores: int = 2, **more: float) -> Pipeline:
    return Pipeline(costs, cores, **more)  # type: ignore[arg-type]


SLEEP = Cost("sleep", 0.040, 0.0004)
SOURCE = Cost("ingest", 0.001, 0.001, scalable=False)
SINK = Cost("output", 0.0005, 0.0005, scalable=False)


@pytest.mark.parametrize(("workers", "rate"), [(1, 25), (2, 50), (3, 75), (4, 100)])
def test_a_stage_that_only_waits_grows_with_its_workers(workers: int, rate: float) -> None:
    found = predict(row(SOURCE, SLEEP, SINK), {"sleep": workers})
    assert (found.what, found.rate) == (("stage", "sleep"), pytest.approx(rate))


def test_the_way_of_a_frame_counts_unless_it_is_hidden_behind_the_work() -> None:
    slow_hop = row(SLEEP, hop_s=0.010)
    assert predict(slow_hop).rate == pytest.approx(20)
    ahead = row(Cost("sleep", 0.040, ahead=True), hop_s=0.010)
    assert predict(ahead).rate == pytest.approx(25)
    assert predict(ahead, {"sleep": 2}).rate == pytest.approx(40)


def test_two_busy_stages_on_two_cores_leave_nothing_for_another_worker() -> None:
    busy = row(SOURCE, Cost("a", 0.020, 0.020), Cost("b", 0.021, 0.021), SINK)
    assert predict(busy).what == ("cores", "")
    assert predict(busy).rate == pytest.approx(2 / 0.0425)
    assert predict(busy, {"a": 4, "b": 4}).rate == predict(busy).rate


def test_a_busy_stage_gains_until_the_cores_are_in_use() -> None:
    busy = row(Cost("a", 0.040, 0.040), SINK)
    assert predict(busy).what == ("stage", "a")
    assert next_number(busy, "a") == 2
    then = predict(busy, {"a": 2})
    assert (then.what, then.rate) == (("cores", ""), pytest.approx(2 / 0.0405))


def test_more_workers_with_fewer_threads_each_do_the_same_work_more_slowly() -> None:
    """29 ms on two threads, of which 57 ms of CPU: all of it in parallel but a millisecond."""
    network = Cost("net", 0.029, 0.057, heavy=True)
    assert service_s(network, 1, 2) == pytest.approx(0.029)
    assert service_s(network, 2, 2) == pytest.approx(0.057)
    assert service_s(network, 3, 2) == pytest.approx(0.057)
    assert predict(row(network), {"net": 2}).rate == pytest.approx(2 / 0.057)
    assert next_number(row(network), "net") is None


def test_threads_are_given_back_where_the_stage_had_several_workers() -> None:
    measured = Cost("net", 0.020, 0.050, workers=2, heavy=True)
    assert service_s(measured, 1, 8) == pytest.approx(0.015)  # 10 serial, 40 on eight threads instead of four
    assert service_s(measured, 2, 8) == pytest.approx(0.020)
    assert service_s(measured, 8, 8) == pytest.approx(0.050)


def test_a_heavy_stage_that_waits_for_a_device_keeps_its_time() -> None:
    assert service_s(Cost("net", 0.030, 0.004, heavy=True), 4, 8) == 0.030


def test_one_that_takes_more_threads_than_it_was_given_is_not_made_slower_by_arithmetic() -> None:
    assert service_s(Cost("net", 0.030, 0.060, workers=4, heavy=True), 1, 2) == 0.030


def test_the_number_of_workers_is_the_least_that_moves_the_bottleneck() -> None:
    pipeline = row(SOURCE, SLEEP, Cost("second", 0.015, 0.0), SINK)
    assert next_number(pipeline, "sleep") == 3  # 2: still 50 of 66
    assert predict(pipeline, {"sleep": 3}).what == ("stage", "second")


def test_what_cannot_have_several_workers_is_not_given_any() -> None:
    assert next_number(row(Cost("plate", 0.040, scalable=False)), "plate") is None
    assert next_number(row(Cost("net", 0.040, device="cuda:0")), "net") is None


def test_a_gain_that_is_not_worth_it_is_none() -> None:
    assert next_number(row(SLEEP, Cost("second", 0.0395)), "sleep") is None


def test_too_few_slots_make_the_stages_take_turns() -> None:
    pipeline = row(Cost("a", 0.010), Cost("b", 0.010, after="a"), Cost("c", 0.020, after="a"), slots=2)
    assert predict(pipeline).rate == pytest.approx(50)
    assert predict(pipeline, {"c": 4}).what == ("slots", "")
    assert predict(pipeline, {"c": 4}).rate == pytest.approx(2 / 0.030)  # the longer branch


def test_the_supervisor_is_a_bound_too_and_counts_among_the_cores() -> None:
    pipeline = row(Cost("none", 1e-6), control_s=0.0005)
    assert predict(pipeline).what == ("control", "")
    assert predict(pipeline).rate == pytest.approx(2000)
    assert bounds(pipeline)[1].what == ("cores", "")


def test_no_cost_is_no_bound() -> None:
    assert math.isinf(predict(row(Cost("none", 0.0))).rate)


SPINS = Cost("net", 0.042, 0.071, heavy=True, by_threads={2: (0.027, 0.060), 1: (0.043, 0.044)})


def test_what_was_measured_with_fewer_threads_goes_before_the_formula() -> None:
    assert (service_s(SPINS, 2, 2), cpu_s(SPINS, 2, 2)) == (0.043, 0.044)
    assert (service_s(SPINS, 1, 2), cpu_s(SPINS, 1, 2)) == (0.042, 0.071), "beside the others, as it was measured"


def test_workers_with_one_thread_each_are_advised_where_threads_wait_for_each_other() -> None:
    """The very figures of `remove-people` on two cores, which then measured 32.3 frames/s."""
    held = row(SPINS, Cost("others", 0.007, 0.019, scalable=False))
    assert predict(held).what == ("cores", "")
    assert best_share(held) == ("net", 2)
    assert predict(held, {"net": 2}).rate == pytest.approx(2 / 0.063)


def test_where_threads_cost_nothing_no_other_share_is_advised() -> None:
    fair = row(Cost("net", 0.030, 0.060, heavy=True, by_threads={1: (0.060, 0.060)}), Cost("b", 0.01, 0.01))
    assert predict(fair).what == ("cores", "")
    assert best_share(fair) is None
