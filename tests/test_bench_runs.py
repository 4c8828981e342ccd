"""The bench over real processes: the forecast against the measured rate, the highest load, and stand-ins."""

from __future__ import annotations

import json
import threading
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from benchmarks import load, plots, recorded, replay, sweep, whole
from benchmarks.standins import StandIn, Taking
from benchmarks.variants import STAND_IN, variant
from benchmarks.verdict import Judge, pipeline_of
from pipeline.config import Plan, load_config
from pipeline.environment import cores
from pipeline.errors import ConfigError
from pipeline.frame import FrameSpec
from tests.clips import make_clip
from tests.frames import blank_frame
from tests.waiting import wait_until

SPEC = FrameSpec(width=96, height=64)
SAMPLE = "lavfi:testsrc2=size=160x120:rate=30"


def chain(folder: Path, **taking: float) -> Plan:
    """A drawn picture -> a stage that takes a given time -> nothing."""
    path = folder / "chain.yaml"
    content = {
        "name": "chain",
        "stages": [
            {"name": "ingest", "uses": "stages.ingest:Auto"},
            {"name": "take", "uses": "benchmarks.standins:Taking", "with": taking},
            {"name": "output", "uses": "stages.output.null:Null"},
        ],
    }
    path.write_text(json.dumps(content))
    return load_config(str(path), given=SAMPLE, environment={})


@pytest.mark.long
@pytest.mark.alone
@pytest.mark.real
def test_the_forecast_for_a_stage_of_40_ms_is_within_10_percent_for_one_to_four_workers(tmp_path: Path) -> None:
    plan = chain(tmp_path, service_ms=40)
    content = {"alone": {"devices": {}}, "whole": whole.measure(plan, 60, 1)}
    judge = Judge(pipeline_of(plan, content, cores()), content["whole"]["fps"])
    assert judge.verdict()["bottleneck"] == "take"
    assert judge.now.rate == pytest.approx(25, rel=0.1)
    found = sweep.measure(plan, sweep.Range("take", 1, 4), judge, 60, 1, tmp_path)
    assert [point["workers"] for point in found["points"]] == [1, 2, 3, 4]
    for point in found["points"]:
        assert point["predicted"] == pytest.approx(point["rate"], rel=0.1), found
    assert found["points"][3]["rate"] > 3.4 * found["points"][0]["rate"]


