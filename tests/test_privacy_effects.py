"""What is shown in the place of somebody: each effect tells nothing of what it covers, by each object's own rule."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from pydantic import ValidationError

from pipeline.config import load_config
from pipeline.errors import ConfigError, RunError
from pipeline.frame import EFFECT_SHIFT, EFFECTS, FrameSpec
from stages.privacy import Cover, drawing
from tests.covers import (
    BOX,
    CORNERS,
    FACE,
    MARKS,
    MASK,
    PERSON,
    PLATE,
    SPEC,
    done,
    framed,
    objects,
    staged,
    with_removed,
)
from tests.frames import blank_frame


@pytest.mark.parametrize("effect", ["solid", "silhouette", "remove", "template", "face", "sticker"])
def test_what_is_drawn_flows_from_nothing_in_the_mask(monkeypatch: pytest.MonkeyPatch, effect: str) -> None:
    """Corners and tone, which are a few numbers, held fast, two different faces look the same to the last bit."""
    monkeypatch.setattr(drawing, "find_quad", lambda image, box: CORNERS.copy())
    monkeypatch.setattr(drawing, "lightness", lambda part: 200)
    monkeypatch.setattr(drawing, "tone_of", lambda part: (np.array((120, 140, 140), np.float32), 32.0))
    rows = objects((PLATE if effect == "template" else FACE, BOX, ""))
    shown = [done(staged(effect=effect), with_removed(framed(rows, MASK, inside=seed))) for seed in (1, 2)]
    assert (shown[0] == shown[1]).all()
    if effect != "solid":
        assert shown[0][45:155, 90:170].any()


@pytest.mark.parametrize("effect", ["template", "face"])
def test_of_an_object_only_few_numbers_are_looked_at(effect: str) -> None:
    """Tone and light come in steps: what differs by less looks the same."""
    rows = objects((FACE, BOX, ""))
    rows["landmarks"] = MARKS
    one, other = framed(rows, MASK), framed(rows, MASK)
    y, x = np.mgrid[0 : SPEC.height, 0 : SPEC.width]
    for frame, parity in ((one, 0), (other, 1)):
        frame.image[frame.mask > 0] = np.where((x + y) % 2 == parity, 220, 40)[..., None][frame.mask > 0]
    shown = [done(staged(effect=effect), frame) for frame in (one, other)]
    assert (shown[0] == shown[1]).all()


@pytest.mark.parametrize("effect", EFFECTS)
def test_an_object_is_shown_by_its_own_rule_and_its_neighbour_by_that_of_the_stage(effect: str) -> None:
    cls = PLATE if effect == "template" else FACE
    rows = objects((cls, (20, 60, 60, 110), effect), (FACE, (200, 60, 240, 110), ""))
    places = (20, 60, 60, 110), (200, 60, 240, 110)
    alone = done(staged(effect=effect), with_removed(framed(objects((cls, places[0], "")), places[0])))
    both = done(staged(color=[9, 8, 7]), with_removed(framed(rows, *places)))
    assert (both[60:110, 200:240] == (7, 8, 9)).all()
    if effect not in ("solid", "template"):
        assert (both[64:106, 24:56] == alone[64:106, 24:56]).mean() > 0.95


def test_an_effect_that_nobody_knows_lets_nothing_out() -> None:
    rows = objects((FACE, BOX, ""))
    rows["flags"] = (len(EFFECTS) + 1) << EFFECT_SHIFT
    with pytest.raises(RunError, match="wants effect 9"):
        done(staged(), framed(rows, MASK))


def test_a_rule_gets_no_more_cells_than_are_strong() -> None:
    """The stage's own effect has no cells, so that nobody looked at their number when it was loaded."""
    rows = objects((FACE, (100, 60, 164, 124), "mosaic"))
    shown = done(staged(cells=64), framed(rows, (100, 60, 164, 124)))[60:124, 100:164]
    assert len(np.unique(shown.reshape(-1, 3), axis=0)) <= 49
    weak = done(staged(cells=64, allow_weak=True), framed(rows, (100, 60, 164, 124)))[60:124, 100:164]
    assert len(np.unique(weak.reshape(-1, 3), axis=0)) > 1000


@pytest.mark.parametrize("effect", EFFECTS)
@pytest.mark.parametrize("box", [(-90, -90, -10, -10), (500, 20, 600, 90), (10, 10, 10, 10), (315, 235, 321, 241)])
def test_boxes_outside_or_without_a_size_leave_the_mask_covered(effect: str, box: tuple[int, ...]) -> None:
    for cls in (FACE, PLATE):
        clean = done(staged(effect=effect), with_removed(framed(objects((cls, box, "")), MASK)))
        assert (clean[45:155, 90:170] == 0).all()


