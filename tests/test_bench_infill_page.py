"""What stands beside infill, how fast it is, how both are shown: what is absent says why, sheets are in order."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from benchmarks import infill, infill_page, infill_sheet, infill_speed, infill_ways, results
from benchmarks.infill_cases import Case
from benchmarks.infill_ways import NAMES, OURS, REFERENCE, Way
from models.base import ModelError, ModelInfo
from stages.ingest.still import read_still
from tests.crops import flat, square
from tests.frames import scenery

Load = Callable[..., Any]


class Shade:
    """An inpainter that gives one level, after so many seconds."""

    def __init__(self, name: str, level: int = 0, seconds: float = 0.0) -> None:
        self.info = ModelInfo(name, f"/home/somebody/{name}.safetensors")
        self._level, self._seconds, self.calls = level, seconds, 0

    def inpaint(self, image: np.ndarray, hole: np.ndarray) -> np.ndarray:
        self.calls += 1
        end = time.perf_counter() + self._seconds
        while time.perf_counter() < end:
            pass
        return np.full_like(image, self._level)


def without_lama(name: str, **options: Any) -> Shade:
    if name == "lama":
        raise ModelError("no weights of big-lama here")
    return Shade(name)


# As much of its interface as is used: pictures come as [h, w, c] and go as [w, h, 1, c]; holes become black.
GMIC = """
class Image:
    def from_yxc(pixels):
        made = Image()
        made.pixels = pixels
        return made
    def to_numpy(self):
        return self.pixels.swapaxes(0, 1)[:, :, None]
ImageList = list
def run(command, images):
    assert "inpaint_matchpatch[0] [1]" in command
    return [Image.from_yxc(images[0].pixels * (images[1].pixels == 0))]
