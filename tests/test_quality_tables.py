"""docs/quality.md is what the results give, and its pictures are those that it speaks of."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from benchmarks import quality, quality_page, quality_pictures, removal, results, scenarios
from benchmarks.quality_clips import GOALS
from stages.ingest.still import read_still

MOST_BYTES = 2_000_000


@pytest.fixture
def content() -> quality_page.Content:
    return results.load(results.FOLDER / "quality.json", "quality")


def test_the_page_is_made_from_the_results() -> None:
    """Run `python -m benchmarks.quality --page` where this fails."""
    assert quality_page.PAGE.read_text() == quality_page.page()


def test_the_page_has_its_pictures_and_no_others(content: quality_page.Content) -> None:
    there = {path.name for path in quality_page.PICTURES.iterdir()}
    assert there == quality_page.shown(content)
    assert all(f"](quality/{name})" in quality_page.PAGE.read_text() for name in there)
    assert sum((quality_page.PICTURES / name).stat().st_size for name in there) < MOST_BYTES


def test_the_plots_show_these_results(content: quality_page.Content) -> None:
    """Run `python -m benchmarks.quality --page` where this fails."""
    for kind, name in quality_page.PLOTS.items():
        assert quality_pictures.digest(content[kind]).encode() in (quality_page.PICTURES / name).read_bytes()


def test_every_scenario_and_every_goal_is_on_the_page(content: quality_page.Content) -> None:
    assert content["scenarios"].keys() == set(quality.NAMES) >= set(scenarios.NAMES)
    asked = {name: (clip["goal"]["inside_db"], clip["goal"]["flicker"])
             for name, clip in content["clips"].items() if "goal" in clip}  # fmt: skip
    assert asked == GOALS


def test_a_missed_goal_is_said_to_be_missed(content: quality_page.Content, monkeypatch: pytest.MonkeyPatch) -> None:
    worse = copy.deepcopy(dict(content))
    clip = worse["clips"]["fixed_room_cross"]
    clip["inside_db"], clip["met"] = 12.3, False
    load = quality_page.load
    others = {"quality": worse}
    monkeypatch.setattr(quality_page, "load", lambda path, question: others.get(question) or load(path, question))
    line = next(line for line in quality_page.page().splitlines() if line.startswith("| fixed_room_cross"))
    assert "| 12.3 |" in line
    assert line.endswith("| **no** |")


def test_pictures_of_people_who_are_not_ours_to_publish_are_not_on_the_page(content: quality_page.Content) -> None:
    assert not any((quality_page.PICTURES / f"{name}.jpg").exists() for name in GOALS)
    assert [name for name, clip in content["clips"].items() if clip["published"]] == ["two-people"]


def test_the_largest_hole_and_the_worst_frame_are_shown() -> None:
    masks = [np.zeros((20, 20), np.uint8) for _ in range(20)]
    for at in range(4, 18):
        masks[at][: at if at < 12 else 4] = 255
    inside: list[float | None] = [30.0] * 20
    inside[5], inside[0], inside[1] = 12.0, 3.0, None  # nobody is in the first two
    assert quality_pictures.telling(masks, inside) == [5, 11]
    assert quality_pictures.telling(masks[:3], inside[:3]) == []


def test_a_strip_has_four_pictures_in_a_row(tmp_path: Path) -> None:
    def row() -> Iterator[np.ndarray]:
        for level in (40, 90, 140, 190):
            yield np.full((90, 160, 3), level, np.uint8)

    mask = np.zeros((90, 160), np.uint8)
    mask[20:60, 30:70] = 255
    image, _, result, truth = row()
    strip = [quality_pictures.row_of(image, mask, mask, result, truth)] * 2
    quality_pictures.write_strip(tmp_path / "strip.jpg", strip)
    shown = read_still(str(tmp_path / "strip.jpg")).to_ndarray(format="bgr24")
    cell = quality_pictures.CELL + 4
    assert shown.shape[1] == 4 * cell
    levels = [int(np.median(shown[40:120, at * cell + 10 : (at + 1) * cell - 20])) for at in (0, 2, 3)]
    assert np.abs(np.array(levels) - (40, 140, 190)).max() < 4


def measured(rate: float) -> dict[str, object]:
    """One scene of a result of `benchmarks.removal`."""
    rates = {"usual": [0.5], "yolov5s-seg": [rate], "yolo11n-seg": [26.0], "every_frame": [1.5]}
    figures = {name: found[0] for name, found in rates.items()}
    figures |= {"calls": 0.01, "times_usual": rate / 0.5, "times_every_frame": rate / 1.5}
    goals = {goal.name: goal.met(figures[goal.name]) for goal in removal.GOALS}
    return {"figures": {**figures, "of_rounds": rates}, "goals": goals}


def test_rates_and_targets_are_on_the_page_where_they_were_measured(
    content: quality_page.Content, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    facts = {"frames": 150, "rounds": 3, "lama": "big-lama", "others_busy": 0.1, "gpu": ""}
    results.save(tmp_path / "quality.json", dict(content))
    scenes = {"one": measured(21.0), "four": measured(14.0)}
    results.save(tmp_path / "removal.json", results.complete("removal", {**facts, "scenes": scenes}))
    hidden = {"frames_until_found_again": {"64": 0, "103": 4}, "goal": 5, "mean_iou_where_seen": 0.844}
    target = {"bmx_trees": {"mean_iou": 0.714, "goal": 0.6}, "hidden": {**hidden, "frames_on_somebody_else": 0}}
    results.save(tmp_path / "target.json", results.complete("target", target))
    monkeypatch.setattr(quality_page, "FOLDER", tmp_path)
    lines = quality_page.page().splitlines()
    assert "| the usual loop | 0.50 | 0.50 |" in lines
    assert "| frames/s with yolov5s-seg | at least 15 | 21 | **14**: missed |" in lines
    assert "| a real rider between trees: mean IoU | ≥ 0.6 | 0.71 |" in lines
    assert any(line.endswith("found again, each time | ≤ 5 | 0, 4 |") for line in lines)
