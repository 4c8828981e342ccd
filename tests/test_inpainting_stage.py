"""The stage Inpainting: what is left of the holes is invented, all else is passed on."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest

from models import weights
from models.base import ModelInfo
from pipeline.errors import SetupError
from pipeline.frame import Frame, FrameSpec
from stages.inpainting import Inpainting
from stages.inpainting.fill import SPECK
from stages.inpainting.holes import find_crops
from stages.inpainting.ladder import CLIMB, Ladder, Level
from tests.frames import blank_frame, noisy, scenery
from tests.test_inpainters import Broken, Mean, script

SPEC = FrameSpec(width=320, height=200)


@pytest.fixture(autouse=True)
def no_lama(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("CLEANPLATE_CACHE", str(tmp_path / "cache"))
    monkeypatch.delenv("LAMA_MODEL", raising=False)


class Painter:
    """Paints everything green and remembers what it was asked for."""

    info = ModelInfo("painter")

    def __init__(self) -> None:
        self.shapes: list[tuple[int, ...]] = []

    def inpaint(self, image: np.ndarray, hole: np.ndarray) -> np.ndarray:
        self.shapes.append(hole.shape)
        return np.full_like(image, (0, 255, 0))

    def window(self, height: int, width: int) -> tuple[int, int]:
        return height, width

    def cost(self, height: int, width: int) -> float:
        return 1e-6 * height * width

    def inpaint_many(self, crops: list[tuple[np.ndarray, np.ndarray]]) -> Iterator[tuple[int, np.ndarray | None]]:
        return ((at, self.inpaint(*crop)) for at, crop in reversed(list(enumerate(crops))))

    def warm_up(self) -> float:
        return 0.0


def ready(**fields: object) -> Inpainting:
    stage = Inpainting(**fields)
    stage.setup(SPEC)
    return stage


def with_hole(*boxes: tuple[int, int, int, int]) -> Frame:
    """A frame whose mask is all rest: boxes of y, x, height, width."""
    frame = blank_frame(SPEC)
    frame.filled[:] = scenery(SPEC.height, SPEC.width)
    frame.clean[:] = 99
    for y, x, tall, wide in boxes:
        frame.mask[y : y + tall, x : x + wide] = 255
    frame.rest[:] = frame.mask
    for name in Inpainting.reads:
        frame.planes[name].flags.writeable = False
    return frame


def test_a_frame_without_a_rest_is_passed_on_unchanged() -> None:
    frame = with_hole()
    ready().process(frame)
    assert np.array_equal(frame.clean, frame.filled)


@pytest.mark.parametrize("texture", [True, False])
def test_only_the_rest_is_invented(texture: bool) -> None:
    stage, frame = ready(texture=texture), with_hole((40, 40, 60, 50), (150, 280, 30, 30))
    stage._inpainter = Painter()
    stage.process(frame)
    outside = frame.rest == 0
    assert np.array_equal(frame.clean[outside], frame.filled[outside])
    for y, x in ((60, 60), (165, 295)):
        off = np.abs(frame.clean[y, x].astype(int) - (0, 255, 0)).max()
        assert off <= (60 if texture else 0)


def test_each_hole_is_seen_with_its_context_only() -> None:
    stage, frame = ready(margin=16), with_hole((40, 40, 60, 50), (150, 270, 20, 20))
    stage._inpainter = painter = Painter()
    stage.process(frame)
    assert painter.shapes == [(52, 52), (92, 82)]


def test_people_far_apart_are_not_one_crop_because_that_would_be_reduced() -> None:
    spec = FrameSpec(width=1920, height=400)
    stage, painter = Inpainting(), Painter()
    stage.setup(spec)
    painter.cost = lambda height, width: min(height * width, 512 * 512) * 1e-6 + 0.02
    stage._inpainter = painter
    frame = blank_frame(spec)
    for x in (100, 1400):
        frame.rest[50:350, x : x + 300] = 255
    stage.process(frame)
    assert painter.shapes == [(396, 396)] * 2


class Wide(Painter):
    """Would rather see more: paints the negative of what it sees."""

    def window(self, height: int, width: int) -> tuple[int, int]:
        return max(height, 128), max(width, 128)

    def inpaint(self, image: np.ndarray, hole: np.ndarray) -> np.ndarray:
        self.shapes.append(hole.shape)
        self.holes = [*getattr(self, "holes", []), int(np.count_nonzero(hole))]
        return 255 - image


@pytest.fixture
def apart(monkeypatch: pytest.MonkeyPatch) -> None:
    """Holes are not joined: each crop weighs as many pixels as it has."""
    monkeypatch.setattr(Inpainting, "_worth", lambda _, height, width: height * width)


@pytest.mark.usefixtures("apart")
def test_a_model_may_see_more_than_the_crop_but_only_the_hole_is_taken() -> None:
    stage, frame = ready(margin=8), with_hole((0, 0, 20, 20), (100, 150, 20, 20), (180, 300, 20, 20))
    stage._inpainter = painter = Wide()
    stage.process(frame)
    assert painter.shapes == [(128, 128)] * 3
    hole = frame.rest > 0
    assert np.array_equal(frame.clean[~hole], frame.filled[~hole])
    inner = np.zeros_like(hole)  # away from the seams
    for y, x in ((0, 0), (100, 150), (180, 300)):
        inner[y + 8 : y + 12, x + 8 : x + 12] = True
    assert np.array_equal(frame.clean[inner], 255 - frame.filled[inner])


def test_at_half_scale_the_model_sees_a_quarter_of_the_pixels_and_only_the_hole_is_taken() -> None:
    """The published loop pasted its whole reduced crop back: all around the hole was blurred."""
    stage, painter = ready(model="telea", scale=0.5), Painter()
    stage._inpainter = painter
    frame = with_hole((80, 100, 40, 60))
    stage.process(frame)
    height, width = painter.shapes[0]
    assert (height, width) == (68, 78)  # half of the hole and its margin of 48
    inside = frame.rest > 0
    assert (frame.clean[inside][:, 1] > 100).all()
    far = np.ones_like(inside)
    far[72:128, 92:168] = False  # the seam may touch a few pixels around
    assert np.array_equal(frame.clean[far], frame.filled[far])


@pytest.mark.usefixtures("apart")
def test_a_neighbour_s_hole_is_a_hole_in_the_window_too() -> None:
    stage, frame = ready(margin=8), with_hole((50, 50, 20, 20), (50, 110, 20, 20))
    stage._inpainter = painter = Wide()
    stage.process(frame)
    assert len(painter.holes) == 2
    assert min(painter.holes) > 400, "each sees its own and some of the other's"


def test_a_window_larger_than_the_picture_is_the_picture() -> None:
    stage, frame = ready(margin=8), with_hole((50, 50, 20, 20))
    stage._inpainter = painter = Wide()
    painter.window = lambda height, width: (4096, 4096)
    stage.process(frame)
    assert painter.shapes == [(SPEC.height, SPEC.width)]


def test_one_crop_without_a_finite_answer_does_not_spoil_the_others() -> None:
    stage, frame = ready(grain=False, texture=False), with_hole((20, 20, 30, 30), (140, 260, 30, 30))
    stage._inpainter = painter = Painter()
    painter.inpaint_many = lambda crops: iter([(1, None), (0, np.full_like(crops[0][0], 7))])
    stage.process(frame)
    assert stage.context.counts["nan_fallback"] == 1
    assert (frame.clean[35, 35] == 7).all()
    other = with_hole((140, 260, 30, 30))
    ready(model="push-pull").process(other)
    assert np.array_equal(frame.clean[120:], other.clean[120:])


def test_towards_the_real_picture_there_is_a_seam_and_towards_the_plate_there_is_none() -> None:
    stage, frame = ready(), with_hole((40, 40, 60, 60))
    frame.rest.flags.writeable = frame.filled.flags.writeable = True
    frame.rest[:, :70] = 0  # the plate knew the left part
    frame.filled[:] = 0
    stage._inpainter = Painter()
    stage.process(frame)
    assert frame.clean[70, 96:102, 1].tolist() == [255, 255, 170, 85, 0, 0]
    assert frame.clean[70, 66:74, 1].tolist() == [0, 0, 0, 0, 255, 255, 255, 255]


def test_push_pull_takes_over_where_an_answer_is_not_finite(tmp_path: Path) -> None:
    stage = ready(model="lama", weights=script(Broken(), tmp_path / "broken.pt"))
    frame = with_hole((40, 40, 60, 50))
    stage.process(frame)
    assert stage.context.counts["nan_fallback"] == 1
    other = with_hole((40, 40, 60, 50))
    ready(model="push-pull").process(other)
    assert np.array_equal(frame.clean, other.clean)


def test_speckles_are_not_worth_a_network() -> None:
    stage, frame = ready(), with_hole((40, 40, 1, SPECK - 1))
    stage._inpainter = painter = Painter()
    stage.process(frame)
    assert painter.shapes == []


def test_auto_takes_lama_where_it_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LAMA_MODEL", script(Mean(), tmp_path / "lama.pt"))
    stage = ready(grain=False, texture=False)
    assert [facts["name"] for facts in stage.context.models] == ["big-lama"]
    assert stage.context.notes == []
    frame = with_hole((40, 40, 61, 53))
    stage.process(frame)
    assert frame.clean[45:95, 45:88].std(axis=(0, 1)).max() < 0.01  # one mean colour


def test_auto_without_lama_says_once_that_it_is_infill() -> None:
    stage = ready()
    assert [facts["name"] for facts in stage.context.models] == ["infill"]
    assert len(stage.context.notes) == 1
    assert "inpainting with infill" in stage.context.notes[0]
    assert "next: `cleanplate models fetch big-lama`" in stage.context.notes[0]


def test_auto_without_any_network_s_weights_says_once_that_it_is_push_pull(monkeypatch: pytest.MonkeyPatch) -> None:
    place = weights.expected_place
    monkeypatch.setattr(
        weights, "expected_place", lambda known: Path("/no/such.file") if known.name == "infill" else place(known)
    )
    stage = ready()
    assert [facts["name"] for facts in stage.context.models] == ["push-pull"]
    (note,) = stage.context.notes
    assert "inpainting with push-pull" in note
    assert "infill: no file" in note
    assert "\n" not in note


def test_auto_says_why_it_is_not_lama(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "cache" / "models").mkdir(parents=True)
    (tmp_path / "cache" / "models" / "big-lama.pt").write_bytes(b"cut short")
    assert "damaged, cut short, or another file" in ready().context.notes[0]


def test_what_it_needs_is_fetched_before_a_run_but_not_for_auto() -> None:
    assert Inpainting(model="lama").weights_needed() == ["big-lama"]
    assert Inpainting(model="lama", weights="own.pt").weights_needed() == []
    assert Inpainting().weights_needed() == []
    assert Inpainting(model="telea").weights_needed() == []
    assert Inpainting(model="infill").weights_needed() == ["infill"]


def test_lama_by_name_without_its_weights_is_an_error_in_one_line() -> None:
    with pytest.raises(SetupError, match=r"big-lama: no file .*big-lama\.pt") as caught:
        ready(model="lama")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("model", ["auto", "lama"])
def test_weights_that_are_not_there_are_an_error_even_for_auto(model: str) -> None:
    with pytest.raises(SetupError, match=r"/no/such\.pt is not a file"):
        ready(model=model, weights="/no/such.pt")


def test_an_unknown_model_is_answered_with_close_matches() -> None:
    with pytest.raises(SetupError, match="did you mean 'telea'"):
        ready(model="tela")


# What is counted


def test_frames_and_crops_are_counted_so_that_calls_per_frame_can_be_told() -> None:
    stage = ready()
    stage._inpainter = Painter()
    for boxes in ([], [(20, 20, 30, 30), (140, 260, 30, 30)], [(40, 40, 1, SPECK - 1)]):
        frame = with_hole(*boxes)
        stage.process(frame)
        assert frame.level == 0
    assert stage.context.counts == {"inpainted": 2, "inpainted_crops": 2}


# A live stream


class Clock:
    """Stands still but for what it is told."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