"""


# Ways


def test_ways_come_in_order_and_those_that_are_absent_say_why(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(infill_ways, "load_inpainter", without_lama)
    monkeypatch.setattr(infill_ways, "PATCHMATCH", "no_such_patchmatch")
    found, absent = infill_ways.ways()
    assert [way.name for way in found] == [REFERENCE, "telea-reduced", "push-pull", OURS]
    assert absent.keys() == {"patchmatch", "lama"}
    assert "no weights of big-lama" in absent["lama"]
    assert "pip install" in absent["patchmatch"]


def test_patchmatch_is_called_where_it_is_installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "given_patchmatch.py").write_text(GMIC)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setattr(infill_ways, "PATCHMATCH", "given_patchmatch")
    monkeypatch.setattr(infill_ways, "load_inpainter", without_lama)
    found, absent = infill_ways.ways()
    (way,) = [way for way in found if way.name == "patchmatch"]
    picture, hole = scenery(64, 80), np.pad(square(64, 16), ((0, 0), (0, 16)))
    assert np.array_equal(way.fill(picture, hole), np.where(hole[..., None] > 0, np.uint8(0), picture))
    assert "patchmatch" not in absent
    sys.modules.pop("given_patchmatch")


def test_infill_has_to_be_there_and_takes_other_weights(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: dict[str, dict[str, Any]] = {}

    def load(name: str, **options: Any) -> Shade:
        asked[name] = options
        if name == "infill" and options["weights_file"] is None:
            raise ModelError("no weights of infill")
        return Shade(name)

    monkeypatch.setattr(infill_ways, "load_inpainter", load)
    with pytest.raises(ModelError, match="no weights of infill"):
        infill_ways.ways()
    found, _ = infill_ways.ways(Path("mine.safetensors"), device="cpu")
    assert asked["infill"] == {"weights_file": "mine.safetensors", "device": "cpu"}
    assert found[-1].facts["source"] == "infill.safetensors"  # without the folders of whoever measured


def test_a_reason_is_one_line_without_colours_or_the_folders_of_whoever_measured() -> None:
    told = infill_ways.why(ModelError(f"no file {Path.home()}/x.pt;\n  \x1b[96mnext\x1b[0m: fetch it"))
    assert told.startswith("no file ~/x.pt; ")
    assert told.isprintable()


def test_the_reference_is_telea_over_the_whole_hole_at_full_size() -> None:
    picture, hole = scenery(96, 96), square(96, 24)
    filled = infill_ways.telea(picture, hole)
    assert np.array_equal(filled[hole == 0], picture[hole == 0])
    assert not np.array_equal(filled[hole > 0], picture[hole > 0])
    ruined = picture.copy()
    ruined[hole > 0] = 255
    assert np.array_equal(infill_ways.telea(ruined, hole), filled)


# Speed


@pytest.fixture
def engines(monkeypatch: pytest.MonkeyPatch) -> dict[str, Shade]:
    """Engines that take 3 ms and 1 ms and differ by a level; one that is not here."""
    made = {
        "torch float32": Shade("torch", 100, 0.003),
        "torch bfloat16": Shade("torch", 104, 0.004),
        "openvino float32": Shade("openvino", 101, 0.001),
    }

    def load(name: str, *, engine: str, precision: str, **options: Any) -> Shade:
        if (asked := f"{engine} {precision}") not in made:
            raise ModelError(f"{asked} does not run here")
        return made[asked]

    monkeypatch.setattr(infill_speed, "load_inpainter", load)
    return made


def test_engines_are_timed_by_turns_and_compared_with_plain_torch(engines: dict[str, Shade]) -> None:
    found = infill_speed.measure(None, "cpu", rounds=5)
    assert found["ways"].keys() == engines.keys()
    assert 1 <= found["best_ms"] < 60
    assert found["best_ms"] == min(figures["ms"] for figures in found["ways"].values())
    assert found["ways"]["torch float32"]["ms"] >= 3
    levels = {name: figures["most_levels"] for name, figures in found["ways"].items()}
    assert levels == {"torch float32": 0, "torch bfloat16": 4, "openvino float32": 1}
    assert found["most_levels"] == 1  # in float32, where they should be alike
    assert [goal["met"] for goal in found["goals"].values()] == [True, True]
    assert found["absent"] == {"openvino bfloat16": "openvino bfloat16 does not run here"}
    timed = 5 + infill_speed.WARM
    assert engines["openvino float32"].calls == timed + infill_speed.AGREED


def test_without_plain_torch_there_is_nothing_to_compare_with(engines: dict[str, Shade]) -> None:
    del engines["torch float32"]
    with pytest.raises(ModelError, match="torch float32 does not run here"):
        infill_speed.measure(None, "cpu", rounds=1)


def test_what_is_too_slow_or_differs_is_a_goal_missed() -> None:
    ways = {
        "torch float32": {"ms": 200.0, "most_levels": 0.0},
        "openvino float32": {"ms": 61.0, "most_levels": 3.0},
        "openvino bfloat16": {"ms": 90.0, "most_levels": 9.0},
    }
    found = infill_speed.summed(ways, "cpu")
    assert (found["best_ms"], found["most_levels"]) == (61.0, 3.0)
    assert [goal["met"] for goal in found["goals"].values()] == [False, False]
    alone = infill_speed.summed({"torch float32": ways["torch float32"]}, "cuda")
    assert alone["goals"].keys() == {"best_ms"}  # nobody to agree with
    assert alone["goals"]["best_ms"]["asked"] == "at most 1"


# The sheet


def row(of: str, levels: dict[str, int]) -> infill_sheet.Row:
    case = flat(of)
    return case, {name: np.full((64, 64, 3), level, np.uint8) for name, level in levels.items()}


def test_a_sheet_shows_hole_ways_and_truth_side_by_side(tmp_path: Path) -> None:
    levels = {"push-pull": 80, OURS: 160, REFERENCE: 40, "telea-reduced": 5}
    path = tmp_path / "sheet.jpg"
    infill_sheet.write_sheet(path, [row("a", levels), row("b", levels)])
    shown = read_still(str(path)).to_ndarray(format="bgr24")
    cell = infill_sheet.CELL + 4
    assert shown.shape[1] == 5 * cell  # the reduced form is left out
    assert shown.shape[0] == pytest.approx(infill_sheet.HEAD + 2 * cell, abs=1)
    for at in range(2):
        top = infill_sheet.HEAD + at * cell
        middles = [
            int(np.median(shown[top + 20 : top + 180, n * cell + 20 : (n + 1) * cell - 20])) for n in range(1, 5)
        ]
        assert np.abs(np.array(middles) - (40, 80, 160, 100)).max() < 4


# The section


@pytest.fixture
def content() -> dict[str, Any]:
    """A result as `benchmarks.infill` makes it, of two ways."""

    def shade(name: str, level: int) -> Way:
        return Way(name, lambda image, hole: np.full_like(image, level), {"device": "cpu"})

    cases = [flat("hill"), Case("clip", "5.0", *(flat("x").image, square(64, 16), flat("x").truth))]
    found, _ = infill.measure(cases, [shade(REFERENCE, 120), shade(OURS, 118)])
    speed = infill_speed.summed({"torch float32": {"ms": 61.0, "most_levels": 0.0}}, "cpu")
    ran = {"device": "cpu", "rounds": 20, "ways": {"torch float32": {"ms": 61.0, "most_levels": 0.0}}}
    ran |= {"absent": {"openvino float32": "not installed"}, "others_busy": 0.25, **speed}
    return {
        **found, "absent": {"lama": "no weights"}, "models": {OURS: {"device": "cpu"}}, "people": True,
        "shown": "infill.jpg", "speed": ran,
    }  # fmt: skip


@pytest.fixture
def measured(content: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    path = tmp_path / "infill.json"
    results.save(path, results.complete("infill", content))
    monkeypatch.setattr(infill_page, "RESULT", path)
    return path


def test_the_section_holds_every_figure_and_what_was_missed(measured: Path) -> None:
    lines = "\n".join(infill_page.section()).splitlines()
    gain = f"{20 * np.log10(20 / 18):+.2f}"
    assert any(line.startswith("| `infill`,") and f"| {gain} | {gain} |" in line for line in lines)
    assert any(line.startswith("| hill | 1 |") and line.endswith(f"| {gain} | {gain} |") for line in lines)
    assert any("mean over pictures and clips | at least 1.5 |" in line and "**no**" in line for line in lines)
    assert "| ms for a crop of 256x256, the fastest | at most 60 | 61 | **no** |" in lines
    assert "| torch float32 | 61.0 | 0 |" in lines
    assert "Not measured: lama (no weights)." in lines
    assert "Not measured: openvino float32 (not installed)." in lines
    assert "![what each way makes of a hole](quality/infill.jpg)" in lines
    assert infill_page.shown() == {"infill.jpg"}


def test_a_result_without_pictures_or_without_speed_has_a_section_of_its_own(
    measured: Path, content: dict[str, Any]
) -> None:
    results.save(measured, results.complete("infill", {"speed": content["speed"]}))
    assert not any("hill" in line for line in infill_page.section())
    assert infill_page.shown() == set()
    del content["speed"]
    results.save(measured, results.complete("infill", content))
    assert not any("torch" in line for line in infill_page.section())


def test_nothing_is_said_before_it_was_measured(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(infill_page, "RESULT", tmp_path / "none.json")
    assert list(infill_page.section()) == []
    assert infill_page.shown() == set()


def test_every_way_has_its_words() -> None:
    assert infill_ways.SAYS.keys() == set(NAMES)


@pytest.mark.skipif(not infill_page.RESULT.exists(), reason="not measured yet")
def test_the_result_that_is_shipped_has_every_figure_of_every_picture() -> None:
    found = results.load(infill_page.RESULT, "infill")
    for picture in found["pictures"].values():
        assert {REFERENCE, OURS} <= picture["ways"].keys()
        for figures in picture["ways"].values():
            assert figures.keys() >= {"psnr_db", "ssim", "edges", "turn", "ms", "gain_db", "worst_crop_db"}
    assert infill_page.SHEET.exists()
    assert found["speed"]["ways"]


def test_what_is_measured_alone_leaves_the_rest_as_it_was(
    measured: Path, monkeypatch: pytest.MonkeyPatch, engines: dict[str, Shade]
) -> None:
    monkeypatch.setattr(infill, "RESULT", measured)
    monkeypatch.setattr(infill.quality_page, "write", lambda: None)
    before = results.load(measured, "infill")
    infill.main(["--only", "speed", "--device", "cpu"])
    after = results.load(measured, "infill")
    assert after["pictures"] == before["pictures"]
    assert after["speed"]["ways"].keys() == engines.keys()
