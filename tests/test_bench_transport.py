"""The benchmarks of the transport on real processes: their figures are sane, and what spoils them shows."""

from __future__ import annotations

import os

import pytest

from benchmarks import copying, devices, goals, gpu, overlap, overload, scaling, throughput, transport
from pipeline.errors import RunError

pytestmark = pytest.mark.real

FRAME = 320 * 240 * 3


def test_frames_go_through_stages_that_do_nothing() -> None:
    found = throughput.measure(frames=400, warm=50)
    assert 50 < found["frames_per_s_no_op"] < 1e5
    assert 0 < found["control_ms_per_frame"] < found["all_cpu_ms_per_frame"] + 1
    assert found["all_cpu_ms_per_frame"] > 0


def test_too_few_frames_give_no_cost() -> None:
    with pytest.raises(RunError, match="1 frames are too few"):
        throughput.measure(frames=1, warm=0)


def test_a_slow_stage_shows_in_the_throughput() -> None:
    assert throughput.measure(frames=60, warm=5, stage="tests.spoilers:Hiding")["frames_per_s_no_op"] < 50


def test_the_runtime_touches_no_byte_of_a_frame_and_one_that_copies_is_seen() -> None:
    found = copying.measure()
    assert found["runtime_bytes_copied_per_frame"] == 0
    assert found["runtime_page_faults_per_frame"] < 5
    assert 0.9 < found["copying_stage_seen"] < 1.5


def test_a_look_at_each_row_of_a_frame_is_seen() -> None:
    """One pixel of each row: a row of 320 pixels is less than a page, so that is the whole frame again."""
    without, _ = copying.touched(320, 240)
    bytes_, _ = copying.touched(320, 240, "tests.spoilers:Peeking")
    assert bytes_ - without > 0.9 * FRAME


def test_fresh_memory_for_each_frame_is_seen() -> None:
    _, faults = copying.touched(320, 240, "tests.spoilers:Greedy")
    assert faults > FRAME / 4096 / 2


def test_a_machine_that_marks_no_pages_gives_no_figure(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(copying, "_touched", lambda pid: 0)
    with pytest.raises(RunError, match=r"seen to touch 0\.00 of one"):
        copying.measure()


def test_stages_overlap() -> None:
    found = overlap.measure(frames=40)
    assert 0.7 < found["overlap"] <= 1.02
    assert 50 < found["overlap_frames_per_s"] <= 102


def test_stages_that_wait_for_each_other_do_not_overlap() -> None:
    assert overlap.measure(frames=30, stage="tests.spoilers:Serial")["overlap"] < 0.6


def test_four_workers_do_the_work_of_four() -> None:
    assert 0.7 < scaling.measure(frames=10)["scaling_4_workers"] < 1.2


def test_workers_that_wait_for_each_other_bring_nothing() -> None:
    assert scaling.measure(frames=5, stage="tests.spoilers:Serial")["scaling_4_workers"] < 0.4


def test_frames_out_of_order_are_no_result(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("benchmarks.diary.Timeline.in_order", lambda self, stage: False)
    with pytest.raises(RunError, match="4 workers: the frames came out in another order"):
        scaling.rate(4, frames=4)


def test_two_devices_work_at_the_same_time() -> None:
    assert 0.8 < devices.measure(frames=25)["two_devices"] < 1.2


def test_two_devices_that_are_one_show() -> None:
    assert devices.measure(frames=25, stage="tests.spoilers:Serial")["two_devices"] < 0.8


def test_a_live_source_that_brings_too_much_keeps_the_bottleneck_busy() -> None:
    found = overload.measure(hop_us=250, frames=40)
    assert 0.7 < found["overload_output"] <= 1.02
    assert found["half_load_p99_ms"] >= 32
    assert found["overload_p99_ms"] >= 32
    assert found["overload_p99_latency"] == pytest.approx(found["overload_p99_ms"] / found["half_load_p99_ms"])
    assert 0.95 < found["e2e_at_half_load"] < 2


def test_a_bottleneck_that_is_kept_from_its_work_shows() -> None:
    found = overload.measure(hop_us=250, frames=30, stage="tests.spoilers:Hiding")
    assert found["overload_output"] < 0.6
    assert found["e2e_at_half_load"] > 1.3


def test_frames_that_queue_instead_of_dropping_show() -> None:
    assert overload.measure(hop_us=250, frames=30, on_full="block")["overload_p99_latency"] > 2


def quick(hop_us: float) -> transport.Figures:
    """All questions of `transport`, from few frames."""
    return {
        **throughput.measure(frames=200, warm=20),
        **copying.measure(),
        **overlap.measure(frames=10),
        **scaling.measure(frames=3),
        **devices.measure(frames=10),
        **overload.measure(hop_us, frames=10),
    }


def test_one_run_has_every_figure_with_its_goal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(transport, "questions", quick)
    found = transport.measure(rounds=1, count=20)
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