class Slow(Painter):
    """Takes its time, by a clock of its own: 4 us a pixel."""

    def __init__(self, clock: Clock) -> None:
        super().__init__()
        self._clock = clock

    def cost(self, height: int, width: int) -> float:
        return 4e-6 * height * width

    def inpaint(self, image: np.ndarray, hole: np.ndarray) -> np.ndarray:
        self._clock.now += self.cost(*hole.shape)
        return super().inpaint(image, hole)


LIVE = SPEC.model_copy(update={"live": True, "rate": 25})
HOLE = (40, 40, 60, 50)  # 156 x 138 pixels with its context: 86 ms


def stream(frames: int, spec: FrameSpec = LIVE, idle: float = 0.0, **fields: object) -> tuple[Inpainting, list[int]]:
    """The levels of so many frames with a hole, each `idle` seconds after the one before is done.

    What is loaded is soon there; where there are levels, a slow model takes its place."""
    stage, clock = Inpainting(**{"model": "push-pull", **fields}), Clock()
    stage._clock = clock
    stage.setup(spec)
    if stage._ladder is not None:
        stage._inpainter = Slow(clock)
        stage._ladder = Ladder()
    frame, levels = with_hole(HOLE), []
    for _ in range(frames):
        stage.process(frame)
        clock.now += idle
        levels.append(frame.level)
    assert (frame.clean[60, 60] != frame.filled[60, 60]).any()
    return stage, levels


