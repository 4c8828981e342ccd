"""What a sink shows of a frame."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from pipeline.api import process_video
from pipeline.config import BuiltStage, load_config
from pipeline.frame import OBJECTS, Frame, FrameSpec
from pipeline.stage import News, Sink
from stages.inpainting.ladder import Level
from stages.output.hud import LEVELS, Hud
from stages.output.null import Null
from stages.output.views import VIEWS, Canvas, ViewName, shows_alpha
from tests.clips import decode, make_clip, picture

SPEC = FrameSpec(width=6, height=4)
SHADES = {"image": 100, "clean": 7, "foreground": 30}
QUICK = ["segmentation.size=64", "segmentation.engine=torch", "inpainting.model=telea"]


def frame() -> Frame:
    mask = np.zeros((4, 6), np.uint8)
    mask[1:3, 2:4] = 255
    planes = {name: np.full((4, 6, 3), shade, np.uint8) for name, shade in SHADES.items()}
    return Frame({**planes, "mask": mask, "alpha": mask // 2})


@pytest.mark.parametrize(("name", "plane"), [("result", "clean"), ("input", "image"), ("foreground", "foreground")])
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
    inside = frame().mask > 0
    blue, green, red = (picture[4:, 6:, channel] for channel in range(3))
    assert (red[inside] > 150).all()
    assert not blue[inside].any()
    assert (blue[~inside] > 150).all()
    assert not red[~inside].any()
    assert (green < 120).all()


@pytest.mark.parametrize("name", VIEWS)
def test_a_view_needs_no_plane_but_those_that_it_names(name: str) -> None:
    whole = frame()
    only = Frame({plane: whole.planes[plane] for plane in VIEWS[name].planes})  # type: ignore[index]
    assert np.array_equal(Canvas(name, SPEC).of(only), Canvas(name, SPEC).of(whole))  # type: ignore[arg-type]


# The line that says how it is going


def rich(level: int = 0, objects: int = 2, height: int = 180, width: int = 640) -> Frame:
    table = np.zeros(1, OBJECTS)
    table["count"] = objects
    planes = {name: np.full((height, width, 3), 100, np.uint8) for name in SHADES}
    flat = {name: np.zeros((height, width), np.uint8) for name in ("mask", "alpha")}
    return Frame({**planes, **flat, "level": np.array([level], np.uint8), "objects": table}, index=41)


def words(hud: Hud, frame: Frame) -> str:
    return "  ".join(word for word, _ in hud.words(frame))


@pytest.mark.parametrize("name", [name for name in VIEWS if not shows_alpha(name)])
def test_the_hud_is_drawn_over_every_view_but_on_no_plane(name: ViewName) -> None:
    spec = FrameSpec(width=640, height=180)
    shown = rich()
    plain, line = Canvas(name, spec).of(shown), Canvas(name, spec, hud=True).of(shown)
    assert all((shown.planes[plane] == 100).all() for plane in ("image", "clean"))
    differs = np.argwhere((plain != line).any(axis=2))
    assert len(differs) > 200
    middle = differs[(differs[:, 0] >= 0.15 * line.shape[0]) & (differs[:, 0] % 180 < 158)]
    assert not len(middle), "it stays at the top, and names of pictures at the bottom of each"
    assert (differs[:, 0] >= 0.15 * line.shape[0]).any() == bool(VIEWS[name].names)
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
    assert words(hud, rich(level=1, objects=1)) == "25.0 frames/s  frame 41  1 object  level small"
    blank = rich(level=3)
    blank.blank = True
    assert words(hud, blank) == "25.0 frames/s  frame 41  blank"
    assert words(Hud(), Frame({}, index=3)) == "0.0 frames/s  frame 3"
    assert len(hud._seen) <= 52, "the last two seconds"


def test_the_hud_tells_latency_losses_and_what_the_source_does_as_the_runtime_knows_them() -> None:
    news = News(latency_ms=142.6, dropped=7, rejected=2, source="reconnecting")
    assert words(Hud(news=lambda: news), rich()) == (
        "0.0 frames/s  latency 143 ms  frame 41  7 dropped  2 rejected  reconnecting  2 objects"
    )
    assert words(Hud(news=lambda: News()), rich()) == "0.0 frames/s  frame 41  2 objects"


@pytest.mark.parametrize(("width", "height"), [(640, 360), (1920, 1080), (480, 640), (1280, 720)])
def test_everything_that_the_hud_may_say_is_legible_in_usual_pictures(width: int, height: int) -> None:
    news = News(latency_ms=1142.6, dropped=70_000, rejected=222, source="reconnecting")
    out = np.zeros((height, width, 3), np.uint8)
    Hud(news=lambda: news).draw(out, rich(level=2))
    rows = np.flatnonzero((out > 100).all(axis=2).any(axis=1))
    letters = max(map(len, np.split(rows, np.flatnonzero(np.diff(rows) > 1) + 1)))
    assert letters >= 8, "rows of the highest letter"
    assert rows.max() < 0.15 * height
    assert not out[:, -width // 100 :].any()


def test_a_sink_with_a_hud_wants_the_news_and_one_without_does_not() -> None:
    assert Null(hud=True).wants_news
    assert not Null().wants_news


@pytest.mark.parametrize("name", ["side-by-side", "panel"])
def test_each_of_several_pictures_has_its_name_in_its_own_corner(name: ViewName) -> None:
    view = VIEWS[name]
    out = np.zeros((view.rows * 200, view.columns * 320, 3), np.uint8)
    view.label(out)
    parts = [out[r * 200 :, c * 320 :][:200, :320] for r in range(view.rows) for c in range(view.columns)]
    assert all(part[170:, :100].max() > 200 for part in parts)
    assert all(not part[:170].any() for part in parts)
    assert len({part.tobytes() for part in parts}) == len(view.names), "different names"


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
    sets = [f"{sink}.codec=ffv1" for sink in ("original", "side-by-side", "output")] + QUICK
    process_video(clip, tmp_path / "clean.mkv", config="compare", sets=sets)
    original, both, clean = (decode(tmp_path / f"clean{end}.mkv") for end in ("-original", "-side-by-side", ""))
    assert len(original) == len(both) == len(clean) == 8
    for before, pair, after in zip(original, both, clean, strict=True):
        assert np.array_equal(pair, np.hstack([before, after]))
    assert np.array_equal(original[3], picture(3))


@pytest.mark.long
@pytest.mark.real
def test_a_run_writes_its_hud_into_the_file_and_below_it_is_the_result(tmp_path: Path) -> None:
    pictures = [picture(at, 480, 64) for at in range(8)]
    clip = make_clip(tmp_path / "in.mkv", pictures, codec="ffv1", pixels="bgr0")
    sets = ["output.codec=ffv1", "output.hud=true", *QUICK]
    process_video(clip, tmp_path / "clean.mkv", config="remove-people", sets=sets)
    shown = decode(tmp_path / "clean.mkv")
    assert len(shown) == 8
    assert all((one != pictures[at]).any() for at, one in enumerate(shown))
    assert all(np.array_equal(one[-8:], pictures[at][-8:]) for at, one in enumerate(shown))
