"""The benchmarks: what they measure is measured, a loss is noticed, and the page shows what the results say."""

from __future__ import annotations

import json
import multiprocessing
import os
import signal
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest

from benchmarks import memory, plots, results, stages, tables, transport, transport_ways, whole
from pipeline.api import RunFailed
from pipeline.config import load_config
from pipeline.errors import ConfigError, RunError
from tests.clips import make_clip
from tests.runs import toy

QUICK = ["segmentation.size=64", "segmentation.engine=torch", "inpainting.model=telea"]


def result(**figures: object) -> dict[str, object]:
    return results.complete("pipeline", dict(figures))


def test_a_slower_stage_is_a_loss_and_noise_is_not() -> None:
    old = result(alone={"a": {"fps": 100.0, "p50_ms": 10.0}, "b": {"fps": 50.0}})
    new = result(alone={"a": {"fps": 80.0, "p50_ms": 12.5}, "b": {"fps": 46.0}})
    assert results.losses(old, new, 0.15) == ["alone.a.p50_ms: 10 -> 12.5 (25 % worse; noise 0 %)"]
    old, new = result(whole={"fps": 100.0}), result(whole={"fps": 80.0})
    assert results.losses(old, new, 0.15) == ["whole.fps: 100 -> 80 (20 % worse; noise 0 %)"]
    assert results.losses(new, old, 0.15) == []


def test_figures_that_only_one_of_them_has_are_not_compared() -> None:
    assert results.losses(result(a={"fps": 9.0}, c={"fps": 1.0}), result(b={"fps": 1.0}, c={"fps": 1.0}), 0.1) == []


def test_results_that_have_nothing_in_common_are_no_good_news(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="no figure in common"):
        results.losses(result(a={"fps": 9.0}), result(b={"fps": 1.0}), 0.1)
    results.save(tmp_path / "r.json", result(fps=1.0))
    with pytest.raises(ConfigError, match="a result of pipeline, not of memory"):
        results.load(tmp_path / "r.json", "memory")


def test_a_result_carries_the_machine_and_comes_back(tmp_path: Path) -> None:
    made = result(fps=1.0)
    results.save(tmp_path / "r.json", made)
    assert results.load(tmp_path / "r.json") == made
    assert {"cpu", "cores", "packages"} <= made["machine"].keys()  # type: ignore[attr-defined]


def test_the_folder_of_a_result_is_made_before_anything_is_measured(tmp_path: Path) -> None:
    results.make_folder(tmp_path / "of" / "mine" / "r.json")
    assert (tmp_path / "of" / "mine").is_dir()
    (tmp_path / "file").touch()
    for path in (tmp_path / "file" / "r.json", tmp_path / "file" / "deeper" / "r.json", tmp_path):
        with pytest.raises(ConfigError, match="no result can be written there"):
            results.make_folder(path)


@pytest.mark.parametrize("content", ["not json", "[]", '{"fps": 3}'])
def test_a_file_that_is_no_result_is_refused(tmp_path: Path, content: str) -> None:
    path = tmp_path / "other.json"
    path.write_text(content)
    with pytest.raises(ConfigError, match=r"other\.json"):
        results.load(path)


def test_the_page_is_made_from_the_results() -> None:
    """Run `python -m benchmarks.tables` where this fails."""
    assert tables.PAGE.read_text() == tables.page()


def test_the_plots_are_those_of_the_results() -> None:
    """Run `python -m benchmarks.tables` where this fails."""
    drawn = {name: content for name, content in tables.kept().items() if tables.is_drawn(content)}
    assert {path.stem for path in tables.PLOTS.glob("*.png")} == drawn.keys()
    for name, content in drawn.items():
        assert plots.digest(content).encode() in (tables.PLOTS / f"{name}.png").read_bytes(), name


def test_every_result_that_is_kept_has_its_machine() -> None:
    kept = sorted(results.FOLDER.glob("*.json"))
    assert kept
    for path in kept:
        content = results.load(path)
        assert content["machine"]["cpu"], path
        assert content["date"], path