def test_a_frame_that_would_be_late_is_filled_at_the_best_level_that_is_in_time() -> None:
    stage, levels = stream(1)
    assert levels == [Level.SMALL]  # 22 ms of the 40 ms between two frames
    assert stage.context.counts == {"inpainted": 1, "inpainted_crops": 1, "level: small": 1}


@pytest.mark.parametrize(
    ("deadline", "level"), [(200, Level.MODEL), (30, Level.SMALL), (5, Level.PLATE), (0.5, Level.SOLID)]
)
def test_a_deadline_of_one_s_own_is_kept(deadline: float, level: Level) -> None:
    assert stream(4, deadline_ms=deadline)[1] == [level] * 4


@pytest.mark.parametrize("level", [Level.PLATE, Level.TELEA, Level.SOLID])
def test_at_every_level_the_hole_is_filled_and_nothing_else_touched(level: Level) -> None:
    stage, frame = ready(), with_hole(HOLE, (150, 280, 30, 30))
    frame.filled.flags.writeable = True
    frame.filled[frame.rest > 0] = (255, 0, 255)  # the person
    crops = find_crops(frame.rest, stage.margin, stage._price)
    np.copyto(frame.clean, frame.filled)
    stage._fill(frame, crops, level)
    outside = frame.rest == 0
    assert np.array_equal(frame.clean[outside], frame.filled[outside])
    assert not (frame.clean[45:95, 45:85] == (255, 0, 255)).all(axis=2).any()
    if level is Level.SOLID:
        assert len(np.unique(frame.clean[44:96, 44:86].reshape(-1, 3), axis=0)) == 1
    else:
        assert len(np.unique(frame.clean[44:96, 44:86].reshape(-1, 3), axis=0)) > 100


