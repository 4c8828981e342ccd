"""The benchmarks of the transport on real processes: their figures are sane, and what spoils them shows."""

from __future__ import annotations

import os
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from benchmarks import copying, devices, goals, gpu, overlap, overload, results, scaling, tables, throughput, transport
from pipeline.errors import RunError

pytestmark = [pytest.mark.real, pytest.mark.alone]

FRAME = 320 * 240 * 3
HOP_US = 250
QUESTIONS: dict[str, Callable[[], transport.Figures]] = {
    "throughput": lambda: throughput.measure(frames=400, warm=50),
    "copying": copying.measure,
    "overlap": lambda: overlap.measure(frames=40),
    "scaling": lambda: scaling.measure(frames=10),
    "devices": lambda: devices.measure(frames=25),
    "overload": lambda: overload.measure(HOP_US, frames=40),
}


@cache
def answer(question: str) -> transport.Figures:
    """Each question is asked once: its own test looks at the figures, and the whole is put together of them."""
    return QUESTIONS[question]()


def test_frames_go_through_stages_that_do_nothing() -> None:
    found = answer("throughput")
    assert 50 < found["frames_per_s_no_op"] < 1e5
    assert 0 < found["control_ms_per_frame"] < found["all_cpu_ms_per_frame"] + 1
    assert found["all_cpu_ms_per_frame"] > 0


def test_too_few_frames_give_no_cost() -> None:
    with pytest.raises(RunError, match="1 frames are too few"):
        throughput.measure(frames=1, warm=0)


@pytest.mark.long
def test_a_slow_stage_shows_in_the_throughput() -> None:
    assert throughput.measure(frames=60, warm=5, stage="tests.spoilers:Hiding")["frames_per_s_no_op"] < 50


def test_the_runtime_touches_no_byte_of_a_frame_and_one_that_copies_is_seen() -> None:
    found = answer("copying")
    assert found["runtime_bytes_copied_per_frame"] == 0
    assert found["runtime_page_faults_per_frame"] < 5
    assert 0.9 < found["copying_stage_seen"] < 1.5


@pytest.mark.long
def test_a_look_at_each_row_of_a_frame_is_seen() -> None:
    """One pixel of each row: a row of 320 pixels is less than a page, so that is the whole frame again."""
    bytes_, _ = copying.touched(320, 240, "tests.spoilers:Peeking")
    assert bytes_ - answer("copying")["runtime_slot_bytes_touched"] > 0.9 * FRAME


@pytest.mark.long
def test_fresh_memory_for_each_frame_is_seen() -> None:
    _, faults = copying.touched(320, 240, "tests.spoilers:Greedy")
    assert faults > FRAME / 4096 / 2