@pytest.mark.parametrize("spoilt", [np.nan, np.inf, 1e9, -1e9])
def test_absurd_landmarks_do_no_harm(spoilt: float) -> None:
    rows = objects((FACE, BOX, ""))
    rows["landmarks"] = MARKS
    rows["landmarks"][0, 2, 1] = spoilt
    by_box = done(staged(effect="face"), framed(objects((FACE, BOX, "")), MASK))
    assert (done(staged(effect="face"), framed(rows, MASK)) == by_box).all()


# Removed


def test_at_the_rim_of_what_is_removed_nothing_real_is_left() -> None:
    """Inpainting blends its outermost two pixels into the real picture, which a cover may not."""
    frame = with_removed(framed(objects((PERSON, BOX, "")), MASK))
    removed = frame.planes["removed"]
    removed[:] = (20, 120, 220)
    inner = cv2.erode(frame.mask, np.ones((5, 5), np.uint8))
    removed[(frame.mask > 0) & (inner == 0)] = (255, 0, 255)
    frame.image[frame.mask == 0] = (20, 120, 220)
    shown = done(staged(effect="remove"), frame)
    assert np.abs(shown.astype(int) - (20, 120, 220)).max() <= 1


def test_who_was_learned_as_background_is_not_shown_again() -> None:
    frame = with_removed(framed(objects((PERSON, BOX, "")), MASK))
    frame.planes["removed"][:] = frame.image
    stage = staged(effect="remove")
    assert (done(stage, frame)[45:155, 90:170] == 0).all()
    assert stage.context.counts["plain_instead"] == 1


@pytest.mark.parametrize("own", ["", "mosaic"])
def test_who_was_learned_as_background_is_not_shown_in_the_place_of_who_walks_past(own: str) -> None:
    past, past_mask = (150, 20, 260, 220), (140, 10, 270, 230)
    frame = with_removed(framed(objects((PERSON, BOX, own), (PERSON, past, "")), MASK, past_mask))
    x0, y0, x1, y1 = MASK
    frame.planes["removed"][y0:y1, x0:x1] = frame.image[y0:y1, x0:x1]
    was = frame.image.copy()
    shown = done(staged(effect="remove"), frame)
    same = (shown == was).all(-1)[y0:y1, x0:x1]
    assert same.mean() < 0.01


def test_what_was_removed_is_not_shown_where_there_is_no_such_plane() -> None:
    stage = staged(effect="remove")
    assert (done(stage, framed(objects((PERSON, BOX, "")), MASK))[45:155, 90:170] == 0).all()
    with pytest.raises(RunError, match=r"stages\.privacy:Removal"):
        stage.changed(frozenset({"effect"}))


def test_remove_without_what_removes_is_refused_when_it_is_loaded() -> None:
    with pytest.raises(ConfigError, match=r"stages\.cover: effect: remove needs, .*Backdrop.*Removal.*privacy-remove"):
        load_config("privacy-faces", sets=["cover.effect=remove"], given="a.mp4", wanted="b.mp4")


def test_the_backdrop_never_learns_a_cover() -> None:
    plan = load_config("privacy-remove", given="a.mp4", wanted="b.mp4")
    backdrop = next(built for built in plan.stages if built.name == "backdrop")
    assert backdrop.stage.recalls == ("removed", "level")
    assert backdrop.recalls_from == "removal"
    assert plan.config.fail == "closed"
    assert plan.stages[-1].reads == ("clean",)


# The watermark, and insisting


def test_a_watermark_changes_its_corner_alone() -> None:
    frame = framed(objects())
    shown = done(staged(watermark="Protected"), frame)
    changed = (shown != frame.image).any(2)
    assert changed[220:, 200:].any()
    assert not changed[:210].any()
    assert not changed[:, :150].any()
    with pytest.raises(ValidationError, match="watermark"):
        Cover(watermark="Geschützt")


@pytest.mark.parametrize("size", [(16, 16), (1, 1), (64, 8), (3, 200)])
def test_a_watermark_fits_any_picture(size: tuple[int, int]) -> None:
    stage = Cover(watermark="Protected")
    spec = FrameSpec(width=size[0], height=size[1])
    stage.setup(spec)
    stage.process(blank_frame(spec))
