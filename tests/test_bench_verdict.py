"""The verdict: it names what holds a pipeline back, and promises only what more workers can bring."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from benchmarks import sections, survey
from benchmarks.model import Cost, Pipeline
from benchmarks.sweep import Range
from benchmarks.verdict import Judge, pipeline_of
from pipeline.config import Plan, load_config
from pipeline.errors import ConfigError
from tests.runs import toy

SOURCE = Cost("ingest", 0.001, 0.001, scalable=False)
SINK = Cost("output", 0.002, 0.002, scalable=False)


def judge(*costs: Cost, measured: float, cores: int = 2, **more: Any) -> Judge:
    return Judge(Pipeline((SOURCE, *costs, SINK), cores, **more), measured)


def test_a_sleeping_stage_is_named_with_the_workers_that_move_it_and_who_is_next() -> None:
    found = judge(Cost("net", 0.040, 0.001), Cost("next", 0.019), measured=24.5).verdict()
    assert (found["limit"], found["bottleneck"], found["workers"]) == ("stage", "net", {"net": 3})
    assert found["said"] == (
        "The bottleneck is net: 40.0 ms a frame with one worker allow 25.0 frames/s; measured: 24.5. "
        "2 workers would move it to 49.0 frames/s, 3 to 52.6; then next would be the bottleneck."
    )
    assert found["then_fps"] == pytest.approx(1 / 0.019, abs=0.01)
    assert found["then_bottleneck"] == "next"


def test_where_the_cores_are_all_in_use_more_workers_are_not_advised() -> None:
    found = judge(Cost("a", 0.020, 0.020), Cost("b", 0.022, 0.022), measured=40.0).verdict()
    assert (found["limit"], found["bottleneck"], found["workers"]) == ("cores", None, None)
    assert found["said"] == (
        "The bottleneck is the processor: 45.0 ms of CPU a frame on 2 cores allow 44.4 frames/s; measured: 40.0. "
        "More workers do not help: all 2 cores are in use. b takes the most, 22.0 ms."
    )


def test_a_busy_stage_is_moved_until_the_cores_are_in_use() -> None:
    found = judge(Cost("a", 0.030, 0.030), measured=33.0).verdict()
    assert found["workers"] == {"a": 2}
    assert found["said"].endswith("2 workers would move it to 60.6 frames/s; then all cores are in use.")


def test_a_stage_that_keeps_state_can_only_become_quicker() -> None:
    found = judge(Cost("plate", 0.040, 0.001, scalable=False), measured=24.9).verdict()
    assert (found["bottleneck"], found["workers"]) == ("plate", None)
    assert "It can have one worker only" in found["said"]


def test_workers_that_share_a_device_are_not_predicted() -> None:
    found = judge(Cost("net", 0.010, 0.001, device="cuda:0"), measured=99.0)
    assert found.verdict()["workers"] is None
    assert "one device (cuda:0)" in found.verdict()["said"]
    assert survey.predictions(found) is None


def test_a_network_whose_threads_fill_the_cores_gains_next_to_nothing() -> None:
    found = judge(Cost("net", 0.030, 0.056, heavy=True), measured=30.0).verdict()
    assert found["workers"] is None
    assert "next to nothing: the cores have no more to give" in found["said"]


def test_a_machine_that_was_busy_otherwise_is_no_basis() -> None:
    pipeline = Pipeline((SOURCE, Cost("net", 0.040), SINK), 2)
    assert "Other programs took 1.2 cores meanwhile" in Judge(pipeline, 20.0, 1.2).verdict()["said"]
    assert "Other programs" not in Judge(pipeline, 20.0, 0.2).verdict()["said"]


def test_slots_and_the_runtime_are_named_too() -> None:
    few = judge(Cost("a", 0.010), Cost("b", 0.010, after="a"), measured=60.0, slots=1)
    assert few.verdict()["limit"] == "slots"
    assert "leave `slots` out" in few.verdict()["said"]
    idle = Judge(Pipeline((Cost("none", 1e-5),), 2, control_s=0.001), 900.0).verdict()
    assert (idle["limit"], idle["bottleneck"]) == ("control", None)
    assert "the runtime itself: 1.00 ms of control a frame allow 1000.0 frames/s" in idle["said"]


def test_what_was_measured_corrects_the_model_only_where_the_same_thing_holds_it() -> None:
    found = judge(Cost("net", 0.040), Cost("next", 0.019), measured=22.5)
    assert found.rate({"net": 2}).rate == pytest.approx(45.0)
    assert found.rate({"net": 4}).rate == pytest.approx(1 / 0.019)
    wild = judge(Cost("net", 0.040), measured=3.0)  # the machine was busy otherwise, or the model is wrong
    assert wild.rate({"net": 2}).rate == pytest.approx(50.0)


def test_predictions_are_rows_for_a_table() -> None:
    rows = survey.predictions(judge(Cost("net", 0.040, 0.0001), measured=25.0))
    assert rows is not None
    assert [(row["workers"], row["predicted"]) for row in rows["points"]] == [(1, 25), (2, 50), (3, 75), (4, 100)]
    assert survey.predictions(judge(Cost("a", 0.02, 0.02), Cost("b", 0.02, 0.02), measured=45.0)) is None


def plan_of(folder: Path, **top: Any) -> Plan:
    path = folder / "toy.yaml"
    path.write_text(json.dumps(toy(folder, **top)))
    return load_config(str(path), environment={})


def figures(mean: float, cpu: float = 0.1, held_up: float = 0.0) -> dict[str, Any]:
    times = {"mean": mean, "p50": mean, "p95": mean, "p99": mean}
    return {"service_ms": times, "cpu_ms": cpu, "held_up_ms": held_up}


def measured(invert: dict[str, Any], calm: dict[str, Any] | None = None) -> dict[str, Any]:
    quick, hop = figures(0.5), {"p50": 300.0, "p99": 900.0}
    whole = {"stages": {"ingest": quick, "invert": invert, "output": quick}, "hop_us": hop, "control_ms_per_frame": 0.5}
    step = {"rate_fps": 10.0, "holds": True, "stages": {"invert": calm, "output": quick}, "hop_us": {"p50": 200.0}}
    return {"alone": {"devices": {}}, "whole": whole, "load": {"steps": [step]} if calm else None}


def test_the_time_of_a_stage_is_taken_from_where_nothing_held_it_up(tmp_path: Path) -> None:
    plan = plan_of(tmp_path)

    def of(*args: Any) -> float:
        return next(cost for cost in pipeline_of(plan, measured(*args), 2).stages if cost.name == "invert").service_s

    assert of(figures(40.0)) == pytest.approx(0.040)
    assert of(figures(55.0, cpu=39.0, held_up=15.0)) == pytest.approx(0.040)
    assert of(figures(55.0, cpu=39.0), figures(41.0)) == pytest.approx(0.041)
    assert of(figures(55.0, cpu=20.0, held_up=80.0)) == pytest.approx(0.010)  # nonsense is not taken at its word


def test_what_a_stage_may_do_comes_from_the_plan(tmp_path: Path) -> None:
    pipeline = pipeline_of(plan_of(tmp_path, slots=7), measured(figures(40.0)), 2)
    source, invert, _ = pipeline.stages
    assert (source.scalable, invert.scalable) == (False, True)
    assert (source.after, invert.after) == (None, "ingest")
    assert (pipeline.slots, pipeline.hop_s, pipeline.control_s) == (7, pytest.approx(0.0003), pytest.approx(0.0005))
    assert pipeline_of(plan_of(tmp_path), measured(figures(40.0), figures(40.0)), 2).slots is None


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("invert", "STAGE=FIRST..LAST is needed"),
        ("invert=1-4", "STAGE=FIRST..LAST is needed"),
        ("invrt=1..4", "no stage 'invrt'; did you mean 'invert'?"),
        ("output=1..2", "one worker"),
        ("invert=0..2", "1 to 64 workers"),
        ("invert=3..2", "1 to 64 workers"),
        ("invert=1..65", "1 to 64 workers"),
    ],
)
def test_a_range_of_workers_that_cannot_be_is_refused(tmp_path: Path, text: str, why: str) -> None:
    with pytest.raises(ConfigError) as caught:
        Range.parse(text, plan_of(tmp_path))
    assert why in str(caught.value)


def test_a_range_of_workers_may_be_one_number(tmp_path: Path) -> None:
    assert Range.parse("invert=2..3", plan_of(tmp_path)) == Range("invert", 2, 3)
    assert Range.parse("invert=2", plan_of(tmp_path)) == Range("invert", 2, 2)


def test_a_table_is_markdown() -> None:
    assert list(sections.table(["a", "b"], [["x", "1"]])) == ["| a | b |", "|---|--:|", "| x | 1 |"]