def test_each_stage_alone_is_timed_on_real_frames(tmp_path: Path) -> None:
    clip = make_clip(tmp_path / "in.mp4", 25)
    plan = load_config("remove-people", sets=QUICK, given=str(clip), wanted=str(tmp_path / "out.mp4"))
    found = stages.measure(plan, 12)
    assert list(found["stages"]) == ["ingest", "segmentation", "tracking", "plate", "inpainting", "output"]
    assert (found["frames"], found["size"]) == (12, "96x64")
    for name, times in found["stages"].items():
        assert 0 < times["p50_ms"] <= times["p95_ms"] <= times["p99_ms"], name
        assert times["fps"] == pytest.approx(1000 / times["p50_ms"], rel=0.1)
        assert min(times["p50_ms_of_rounds"]) <= times["p50_ms"] <= max(times["p50_ms_of_rounds"]), name
    assert [model["name"] for model in found["models"]] == ["yolov5s-seg", "telea"]


def test_a_clip_that_is_too_short_says_so(tmp_path: Path) -> None:
    clip = make_clip(tmp_path / "in.mp4", 8)
    plan = load_config("remove-people", sets=QUICK, given=str(clip), wanted="null:")
    with pytest.raises(RunError, match="8 frames are too few"):
        stages.measure(plan, 12)


@pytest.mark.real
def test_a_whole_run_is_measured_and_a_failed_one_is_no_figure(tmp_path: Path) -> None:
    (tmp_path / "toy.yaml").write_text(json.dumps(toy(tmp_path)))
    found = whole.measure(load_config(str(tmp_path / "toy.yaml")), 40, 2)
    assert found["frames"] == 40
    assert len(found["fps_of_rounds"]) == 2
    assert min(found["fps_of_rounds"]) <= found["fps"] <= max(found["fps_of_rounds"]) + 0.01
    missing = load_config("remove-people", given=str(tmp_path / "nothing.mp4"), wanted="null:")
    with pytest.raises(RunFailed, match="ended with 3") as caught:
        whole.measure(missing, 40, 1)
    assert caught.value.exit_code == 3


@pytest.mark.long
@pytest.mark.real
def test_a_clip_without_frame_200_tells_nothing_about_memory(tmp_path: Path) -> None:
    with pytest.raises(RunError, match="fewer than 200 frames"):
        memory.measure(str(make_clip(tmp_path / "in.mp4", 12)), "remove-people", QUICK)


@pytest.mark.real
def test_the_hop_is_measured_beside_a_copy(monkeypatch: pytest.MonkeyPatch) -> None:
    """From few frames too, and whatever the user's own pipelines take from the environment."""
    monkeypatch.setenv("CLEANPLATE__INPAINTING__WORKERS", "2")
    found = transport.ring(320, 240, 20)
    assert 0 < found["hop_us"] <= found["hop_p99_us"]
    assert found["memcpy_us"] > 0


@pytest.mark.real
@pytest.mark.parametrize("way", [transport_ways.queue, transport_ways.pipe, partial(transport_ways.zeromq, copy=True)])
def test_an_interruption_leaves_no_process_and_no_traceback(
    way: Callable[[int, int, int], float], monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    """As Ctrl-C comes: to this process and to the one that takes the frames."""

    def pause(seconds: float) -> None:
        (child,) = multiprocessing.active_children()
        os.kill(child.pid or 0, signal.SIGINT)
        raise KeyboardInterrupt

    monkeypatch.setattr(transport_ways.time, "sleep", pause)
    with pytest.raises(KeyboardInterrupt):
        way(160, 120, 12)
    assert not multiprocessing.active_children()
    assert capfd.readouterr().err == ""


@pytest.mark.real
@pytest.mark.parametrize("way", ["queue", "pipe", "copied", "handed over"])
def test_every_other_way_brings_the_frames(way: str) -> None:
    size = (160, 120, 12)
    late = {
        "queue": lambda: transport_ways.queue(*size),
        "pipe": lambda: transport_ways.pipe(*size),
        "copied": lambda: transport_ways.zeromq(*size, copy=True),
        "handed over": lambda: transport_ways.zeromq(*size, copy=False),
    }[way]()
    assert 0 < late < 1e6
