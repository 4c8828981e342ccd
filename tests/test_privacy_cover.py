"""The stage Cover: nothing that is masked is seen again, weak effects are refused, what is in doubt stays in."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from pipeline.config import load_config
from pipeline.errors import ConfigError, RunError
from pipeline.frame import KEPT, OBJECT, Frame, FrameSpec
from stages.privacy import Cover, cover, effects
from stages.privacy.cover import whole_blocks
from tests.frames import blank_frame

SPEC = FrameSpec(width=321, height=201)
EFFECTS = ["solid", "mosaic", "blur", "silhouette"]


def staged(**options: object) -> Cover:
    stage = Cover.model_validate(options)
    stage.setup(SPEC)
    return stage


def rows(*boxes: tuple[float, ...], track: int = 1, flags: int = 0) -> np.ndarray:
    found = np.zeros(len(boxes), OBJECT)
    found["box"], found["track"], found["flags"] = (
        np.reshape(boxes, (-1, 4)),
        np.arange(track, track + len(boxes)),
        flags,
    )
    found["landmarks"] = np.nan
    return found


def framed(objects: np.ndarray, *masked: tuple[int, int, int, int], seed: int = 0) -> Frame:
    """Noise, of which no pixel is like its neighbour; `masked`: x0 y0 x1 y1."""
    frame = blank_frame(SPEC)
    frame.image[:] = np.random.default_rng(seed).integers(0, 256, frame.image.shape, np.uint8)
    for x0, y0, x1, y1 in masked:
        frame.mask[y0:y1, x0:x1] = 255
    frame.put_objects(objects)
    frame.clean[:] = 77
    return frame


def done(stage: Cover, frame: Frame) -> np.ndarray:
    for name in stage.reads:
        frame.planes[name].flags.writeable = False
    stage.process(frame)
    return frame.clean


@pytest.mark.parametrize("effect", EFFECTS)
def test_outside_of_the_mask_nothing_changes(effect: str) -> None:
    frame = framed(rows((100, 50, 140, 100)), (100, 50, 140, 100))
    clean = done(staged(effect=effect), frame)
    there = frame.mask == 0
    assert (clean[there] == frame.image[there]).all()


def test_a_frame_with_nobody_in_it_goes_out_as_it_is() -> None:
    frame = framed(rows())
    assert (done(staged(), frame) == frame.image).all()


def test_solid_is_the_colour_that_was_asked_for_red_first() -> None:
    frame = framed(rows((100, 50, 140, 100)), (100, 50, 140, 100))
    clean = done(staged(color=[250, 20, 30]), frame)
    assert (clean[50:100, 100:140] == (30, 20, 250)).all()


@pytest.mark.parametrize("effect", EFFECTS)
def test_two_pictures_that_differ_only_in_the_finest_detail_look_the_same_when_covered(effect: str) -> None:
    """What is shown of somebody is made of averages: nothing finer can be got back, because nothing finer is there."""
    objects, place = rows((100, 50, 148, 98)), (96, 46, 152, 102)
    one, other = framed(objects, place), framed(objects, place)
    y, x = np.mgrid[0 : SPEC.height, 0 : SPEC.width]
    one.image[:] = np.where((x + y) % 2, 220, 40)[..., None]
    other.image[:] = np.where((x + y) % 2, 40, 220)[..., None]
    first, second = (done(staged(effect=effect), frame)[46:102, 96:152] for frame in (one, other))
    assert np.abs(one.image.astype(int) - other.image).min() == 180
    assert (first == second).all()


@pytest.mark.parametrize("effect", ["mosaic", "blur"])
def test_what_is_shown_of_somebody_is_told_by_few_numbers(effect: str) -> None:
    """Rank is what a picture takes to be written down: of noise it is full, of a few cells it is as many as those."""
    frame = framed(rows((100, 50, 164, 114)), (100, 50, 164, 114))
    shown = done(staged(effect=effect, cells=4), frame)[50:114, 100:164, 0].astype(float)
    before = frame.image[50:114, 100:164, 0].astype(float)
    assert np.linalg.matrix_rank(before) == 64
    assert (np.linalg.svd(shown, compute_uv=False) > 32).sum() <= 6  # the rest: rounding to whole levels
    if effect == "mosaic":
        assert len(np.unique(shown)) <= 6 * 6


@pytest.mark.parametrize("scale", [1, 2, 4])
def test_cells_grow_with_the_object(scale: int) -> None:
    side = 40 * scale
    frame = framed(rows((20, 10, 20 + side, 10 + side)), (20, 10, 20 + side, 10 + side))
    shown = done(staged(effect="mosaic", cells=4), frame)[10 : 10 + side, 20 : 20 + side]
    steps = np.flatnonzero((np.diff(shown.astype(int), axis=1) != 0).any((0, 2)))
    assert 3 <= len(steps) <= 5
    assert np.diff(steps).min() >= side // 4


def test_of_somebody_at_the_edge_less_is_shown() -> None:
    inside, cut = ((100, 50, 140, 90), (281, 50, 321, 90))
    sizes = [effects.cell(np.array(box), 4, (201, 321)) for box in (inside, cut)]
    assert sizes == [10, 20]


@pytest.mark.parametrize("effect", EFFECTS)
def test_what_is_masked_and_near_no_object_is_solid(effect: str) -> None:
    frame = framed(rows((100, 50, 120, 70)), (100, 50, 120, 70), (250, 150, 300, 190))
    clean = done(staged(effect=effect, color=[1, 2, 3]), frame)
    assert (clean[150:190, 250:300] == (3, 2, 1)).all()
    if effect != "solid":
        assert not (clean[50:70, 100:120] == (3, 2, 1)).all()


def test_somebody_who_is_kept_lends_his_effect_to_nobody() -> None:
    frame = framed(rows((100, 50, 120, 70), flags=KEPT), (100, 50, 120, 70))
    assert (done(staged(effect="mosaic"), frame)[50:70, 100:120] == 0).all()


def test_silhouettes_have_a_colour_for_each_track_that_stays() -> None:
    boxes = (20, 20, 60, 60), (150, 20, 190, 60)
    shown = []
    for order in (rows(*boxes), rows(*boxes)[::-1]):
        clean = done(staged(effect="silhouette"), framed(order, *boxes))
        shown.append([clean[40, 40].tolist(), clean[40, 170].tolist()])
        assert (clean[20:60, 20:60] == clean[40, 40]).all()
    assert shown[0] == shown[1]
    assert shown[0][0] != shown[0][1]


def test_a_silhouette_is_not_tinted_by_a_larger_neighbour() -> None:
    boxes = (20, 20, 120, 180), (130, 20, 150, 50)
    clean = done(staged(effect="silhouette"), framed(rows(*boxes), *boxes))
    assert [clean[100, 60].tolist(), clean[30, 140].tolist()] == [list(effects.own_colour(at)) for at in (1, 2)]
    assert (clean[20:50, 130:150] == clean[30, 140]).all()


def test_where_two_overlap_the_cells_are_those_of_the_larger() -> None:
    """A small one beside a large face must not show it in cells as small as its own."""
    boxes = (20, 20, 180, 180), (90, 90, 106, 106)
    shown = done(staged(effect="mosaic"), framed(rows(*boxes), *boxes))[90:106, 90:106]
    assert len(np.unique(shown.reshape(-1, 3), axis=0)) <= 4


@pytest.mark.parametrize("effect", ["mosaic", "blur"])
def test_a_weak_effect_is_refused_with_its_limit_and_its_ground(effect: str) -> None:
    with pytest.raises(ValidationError, match=r"6 is weak for .*not 1 to 5: networks know faces by 6.*allow_weak"):
        Cover(effect=effect, cells=6)
    assert Cover(effect=effect, cells=6, allow_weak=True).cells == 6
    assert Cover(effect=effect, cells=5).cells == 5


def test_cells_are_of_no_account_where_none_are_drawn() -> None:
    assert Cover(effect="solid", cells=60).effect == "solid"


def test_blocks_of_two_by_two_are_hidden_whole_also_at_odd_edges() -> None:
    mask = np.zeros((5, 7), np.uint8)
    mask[1, 2] = mask[4, 6] = 255
    hidden = whole_blocks(mask)
    wanted = np.zeros_like(mask)
    wanted[0:2, 2:4] = wanted[4:, 6:] = 255
    assert (hidden == wanted).all()


@given(st.integers(1, 40), st.integers(1, 40), st.integers(0, 2**32 - 1))
def test_hiding_whole_blocks_adds_at_most_a_neighbour_and_loses_nothing(height: int, width: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    mask = (rng.random((height, width)) < 0.1).view(np.uint8) * np.uint8(255)
    hidden = whole_blocks(mask)
    assert hidden.shape == mask.shape
    assert (hidden[mask > 0] == 255).all()
    near = cv2.dilate(mask, np.ones((3, 3), np.uint8))
    assert not hidden[near == 0].any()


@pytest.mark.parametrize("effect", EFFECTS)
def test_a_cover_that_does_nothing_lets_nothing_out(monkeypatch: pytest.MonkeyPatch, effect: str) -> None:
    monkeypatch.setattr(cover, "cover", lambda clean, drawn, hidden: None)
    with pytest.raises(RunError, match="part of what is masked still shows"):
        done(staged(effect=effect), framed(rows((100, 50, 140, 100)), (100, 50, 140, 100)))


def test_what_is_not_proved_is_never_in_the_result_that_sinks_can_see(monkeypatch: pytest.MonkeyPatch) -> None:
    frame = framed(rows((100, 50, 140, 100)), (100, 50, 140, 100))
    frame.clean[:] = 7
    real = cover.cover

    def killed(clean: np.ndarray, drawn: np.ndarray, hidden: np.ndarray) -> None:
        assert (frame.clean == 7).all(), "the raw picture stood there"
        real(clean, drawn, hidden & 1)
        clean[75, 120] ^= 255

    monkeypatch.setattr(cover, "cover", killed)
    with pytest.raises(RunError, match="part of what is masked still shows"):
        done(staged(), frame)
    assert (frame.clean == 7).all()


def test_a_cover_that_forgets_one_pixel_lets_nothing_out(monkeypatch: pytest.MonkeyPatch) -> None:
    def forgetful(clean: np.ndarray, drawn: np.ndarray, hidden: np.ndarray) -> None:
        less = hidden.copy()
        less[75, 120] = 0
        cv2.copyTo(drawn, less, clean)

    monkeypatch.setattr(cover, "cover", forgetful)
    with pytest.raises(RunError, match="part of what is masked still shows"):
        done(staged(), framed(rows((100, 50, 140, 100)), (100, 50, 140, 100)))


def test_a_mask_that_shrinks_on_the_way_lets_nothing_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cover, "whole_blocks", lambda mask: cv2.erode(mask, np.ones((3, 3), np.uint8)))
    with pytest.raises(RunError, match="part of the mask was left out"):
        done(staged(), framed(rows((100, 50, 140, 100)), (100, 50, 140, 100)))


@pytest.mark.parametrize("spoilt", [np.nan, np.inf, 1e9])
def test_an_object_without_a_finite_place_lets_nothing_out(spoilt: float) -> None:
    frame = framed(rows((100, 50, spoilt, 100)), (100, 50, 140, 100))
    with pytest.raises(RunError, match="no finite place"):
        done(staged(), frame)


@pytest.mark.parametrize("effect", EFFECTS)
@pytest.mark.parametrize("box", [(-50, -50, -10, -10), (500, 20, 600, 90), (10, 10, 10, 10), (320, 200, 321, 201)])
def test_objects_outside_the_picture_or_without_a_size_do_no_harm(effect: str, box: tuple[float, ...]) -> None:
    frame = framed(rows(box), (100, 50, 140, 100))
    clean = done(staged(effect=effect), frame)
    assert (clean[50:100, 100:140] == 0).all()


def test_the_effect_may_change_between_two_frames() -> None:
    stage = staged()
    assert {"effect", "color", "cells"} <= set(Cover.live_fields())
    for name, value in (("color", [9, 9, 9]),):
        object.__setattr__(stage, name, value)
    stage.changed(frozenset({"color"}))
    assert (done(stage, framed(rows((100, 50, 140, 100)), (100, 50, 140, 100)))[60, 110] == 9).all()


def test_the_command_line_tells_a_weak_effect_in_one_line() -> None:
    with pytest.raises(ConfigError, match=r"stages\.cover: cells: 64 is weak for mosaic, .*allow_weak: true$"):
        load_config("privacy-faces", sets=["cover.effect=mosaic", "cover.cells=64"], given="a.mp4", wanted="b.mp4")


@pytest.mark.parametrize("name", ["faces", "plates", "people", "all"])
def test_the_privacy_pipelines_fail_closed_and_keep_what_tells_more(name: str) -> None:
    plan = load_config(f"privacy-{name}", given="a.mp4", wanted="b.mp4")
    assert plan.config.fail == "closed"
    assert {built.on_error for built in plan.stages} == {"blank"}
    sink = plan.stages[-1].stage
    assert {getattr(sink, kind) for kind in ("audio", "subtitles", "data", "attachments", "chapters", "metadata")} == {
        "drop"
    }
    assert plan.stages[-1].reads == ("clean",)
