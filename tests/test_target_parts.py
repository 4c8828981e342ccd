"""What following is made of: looks, camera, carried masks, the ground that shines through, what is remembered."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from models.base import Patch
from pipeline.frame import Image
from stages.target import others
from stages.target.camera import STILL, motion_between
from stages.target.candidates import Candidate, Sight, from_mask, mask_iou
from stages.target.carry import Carrier
from stages.target.closer import window
from stages.target.looks import blend, likeness, look_of
from stages.target.memory import FOLLOWED, Goal, Other, Part, State
from stages.target.scenery import Scenery
from stages.target.small import Small
from stages.target.thing import ColourCutter
from stages.target.thumbs import search, thumb

HEIGHT, WIDTH = 180, 240


def texture(seed: int, height: int = HEIGHT, width: int = WIDTH, *, level: int = 128) -> Image:
    """Something with corners everywhere."""
    noise = np.random.default_rng(seed).normal(0, 60, (height, width, 3)).astype(np.float32)
    return np.clip(cv2.GaussianBlur(noise, (0, 0), 1.5) * 2 + level, 0, 255).astype(np.uint8)


def disc(x: float, y: float, radius: int = 20) -> Image:
    mask = np.zeros((HEIGHT, WIDTH), np.uint8)
    cv2.circle(mask, (round(x), round(y)), radius, 255, -1)
    return mask


def seen(mask: Image, picture: Image, cls: int = 0) -> Candidate:
    made = from_mask(mask, cls, Sight(picture, Small(*mask.shape)))
    assert made is not None
    return made


def test_a_look_knows_the_same_colours_again_and_upper_from_lower() -> None:
    picture = np.zeros((60, 40, 3), np.uint8)
    picture[:30], picture[30:] = (40, 40, 200), (200, 60, 40)
    whole = np.full((60, 40), 255, np.uint8)
    lab, turned = (cv2.cvtColor(one, cv2.COLOR_BGR2LAB) for one in (picture, picture[::-1].copy()))
    mine = look_of(lab, whole)
    assert likeness(mine, look_of(lab, whole)) > 0.99
    assert likeness(mine, look_of(turned, whole)) == pytest.approx(0.5, abs=0.05)
    assert likeness(mine, look_of(np.full_like(lab, 90), whole)) < 0.1
    assert likeness(blend(mine, look_of(turned, whole), 0.5), mine) > 0.7


def test_a_pan_is_measured_though_a_large_thing_moves_against_it() -> None:
    ground = texture(1, HEIGHT + 40, WIDTH + 40)
    pictures = []
    for index in range(2):
        picture = ground[index * 5 : index * 5 + HEIGHT, index * 8 : index * 8 + WIDTH].copy()
        picture[60:140, 60 + 15 * index : 160 + 15 * index] = texture(2, 80, 100)
        pictures.append(cv2.cvtColor(picture, cv2.COLOR_BGR2GRAY))
    hidden = np.zeros((HEIGHT, WIDTH), np.uint8)
    hidden[60:140, 60:160] = 255
    motion = motion_between(pictures[0], pictures[1], hidden)
    assert motion.sure
    assert not motion.cut
    assert motion.point(30, 30) == pytest.approx([22, 25], abs=0.3)
    assert motion.box(np.array([20, 20, 40, 60], np.float32)) == pytest.approx([12, 15, 32, 55], abs=0.5)


def test_another_scene_is_a_cut_and_no_motion() -> None:
    dark, light = (cv2.cvtColor(texture(seed, level=level), cv2.COLOR_BGR2GRAY) for seed, level in ((1, 40), (2, 230)))
    motion = motion_between(dark, light, np.zeros_like(dark))
    assert motion.cut
    assert not motion.sure


def test_a_mask_is_carried_to_where_its_pixels_went() -> None:
    ground, coat = texture(3), texture(4)
    frames = []
    for x in (80, 92):
        mask = disc(x, 90)
        moved = np.roll(coat, x, axis=1)
        frames.append((np.where(mask[..., None] > 0, moved, ground), mask))
    (first, old), (second, new) = frames
    out = np.zeros_like(old)
    grays = [cv2.cvtColor(one, cv2.COLOR_BGR2GRAY) for one in (first, second)]
    box = np.array([60, 70, 101, 111], np.float32)
    Carrier().carry(*grays, np.minimum(old, 3), box, box + np.array([10, 0, 10, 0], np.float32), out)
    assert set(np.unique(out)) == {0, 3}
    common = np.count_nonzero((out > 0) & (new > 0))
    assert common / np.count_nonzero((out > 0) | (new > 0)) > 0.85


def test_a_target_at_the_edge_is_carried_without_complaint() -> None:
    gray, out = cv2.cvtColor(texture(5), cv2.COLOR_BGR2GRAY), np.zeros((HEIGHT, WIDTH), np.uint8)
    labels = disc(2, 2)
    box = np.array([0, 0, 22, 22], np.float32)
    Carrier().carry(gray, gray, labels, box, box - 4, out)
    assert out[:10, :10].all()
    Carrier().carry(gray, gray, labels, box, box + 2000, np.zeros_like(out))


def test_the_ground_seen_before_shines_through_a_ring_but_not_through_a_body() -> None:
    ground = texture(6)
    scenery = Scenery(HEIGHT, WIDTH)
    layout = Scenery.layout(HEIGHT, WIDTH)
    before, after = ({name: np.zeros(shape, dtype) for name, (shape, dtype) in layout.items()} for _ in range(2))
    gray = cv2.cvtColor(ground, cv2.COLOR_BGR2GRAY)
    nothing = np.zeros((HEIGHT, WIDTH), np.uint8)
    scenery.move(before, STILL, gray, nothing)
    assert scenery.shines_through(ground, disc(120, 90, 30), nothing) is None  # nothing is known yet
    scenery.learn(ground, nothing, after, fresh=True)
    still = motion_between(gray, gray, nothing)
    wheel = disc(120, 90, 30)
    picture = ground.copy()
    cv2.circle(picture, (120, 90), 28, (10, 10, 10), 5)
    scenery.move(after, still, cv2.cvtColor(picture, cv2.COLOR_BGR2GRAY), cv2.dilate(wheel, np.ones((9, 9), np.uint8)))
    through = scenery.shines_through(picture, wheel, nothing)
    assert through is not None
    assert through[disc(120, 90, 20) > 0].mean() > 250
    assert through[90, 148] == 0 or through[90, 147] == 0
    body = texture(7)
    picture[wheel > 0] = body[wheel > 0]
    solid = scenery.shines_through(picture, wheel, wheel)
    assert solid is None or solid[wheel > 0].mean() < 5


def test_without_a_sure_view_of_all_targets_no_ground_is_learned() -> None:
    scenery = Scenery(HEIGHT, WIDTH)
    after = {name: np.zeros(shape, dtype) for name, (shape, dtype) in Scenery.layout(HEIGHT, WIDTH).items()}
    scenery.learn(texture(8), np.zeros((HEIGHT, WIDTH), np.uint8), after, fresh=False)
    assert not after["ground_known"].any()


def test_what_is_remembered_comes_back_as_it_was() -> None:
    look = look_of(texture(9), disc(60, 60))
    part = Part(3, np.array([1, 2, 30, 40], np.float32), 500, 600, 0.75, look, blend(look, look, 0.1), 2, shown=False)
    shown = Part(0, np.array([5, 6, 7, 8], np.float32), 4, 4, 0.5, look, look)
    goal = Goal(FOLLOWED, np.array([1.5, -2], np.float32), 4, [part, shown])
    goal.thumbs[1, 3, 4] = 77
    other = Other(1, np.array([9, 9, 20, 20], np.float32), np.array([1, 0], np.float32), look, 6, 2, doubtful=True)
    arrays = {name: np.ones(shape, dtype) for name, (shape, dtype) in State.layout().items()}
    State([goal, Goal()], [other], 12).write(arrays)
    back = State.read(arrays, 2)
    assert (back.frames, back.goals[0].state, back.goals[0].lost, back.goals[1].parts) == (12, FOLLOWED, 4, [])
    assert [one.cls for one in back.goals[0].parts] == [3, 0]
    again = back.goals[0].parts[0]
    assert (again.missed, again.shown, again.usual) == (2, False, 600)
    assert np.array_equal(again.first, look)
    assert np.array_equal(back.goals[0].box, shown.box)  # of those that are shown
    assert back.goals[0].thumbs[1, 3, 4, 0] == 77
    assert (back.others[0].seen, back.others[0].missed, back.others[0].doubtful) == (6, 2, True)


def test_the_others_keep_their_identity_and_make_room_when_there_are_too_many() -> None:
    picture = texture(10)
    first = others.renewed([], [seen(disc(60, 60), picture), seen(disc(160, 60), picture)], doubtful=True)
    again = others.renewed(others.moved(first, STILL), [seen(disc(64, 60), picture)], doubtful=False)
    assert [(one.seen, one.missed, one.doubtful) for one in again] == [(2, 0, False), (1, 1, True)]
    many = [seen(disc(x, y, 3), picture) for x in range(10, 230, 20) for y in range(10, 170, 20)]
    assert len(others.renewed(again, many, doubtful=False)) <= 24


def test_a_mask_of_a_large_picture_is_the_same_in_the_small_one() -> None:
    small = Small(1080, 1920)
    mask = np.zeros((1080, 1920), np.uint8)
    cv2.circle(mask, (960, 540), 240, 255, -1)
    made = from_mask(mask, 0, Sight(np.zeros((1080, 1920, 3), np.uint8), small))
    assert made is not None
    assert small.size == (360, 640)
    assert made.box == pytest.approx([240, 100, 400.3, 260.3], abs=0.5)
    assert made.area == pytest.approx(np.pi * 80**2, rel=0.02)
    back = np.zeros(small.size, np.uint8)
    view = back[made.patch.y : made.patch.y + made.patch.mask.shape[0], made.patch.x :]
    view[:, : made.patch.mask.shape[1]] = made.patch.mask
    assert mask_iou(made, seen(small.enlarge(back), np.zeros((1080, 1920, 3), np.uint8))) > 0.97


def test_windows_are_square_and_lie_in_the_picture() -> None:
    for box in ([0, 0, 50, 30], [600, 300, 640, 360], [300, 100, 330, 200]):
        x0, y0, x1, y1 = window(np.array(box, np.float32), 360, 640)
        assert x1 - x0 == y1 - y0
        assert x0 <= box[0]
        assert y0 <= box[1]
        assert 0 <= x0 < x1 <= 640
        assert 0 <= y0 < y1 <= 360
    assert window(np.array([10, 0, 630, 350], np.float32), 360, 640) == (0, 0, 640, 360)


def test_colours_cut_a_thing_out_of_its_box_and_the_same_twice() -> None:
    picture, truth = texture(11, level=90) // 2, disc(120, 90, 30)
    picture[truth > 0] = texture(12, level=200)[truth > 0] // 2 + 120
    box = np.array([85, 55, 155, 125], np.float32)
    masks = [ColourCutter().cut(picture, box) for _ in range(2)]
    assert np.array_equal(*masks)
    common = np.count_nonzero((masks[0] > 0) & (truth > 0))
    assert common / np.count_nonzero((masks[0] > 0) | (truth > 0)) > 0.85


def test_where_colours_tell_nothing_all_of_the_box_is_the_thing() -> None:
    flat = np.full((HEIGHT, WIDTH, 3), 127, np.uint8)
    mask = ColourCutter().cut(flat, np.array([50, 60, 90, 100], np.float32))
    assert mask[62:98, 52:88].all()
    assert not mask[:50].any()


def test_a_thing_is_found_by_its_picture_at_another_size() -> None:
    thing, scene = texture(13, 40, 40), cv2.GaussianBlur(texture(14), (0, 0), 3)
    remembered = thumb(thing, np.array([0, 0, 40, 40], np.float32))[None]
    scene[100:148, 150:198] = cv2.resize(thing, (48, 48))
    score, box = search(scene, remembered, np.array([10, 10, 50, 50], np.float32))[0]
    assert score > 0.7
    assert box == pytest.approx([150, 100, 198, 148], abs=5)


def test_patches_are_joined_where_they_lie() -> None:
    from stages.target.candidates import joined

    one, other = Patch(2, 3, np.full((2, 2), 255, np.uint8)), Patch(5, 1, np.full((1, 3), 255, np.uint8))
    whole = joined([one, other])
    assert (whole.x, whole.y, whole.mask.shape) == (2, 1, (4, 6))
    assert np.count_nonzero(whole.mask) == 7
