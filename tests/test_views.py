"""What a sink shows of a frame."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from pipeline.api import process_video
from pipeline.config import load_config
from pipeline.frame import Frame, FrameSpec
from pipeline.stage import Sink
from stages.output.views import VIEWS, Canvas
from tests.clips import decode, make_clip, picture

SPEC = FrameSpec(width=6, height=4)


def frame() -> Frame:
    mask = np.zeros((4, 6), np.uint8)
    mask[1:3, 2:4] = 255
    return Frame({"image": np.full((4, 6, 3), 100, np.uint8), "clean": np.full((4, 6, 3), 7, np.uint8), "mask": mask})


@pytest.mark.parametrize(("name", "plane"), [("result", "clean"), ("input", "image")])
def test_a_single_plane_is_lent_and_not_copied(name: str, plane: str) -> None:
    shown = frame()
    assert Canvas(name, SPEC).of(shown) is shown.planes[plane]  # type: ignore[arg-type]


def test_input_and_result_stand_side_by_side() -> None:
    canvas = Canvas("side-by-side", SPEC)
    picture = canvas.of(frame())
    assert (canvas.spec.width, canvas.spec.height) == (12, 4)
    assert picture.shape == (4, 12, 3)
    assert (picture[:, :6] == 100).all()
    assert (picture[:, 6:] == 7).all()


def test_the_overlay_is_red_where_the_mask_is_and_the_input_elsewhere() -> None:
    picture = Canvas("overlay", SPEC).of(frame())
    covered = frame().mask > 0
    assert (picture[~covered] == 100).all()
    assert (picture[covered] == (50, 50, 178)).all()


def test_the_panel_has_four_pictures() -> None:
    picture = Canvas("panel", SPEC).of(frame())
    assert picture.shape == (8, 12, 3)
    assert (picture[:4, :6] == 100).all()
    assert (picture[:4, 6:] == 7).all()
    assert (picture[5:7, 2:4] == (50, 50, 178)).all()
    assert (picture[4:, 6:] == frame().mask[..., None]).all()


@pytest.mark.parametrize("name", VIEWS)
def test_a_view_needs_no_plane_but_those_that_it_names(name: str) -> None:
    whole = frame()
    only = Frame({plane: whole.planes[plane] for plane in VIEWS[name].planes})  # type: ignore[index]
    assert np.array_equal(Canvas(name, SPEC).of(only), Canvas(name, SPEC).of(whole))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("wanted", "beside"),
    [
        ("clean.mp4", "clean-original.mp4"),
        ("out/my clean.v2.mkv", "out/my clean.v2-original.mkv"),
        ("out/", "out-original/"),
        ("null:", "null:"),
    ],
)
def test_further_sinks_write_beside_the_last_one(wanted: str, beside: str) -> None:
    plan = load_config("compare", given="in.mp4", wanted=wanted)
    sinks = {built.name: built for built in plan.stages if isinstance(built.stage, Sink)}
    assert list(sinks) == ["original", "side-by-side", "output"]
    if wanted == "null:":
        assert {built.uses for built in sinks.values()} == {"stages.output.null:Null"}
        return
    assert sinks["output"].options["output"] == wanted
    assert sinks["original"].options["output"] == beside


def test_an_existing_folder_is_a_folder_for_further_sinks_too(tmp_path: Path) -> None:
    plan = load_config("compare", given="in.mp4", wanted=str(tmp_path))
    assert plan.stages[1].options["output"] == f"{tmp_path}-original/"


def test_a_sink_with_a_target_of_its_own_keeps_it() -> None:
    plan = load_config("compare", sets=["original.output=kept.mp4"], given="in.mp4", wanted="clean.mp4")
    assert plan.stages[1].options["output"] == "kept.mp4"


@pytest.mark.real
def test_one_run_writes_the_original_the_result_and_both_side_by_side(tmp_path: Path) -> None:
    clip = make_clip(tmp_path / "in.mkv", 8, codec="ffv1", pixels="bgr0")
    sets = [f"{sink}.codec=ffv1" for sink in ("original", "side-by-side", "output")] + ["segmentation.size=64"]
    process_video(clip, tmp_path / "clean.mkv", config="compare", sets=sets)
    original, both, clean = (decode(tmp_path / f"clean{end}.mkv") for end in ("-original", "-side-by-side", ""))
    assert len(original) == len(both) == len(clean) == 8
    for before, pair, after in zip(original, both, clean, strict=True):
        assert np.array_equal(pair, np.hstack([before, after]))
    assert np.array_equal(original[3], picture(3))