@pytest.mark.alone
@pytest.mark.real
@pytest.mark.long
def test_the_load_goes_up_to_the_highest_rate_that_holds(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(load, "SHORTEST_S", 1.5)
    monkeypatch.setattr(load, "FRAMES", 40)
    told: list[str] = []
    found = load.measure(chain(tmp_path, service_ms=25), 40.0, 30.0, tmp_path, told.append)
    assert found["on_full"] == "drop_oldest"
    assert 0.45 * 40 < found["highest_fps"] < 1.05 * 40
    too_much = [step for step in found["steps"] if step["rate_fps"] > 1.1 * 40]
    assert all(not step["holds"] and step["output_fps"] < 1.05 * 40 for step in too_much)
    first = found["steps"][0]
    assert first["rate_fps"] == 20
    assert first["input_fps"] == pytest.approx(20, rel=0.15)
    assert 25 < first["latency_ms"]["p50"] < 60
    assert first["stages"]["take"]["service_ms"]["p50"] == pytest.approx(25, rel=0.2)
    assert len(told) >= len(found["steps"])


@pytest.mark.alone
@pytest.mark.real
def test_the_whole_says_what_each_stage_costs_and_where_frames_queue(tmp_path: Path) -> None:
    found = whole.measure(chain(tmp_path, service_ms=20, cpu_ms=5), 60, 2)
    stage = found["stages"]["take"]
    assert stage["service_ms"]["mean"] == pytest.approx(20, rel=0.25)
    assert 4 < stage["cpu_ms"] < 9
    assert stage["queue"]["mean"] > 1
    assert found["stages"]["output"]["queue"]["mean"] < 0.5
    assert stage["wait_ms"]["p50"] > 20
    assert found["hop_us"]["p50"] > 0
    assert found["control_ms_per_frame"] > 0
    assert len(stage["p50_ms_of_rounds"]) == len(found["fps_of_rounds"]) == 2


def test_what_is_played_goes_forth_and_back_at_the_pace_that_is_set(tmp_path: Path) -> None:
    clip = make_clip(tmp_path / "in.mp4", 5)
    replay.record(load_config("remove-people", given=str(clip), wanted="null:"), tmp_path)
    pace, source = replay.Pace(tmp_path), replay.Replay(folder=str(tmp_path))
    spec = source.open()
    assert (spec.width, spec.height, spec.live, spec.source) == (96, 64, True, "")
    kept = np.load(tmp_path / "frames.npy")
    frame = blank_frame(spec)
    source._frame = frame
    pace.set(1e6)
    row = source.frames()
    seen = []
    for _ in range(9):
        next(row)
        seen.append(int(np.abs(kept.astype(int) - frame.image).sum(axis=(1, 2, 3)).argmin()))
    assert seen == [0, 1, 2, 3, 4, 3, 2, 1, 0]
    assert frame.pts == 8
    pace.set(replay.END)
    assert list(row) == []
    source.close()
    pace.close()


def test_a_source_without_a_pace_waits_and_says_that_it_lives(tmp_path: Path) -> None:
    replay.record(load_config("remove-people", given=str(make_clip(tmp_path / "in.mp4", 3)), wanted="null:"), tmp_path)
    pace, source = replay.Pace(tmp_path), replay.Replay(folder=str(tmp_path))
    source._frame = blank_frame(source.open())
    signs: list[float] = []
    source.context.progress = lambda: signs.append(time.monotonic())  # type: ignore[method-assign]
    thread = threading.Thread(target=lambda: list(source.frames()))
    thread.start()
    wait_until(lambda: len(signs) > 2)
    pace.set(replay.END)
    thread.join(10)
    assert not thread.is_alive()
    source.close()
    pace.close()


@pytest.mark.alone
def test_a_stage_takes_its_time_and_computes_as_much_as_it_was_told_to() -> None:
    stage, frame = Taking(service_ms=20, cpu_ms=60), blank_frame(SPEC)
    assert stage.parts == 3
    stage.setup(SPEC)
    frame.image[:] = 7
    cpu, wall = time.process_time(), time.monotonic()
    for _ in range(5):
        stage.process(frame)
    assert 0.29 <= time.process_time() - cpu < 0.45
    assert time.monotonic() - wall >= 0.099
    assert (frame.clean == 7).all()
    stage.close()


def test_a_stand_in_reads_and_writes_what_the_stage_does() -> None:
    stage = StandIn(stands_for="stages.segmentation:Segmentation", service_ms=0)
    assert (stage.reads, stage.writes, stage.stateful) == (("image",), ("objects", "mask"), False)
    stage.setup(SPEC)
    frame = blank_frame(SPEC, index=9)
    stage.process(frame)
    assert 0 < (frame.mask == 255).mean() < 0.1
    assert set(np.unique(frame.mask)) == {0, 255}
    assert len(frame.objects) == 0
    stage.close()
    inpainting = StandIn(stands_for="stages.inpainting.fill:Inpainting", service_ms=0)
    inpainting.setup(SPEC)
    frame.filled[:] = 3
    inpainting.process(frame)
    assert (frame.clean == 3).all()
    inpainting.close()


def test_a_variant_is_the_same_pipeline_but_for_what_was_asked(tmp_path: Path) -> None:
    plan = load_config("remove-people", sets=["segmentation.grow=3", "slots=20"], given="a.mp4", wanted="b.mp4")
    times = {"segmentation": {"service_ms": 12.0, "cpu_ms": 3.0}}
    made = variant(plan, tmp_path, workers={"inpainting": 3}, stand_ins=times)
    assert [built.name for built in made.stages] == [built.name for built in plan.stages]
    segmentation, inpainting = made.stages[1], made.stages[4]
    assert segmentation.uses == STAND_IN
    replaced = "stages.segmentation.instances:InstanceSegmentation"
    assert segmentation.options == {"stands_for": replaced, **times["segmentation"]}
    assert inpainting.config.workers == 3
    assert (made.stages[0].options["input"], made.stages[-1].options["output"]) == ("a.mp4", "b.mp4")
    assert made.config.slots is None
    assert variant(plan, tmp_path).stages[1].options["grow"] == 3
    assert variant(plan, tmp_path).slots == 20


def test_the_time_of_a_stand_in_is_given_or_recorded_or_said_to_be_assumed() -> None:
    plan = load_config("remove-people", given="a.mp4", wanted="b.mp4")
    (given,) = recorded.stand_ins(plan, ["segmentation=12/3"], [], None).values()
    assert given == {"service_ms": 12.0, "cpu_ms": 3.0, "from": "--time"}
    found = recorded.stand_ins(plan, [], None, None)
    assert found.keys() == {"segmentation", "inpainting"}
    assert found["segmentation"]["from"].startswith("recorded in benchmarks/results/remove-people.json on ")
    assert 5 < found["segmentation"]["service_ms"] < 500
    stage = {"service_ms": {"mean": 5.0}, "cpu_ms": 4.0}
    uses = {"segmentation": "stages.segmentation.instances:InstanceSegmentation"}
    whole = {"stages": {"segmentation": stage}}
    earlier = {"config": "other", "stand_ins": {}, "uses": uses, "whole": whole}
    old = recorded.stand_ins(plan, [], None, {**earlier, "config": "remove-people"})
    assert old["segmentation"] == {"service_ms": 5.0, "cpu_ms": 4.0, "from": "recorded in the earlier result"}
    of_its_own_name = recorded.stand_ins(plan, [], ["segmentation"], earlier)["segmentation"]
    assert of_its_own_name == found["segmentation"]


def test_a_stand_in_of_what_nobody_has_measured_is_assumed(tmp_path: Path) -> None:
    found = recorded.stand_ins(chain(tmp_path, service_ms=3), [], ["take"], None)["take"]
    assert found == {"service_ms": 40.0, "cpu_ms": 0.0, "from": "nothing is recorded: assumed"}


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("segmentation", "STAGE=MS or STAGE=MS/CPU_MS is needed"),
        ("segmentation=fast", "STAGE=MS or STAGE=MS/CPU_MS is needed"),
        ("segmentation=12/", "STAGE=MS or STAGE=MS/CPU_MS is needed"),
        ("segmentation=-1", "milliseconds for a frame"),
        ("segmentation=nan", "milliseconds for a frame"),
        ("segmentation=0/5", "milliseconds for a frame"),
        ("segmentatio=1", "did you mean 'segmentation'?"),
        ("output=1", "nothing can stand in for it"),
    ],
)
def test_a_time_that_cannot_be_is_refused(text: str, why: str) -> None:
    plan = load_config("remove-people", given="a.mp4", wanted="b.mp4")
    with pytest.raises(ConfigError) as caught:
        recorded.stand_ins(plan, [text], [], None)
    assert why in str(caught.value)