def test_a_worker_that_waits_between_frames_has_time_for_the_model_and_takes_it_after_a_while() -> None:
    """Because others share the work: 25 frames/s come, but to this worker only five."""
    _, levels = stream(2 * CLIMB, idle=0.15)
    assert levels[0] == Level.SMALL
    assert levels[-1] == Level.MODEL
    assert levels == sorted(levels, reverse=True)


def test_a_file_is_always_filled_at_its_best() -> None:
    stage, levels = stream(3, spec=SPEC, deadline_ms=0.001)
    assert levels == [Level.MODEL] * 3
    assert not [what for what in stage.context.counts if what.startswith("level")]


def test_the_deadline_is_changed_between_two_frames() -> None:
    assert {"deadline_ms", "grain", "texture"} <= set(Inpainting.live_fields())
    for wrong in (0, -1, "soon", 1e9):
        with pytest.raises(ValueError, match="deadline_ms"):
            Inpainting(deadline_ms=wrong)


def test_methods_without_a_network_have_no_levels_that_are_no_quicker() -> None:
    for model, levels in (("push-pull", {0, 4}), ("telea", {0, 2, 4})):
        stage = Inpainting(model=model)
        stage.setup(LIVE)
        assert set(stage._levels()) == levels


# What meets the picture


class Darker(Painter):
    """Knows what is there, but for the light."""

    def __init__(self, truth: np.ndarray, by: int) -> None:
        super().__init__()
        self.truth, self.by = truth, by

    def window(self, height: int, width: int) -> tuple[int, int]:
        return SPEC.height, SPEC.width

    def inpaint(self, image: np.ndarray, hole: np.ndarray) -> np.ndarray:
        return np.clip(self.truth.astype(int) - self.by, 0, 255).astype(np.uint8)


