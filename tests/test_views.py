"""What a sink shows of a frame."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from pipeline.api import process_video
from pipeline.config import BuiltStage, load_config
from pipeline.frame import OBJECTS, Frame, FrameSpec
from pipeline.stage import Sink
from stages.inpainting.ladder import Level
from stages.output.hud import LEVELS, Hud
from stages.output.views import VIEWS, Canvas, ViewName
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


# The line that says how it is going


def rich(level: int = 0, objects: int = 2, height: int = 180, width: int = 640) -> Frame:
    table = np.zeros(1, OBJECTS)
    table["count"] = objects
    planes = {name: np.full((height, width, 3), 100, np.uint8) for name in ("image", "clean")}
    return Frame(
        {**planes, "mask": np.zeros((height, width), np.uint8), "level": np.array([level], np.uint8), "objects": table},
        index=41,
    )


def words(hud: Hud, frame: Frame) -> str:
    return "  ".join(word for word, _ in hud._words(frame))


@pytest.mark.parametrize("name", VIEWS)
def test_the_hud_is_drawn_over_every_view_but_on_no_plane(name: ViewName) -> None:
    spec = FrameSpec(width=640, height=180)
    shown = rich()
    plain, line = Canvas(name, spec).of(shown), Canvas(name, spec, hud=True).of(shown)
    assert all((shown.planes[plane] == 100).all() for plane in ("image", "clean"))
    differs = np.argwhere((plain != line).any(axis=2))
    assert len(differs) > 200
    assert differs[:, 0].max() < 0.15 * line.shape[0], "it stays at the top"
    assert line.min() < 40, "an outline"
    assert line.max() > 240, "on which it can be read"


@pytest.mark.parametrize(("width", "height"), [(6, 4), (16, 200), (4000, 20), (640, 360)])
def test_the_hud_fits_into_pictures_of_any_size(width: int, height: int) -> None:
    out = np.zeros((height, width, 3), np.uint8)
    Hud().draw(out, rich(level=4))
    assert not out[:, -max(1, width // 100) :].any(), "the line ends inside"
    assert out.any() == (width >= 640), "what could not be read is not written"


def test_the_hud_tells_rate_number_objects_and_a_level_below_the_best() -> None:
    hud = Hud(iter(at / 25 for at in range(1000)).__next__)
    out = np.zeros((90, 640, 3), np.uint8)
    for _ in range(200):
        hud.draw(out, rich())
    assert words(hud, rich()) == "25.0 frames/s  frame 41  2 objects"
    assert words(hud, rich(level=1, objects=1)) == "25.0 frames/s  frame 41  1 object  small"
    blank = rich(level=3)
    blank.blank = True
    assert words(hud, blank) == "25.0 frames/s  frame 41  blank"
    assert words(Hud(), Frame({}, index=3)) == "0.0 frames/s  frame 3"
    assert len(hud._seen) <= 52, "the last two seconds"


def test_the_hud_s_words_for_levels_are_the_ladder_s() -> None:
    assert tuple(level.word for level in Level) == LEVELS


def test_a_sink_with_a_hud_reads_what_there_is_to_tell() -> None:
    def sink(config: str, *sets: str) -> BuiltStage:
        return load_config(config, sets=sets, given="in.mp4", wanted="out.mp4").stages[-1]

    assert sink("remove-people").extra == ()
    assert sink("remove-people", "output.hud=true").extra == ("level", "objects")
    assert sink("remove-people", "output.hud=true", "output.view=input").reads == ("image", "level", "objects")


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


@pytest.mark.real
def test_a_run_writes_its_hud_into_the_file_and_below_it_is_the_result(tmp_path: Path) -> None:
    pictures = [picture(at, 480, 64) for at in range(8)]
    clip = make_clip(tmp_path / "in.mkv", pictures, codec="ffv1", pixels="bgr0")
    sets = ["output.codec=ffv1", "output.hud=true", "segmentation.size=64"]
    process_video(clip, tmp_path / "clean.mkv", config="remove-people", sets=sets)
    shown = decode(tmp_path / "clean.mkv")
    assert len(shown) == 8
    assert all((one != pictures[at]).any() for at, one in enumerate(shown))
    assert all(np.array_equal(one[-8:], pictures[at][-8:]) for at, one in enumerate(shown))