def test_a_machine_that_marks_no_pages_gives_no_figure(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(copying, "_touched", lambda pid: 0)
    blind = copying.touched(320, 240, copying.COPYING)
    monkeypatch.setattr(copying, "touched", lambda *_: blind)  # it would see no more in the other runs
    with pytest.raises(RunError, match=r"seen to touch 0\.00 of one"):
        copying.measure()


def test_stages_overlap() -> None:
    found = answer("overlap")
    assert 0.7 < found["overlap"] <= 1.02
    assert 50 < found["overlap_frames_per_s"] <= 102


@pytest.mark.long
def test_stages_that_wait_for_each_other_do_not_overlap() -> None:
    assert overlap.measure(frames=30, stage="tests.spoilers:Serial")["overlap"] < 0.6


def test_four_workers_do_the_work_of_four() -> None:
    assert 0.7 < answer("scaling")["scaling_4_workers"] < 1.2


@pytest.mark.long
def test_workers_that_wait_for_each_other_bring_nothing() -> None:
    assert scaling.measure(frames=5, stage="tests.spoilers:Serial")["scaling_4_workers"] < 0.4


def test_frames_out_of_order_are_no_result(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("benchmarks.diary.Timeline.in_order", lambda self, stage: False)
    with pytest.raises(RunError, match="4 workers: the frames came out in another order"):
        scaling.rate(4, frames=4)


def test_two_devices_work_at_the_same_time() -> None:
    assert 0.8 < answer("devices")["two_devices"] < 1.2


@pytest.mark.long
def test_two_devices_that_are_one_show() -> None:
    assert devices.measure(frames=12, stage="tests.spoilers:Serial")["two_devices"] < 0.8


def test_a_live_source_that_brings_too_much_keeps_the_bottleneck_busy() -> None:
    found = answer("overload")
    assert 0.7 < found["overload_output"] <= 1.02
    assert found["half_load_p99_ms"] >= 32
    assert found["overload_p99_ms"] >= 32
    assert found["overload_p99_latency"] == pytest.approx(found["overload_p99_ms"] / found["half_load_p99_ms"])
    assert 0.95 < found["e2e_at_half_load"] < 2


@pytest.mark.long
def test_a_bottleneck_that_is_kept_from_its_work_shows() -> None:
    found = overload.measure(HOP_US, frames=30, stage="tests.spoilers:Hiding")
    assert found["overload_output"] < 0.6
    assert found["e2e_at_half_load"] > 1.3


@pytest.mark.long
def test_frames_that_queue_instead_of_dropping_show() -> None:
    assert overload.measure(HOP_US, frames=30, on_full="block")["overload_p99_latency"] > 2


def test_light_load_and_a_flood_alternate_and_are_put_into_relation() -> None:
    asked: list[int] = []

    def report(rate: int) -> dict[str, Any]:
        asked.append(rate)
        late = {"p50": 100 + rate, "p95": 110 + rate, "p99": 10.0 * rate * len(asked)}
        frames = {"accepted": rate, "output": 5, "dropped": {"slow": rate - 5}}
        return {"latency_ms": late, "frames": frames, "ledger_balanced": True}

    found = overload.paired(report, 5, 60, rounds=3)
    assert asked == [5, 60] * 3
    assert found["light"]["latency_ms"] == {"p50": 105, "p95": 115, "p99": 150}
    assert found["overload"] == {
        "rate": 60, "latency_ms": {"p50": 160, "p95": 170, "p99": 2400}, "accepted": 180, "output": 15, "dropped": 165,
        "balanced": True,
    }  # fmt: skip
    assert found["ratio"]["p99"] == 16


@pytest.mark.long
def test_overload_is_asked_with_one_command_and_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With the true stand-ins; the real thing takes longer than a test may, so it is said to have done as they did."""
    done: dict[int, dict[str, Any]] = {}
    asked: list[tuple[int, float]] = []

    def stand_in(rate: int, seconds: float) -> dict[str, Any]:
        done[rate] = true(rate, seconds)
        return done[rate]

    def removal(rate: int, seconds: float) -> dict[str, Any]:
        asked.append((rate, seconds))
        return done[overload.FLOOD if rate == overload.FLOOD else overload.LIGHT]

    true = overload.stand_in
    monkeypatch.setattr(overload, "stand_in", stand_in)
    monkeypatch.setattr(overload, "removal", removal)
    overload.main(["--rounds", "1", "--seconds", "1.5", "--json", str(tmp_path / "overload.json")])
    assert asked == [(overload.LIGHT_REMOVAL, 3.0), (overload.FLOOD, 3.0)]
    found = results.load(tmp_path / "overload.json", "overload")
    assert found["stand_ins"]["light"]["dropped"] == 0
    assert found["stand_ins"]["overload"]["dropped"] > found["stand_ins"]["overload"]["output"] > 5
    assert found["stand_ins"]["overload"]["balanced"]
    assert found["met"].keys() == {"stand_ins", "removal"}
    shown = "\n".join(tables.section(found))
    assert f"| 60 | {found['stand_ins']['overload']['latency_ms']['p50']:.0f} |" in shown


@pytest.mark.long
def test_one_run_has_every_figure_with_its_goal(monkeypatch: pytest.MonkeyPatch) -> None:
    """The hops and the peers are measured, the questions answered as above."""
    hops: list[float] = []

    def overloaded(hop_us: float) -> transport.Figures:
        hops.append(hop_us)
        return answer("overload")

    for module in (throughput, copying, overlap, scaling, devices):
        figures = answer(module.__name__.rpartition(".")[2])
        monkeypatch.setattr(module, "measure", lambda figures=figures: figures)
    answer("overload")
    monkeypatch.setattr(overload, "measure", overloaded)
    found = transport.measure(rounds=1, count=20)
    assert hops == [pytest.approx(found["sizes"]["320x240"]["hop_us"], abs=1e-3)]
    asked = {goal.name for goal in goals.GOALS} - {"two_gpu_stages", "two_gpu_stages_mps"}
    assert asked <= found.keys()
    assert asked <= found["goals"].keys()
    for name in asked:
        assert found["goals"][name]["value"] == found[name]
    assert set(found["sizes"]) == {"320x240", "1280x720", "1920x1080"}
    assert len(found["peers_us"]) == len(found["peers_per_memcpy"]) == 4
    assert found["others_busy"] >= 0


@pytest.mark.skipif(not gpu.why_not(), reason="a GPU is here")
def test_without_a_gpu_it_says_so() -> None:
    assert gpu.measure(5) == {"skipped": gpu.why_not()}
    assert "GPU" in gpu.why_not()


@pytest.mark.gpu
@pytest.mark.skipif(bool(gpu.why_not()) and os.environ.get("REQUIRE_GPU") != "1", reason="needs a GPU")
def test_two_processes_share_a_gpu() -> None:
    found = gpu.measure(1)
    assert 0.3 < found["two_gpu_stages"] < 1.5
    assert 1 < found["ms_alone"] < 100
    assert found["mps"] == "used" or "two_gpu_stages_mps" not in found