@pytest.mark.parametrize(("by", "left"), [(0, 0), (8, 1), (-8, 1), (60, 60)])
def test_an_answer_in_another_light_is_matched_to_the_rim_but_not_one_of_another_thing(by: int, left: float) -> None:
    stage, frame = ready(), with_hole(HOLE)
    truth = np.clip(scenery(SPEC.height, SPEC.width, smooth=12.0), 70, 190)
    frame.filled.flags.writeable = True
    np.copyto(frame.filled, truth)
    stage._inpainter = Darker(truth, by)
    stage.process(frame)
    error = np.abs(frame.clean.astype(int) - truth)[45:95, 45:85].mean()
    assert error == pytest.approx(left, abs=1)


def test_grain_is_added_where_it_is_wanted_and_lies_still() -> None:
    smooth = np.full((SPEC.height, SPEC.width, 3), 120, np.uint8)
    spread = {}
    for grain in (False, True):
        stage = ready(grain=grain)
        stage._inpainter = Darker(smooth, 0)
        frames = []
        for seed in (1, 2):
            frame = with_hole(HOLE)
            frame.filled.flags.writeable = True
            np.copyto(frame.filled, noisy(smooth, seed, 4.0))
            stage.process(frame)
            frames.append(frame)
        inner = [frame.clean[45:95, 45:85].astype(int) for frame in frames]
        spread[grain] = inner[0].std()
        assert np.abs(inner[0] - inner[1]).max() <= 2, "it does not boil"
    assert spread[False] < 0.5
    assert spread[True] == pytest.approx(4.0, abs=0.8)


@pytest.mark.parametrize(
    ("model", "wanted", "added"), [("infill", True, True), ("infill", False, False), ("telea", True, False)]
)
def test_detail_is_carried_into_what_a_network_invents(model: str, wanted: bool, added: bool) -> None:
    rough = scenery(SPEC.height, SPEC.width)
    smooth = np.asarray(cv2.GaussianBlur(rough, (0, 0), 8.0), np.uint8)
    stage, frame = ready(grain=False, texture=wanted), with_hole(HOLE)
    stage._inpainter = Darker(smooth, 0)
    stage._inpainter.info = replace(stage._inpainter.info, name=model)
    frame.filled.flags.writeable = True
    np.copyto(frame.filled, rough)
    stage.process(frame)
    inner = slice(45, 95), slice(45, 85)
    assert (np.abs(frame.clean[inner].astype(int) - smooth[inner]).mean() > 2) == added


def test_a_quiet_picture_gets_no_grain() -> None:
    stage, frame = ready(grain=True), with_hole(HOLE)
    frame.filled.flags.writeable = True
    frame.filled[:] = np.arange(SPEC.width, dtype=np.uint8)[None, :, None] // 2
    stage._inpainter = Darker(frame.filled.copy(), 0)
    stage.process(frame)
    assert np.array_equal(frame.clean, frame.filled)


def test_a_frame_that_is_all_hole_is_filled() -> None:
    frame = with_hole((0, 0, SPEC.height, SPEC.width))
    ready(model="telea").process(frame)
    assert frame.clean.shape == (200, 320, 3)


def test_how_a_frame_is_cut_into_crops_does_not_depend_on_what_a_warm_up_took() -> None:
    shapes = []
    for seconds in (1e-6, 10.0):
        stage, painter = ready(), Painter()
        painter.cost = lambda height, width, each=seconds: each
        stage._inpainter = painter
        stage.process(with_hole((20, 20, 30, 30), (60, 80, 30, 30), (150, 260, 30, 30)))
        shapes.append(painter.shapes)
    assert shapes[0] == shapes[1]