def swept(**more: Any) -> dict[str, Any]:
    """A result that has all there is to draw."""
    points = [
        {"workers": n, "rate": 24.0 * n, "rate_of_rounds": [23.0 * n, 24.0 * n], "predicted": 25.0 * n,
         "limit": "stage" if n < 3 else "cores", "bottleneck": "net" if n < 3 else None}
        for n in (1, 2, 3)
    ]  # fmt: skip
    step = {"rate_fps": 10.0, "latency_ms": {"p50": 40.0, "p99": 60.0}, "holds": True}
    failed = {**step, "rate_fps": 30.0, "holds": False}
    return {
        "config": "toy",
        "stand_ins": {},
        "verdict": {"said": "It is what it is."},
        "whole": {"fps": 24.0, "fps_of_rounds": [23.0, 25.0]},
        "prediction": {"stage": "net", "workers": 1, "points": [{"workers": 1, "predicted": 25.0}]},
        "load": {"steps": [failed, step], "highest_fps": 10.0},
        "sweep": {"stage": "net", "rounds": 2, "points": points},
        **more,
    }


def size_of(path: Path) -> tuple[int, int]:
    """Width and height, as a PNG has them in its header."""
    head = path.read_bytes()[:24]
    assert head.startswith(b"\x89PNG")
    return int.from_bytes(head[16:20], "big"), int.from_bytes(head[20:24], "big")


@pytest.mark.parametrize(
    ("lacking", "pictures"),
    [([], 2), (["sweep"], 2), (["load"], 1), (["sweep", "prediction"], 1), (["sweep", "prediction", "load"], 1)],
)
def test_what_there_is_to_show_is_drawn_800_pixels_wide(tmp_path: Path, lacking: list[str], pictures: int) -> None:
    content = swept(**dict.fromkeys(lacking))
    plots.draw(content, tmp_path / "a.png")
    assert size_of(tmp_path / "a.png") == (800, 460 * pictures)
    assert plots.digest(content).encode() in (tmp_path / "a.png").read_bytes()
    assert plots.digest(swept(config="other")) != plots.digest(swept())


def test_the_axes_have_names_and_units() -> None:
    from matplotlib.figure import Figure

    for draw, across, up in (
        (plots._workers, "workers of net", "rate [frames/s]"),
        (plots._load, "rate of frames that come in [frames/s]", "in to out [ms]"),
    ):
        axes = Figure().subplots()
        draw(axes, swept())
        assert (axes.get_xlabel(), axes.get_ylabel()) == (across, up)
        assert axes.get_ylim()[0] == 0
        assert len(axes.get_legend().get_texts()) >= 2
