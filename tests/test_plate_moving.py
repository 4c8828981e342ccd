"""The plate of a camera that moves: holes are filled with what was seen from elsewhere, and nothing else."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise

import cv2
import numpy as np
import pytest

from pipeline.frame import Frame, FrameSpec
from stages.inpainting import Plate
from stages.inpainting.keyframes import KEY, SLOTS, Keyframes
from stages.inpainting.motion import IDENTITY
from stages.inpainting.moving import WAY, Moving
from tests.frames import Bench, noisy, scenery

HEIGHT, WIDTH = 180, 320
SPEC = FrameSpec(width=WIDTH, height=HEIGHT)


def filmed(count: int, step: float = 3, *, turn: float = 0, zoom: float = 1, stop: int = 10**6) -> Iterator[np.ndarray]:
    """A scene seen by a camera that moves by so much in each frame, until it stops."""
    scene = scenery(HEIGHT + 160, WIDTH + 400, smooth=1.5)
    for index in range(count):
        moved = min(index, stop)
        motion = cv2.getRotationMatrix2D((WIDTH / 2 + 60, HEIGHT / 2 + 80), turn * moved, zoom**moved)
        motion[:, 2] += (-60 - step * moved, -80)
        yield cv2.warpAffine(scene, motion, (WIDTH, HEIGHT), flags=cv2.INTER_CUBIC)


def walker(index: int, start: int = 100, speed: float = 4) -> np.ndarray:
    """A hole of 26 x 90 pixels that goes its own way across the picture."""
    mask = np.zeros((HEIGHT, WIDTH), np.uint8)
    left = round(start + speed * index)
    mask[60:150, max(0, left) : left + 26] = 255
    return mask


def played(bench: Bench, pictures: Iterator[np.ndarray], first: int = 0) -> list[tuple[float, float]]:
    """For each frame: how well the known part of the hole is filled, in dB, and how large it is."""
    results = []
    for index, truth in enumerate(pictures, first):
        mask = walker(index)
        image = noisy(truth, index, 1.0)
        image[mask > 0] = (255, 0, 255)
        frame = bench.frame(image=image, mask=mask)
        assert np.array_equal(frame.filled[mask == 0], image[mask == 0])
        known = (mask > 0) & (frame.rest == 0)
        results.append((likeness(frame, truth, mask), known.sum() / max(1, (mask > 0).sum())))
    return results


def likeness(frame: Frame, truth: np.ndarray, mask: np.ndarray) -> float:
    """PSNR of what is known of the hole, inside its soft edge; NaN where nothing is."""
    known = (cv2.erode(mask, np.ones((7, 7), np.uint8)) > 0) & (frame.rest == 0)
    if not known.any():
        return np.nan
    error = (frame.filled[known].astype(float) - truth[known]) ** 2
    return float(10 * np.log10(255**2 / max(1e-3, error.mean())))


@pytest.mark.parametrize(
    "motion",
    [
        {"step": 3},
        pytest.param({"step": 0.6}, marks=pytest.mark.long),
        {"step": 2, "turn": 0.3},
        pytest.param({"step": 1, "zoom": 1.004}, marks=pytest.mark.long),
    ],
    ids=str,
)
def test_what_was_seen_from_elsewhere_fills_the_hole(motion: dict[str, float]) -> None:
    results = played(Bench(Plate(), SPEC), filmed(30, **motion))[15:]
    assert min(share for _, share in results) > 0.95
    assert np.nanmin([quality for quality, _ in results]) > 24
    assert np.nanmedian([quality for quality, _ in results]) > 31


def test_what_the_camera_has_never_seen_is_left_to_the_inpainter() -> None:
    bench, mask = Bench(Plate(), SPEC), np.zeros((HEIGHT, WIDTH), np.uint8)
    mask[60:150, 280:] = 255  # the side from which the picture comes in
    frames = [bench.frame(image=picture, mask=mask) for picture in filmed(12, 5)]
    assert (frames[-1].rest[60:150, 310:] == 255).all()


def test_a_camera_that_moves_from_the_first_frame_on_fills_no_hole_with_black() -> None:
    """What the standing plate had not seen yet is nothing that it could give."""
    bench, mask = Bench(Plate(), SPEC), np.zeros((HEIGHT, WIDTH), np.uint8)
    mask[60:150, 100:160] = 255
    frames = [bench.frame(image=picture, mask=mask) for picture in filmed(3, 4)]
    assert bench.stage.context.counts["camera_moved"] == 1
    core = np.s_[64:146, 112:148]  # the camera has not come so far that this was seen
    assert all((frame.rest[core] == 255).all() for frame in frames)


def test_the_result_does_not_blur_however_long_the_camera_moves() -> None:
    bench = Bench(Plate(), SPEC)
    sharpness = []
    for index, truth in enumerate(filmed(60, 1.37)):
        mask = walker(index, speed=2.2)
        frame = bench.frame(image=truth, mask=mask)
        if index >= 20:
            sharpness.append(edges(frame.filled, mask & ~frame.rest) / edges(truth, mask & ~frame.rest))
    assert np.mean(sharpness[-10:]) > 0.8
    assert np.mean(sharpness[-10:]) > np.mean(sharpness[:10]) - 0.1


def edges(picture: np.ndarray, where: np.ndarray) -> float:
    inside = cv2.erode(where, np.ones((7, 7), np.uint8)) > 0
    return float(np.abs(cv2.Laplacian(picture[..., 1].astype(np.float32), cv2.CV_32F))[inside].mean())


def test_a_cut_in_mid_pan_shows_nothing_of_the_old_scene() -> None:
    bench = Bench(Plate(), SPEC)
    played(bench, filmed(12))
    other = scenery(HEIGHT, WIDTH, seed=9)
    frame = bench.frame(image=other, mask=walker(12))
    assert np.array_equal(frame.rest, walker(12))
    assert bench.stage.context.counts["plate_forgotten"] == 1


def test_a_camera_that_comes_to_a_stand_learns_in_place_again() -> None:
    bench = Bench(Plate(), SPEC)
    results = played(bench, filmed(45, 3, stop=18))
    assert not bench.buffers[0]["way"].view(WAY)[0]["moving"]
    assert bench.buffers[0]["votes"].max() > 5
    assert np.nanmin([quality for quality, share in results[18:] if share]) > 27


def test_a_frame_done_again_after_a_crash_comes_out_the_same() -> None:
    bench, twin = Bench(Plate(), SPEC), Bench(Plate(), SPEC)
    for index, picture in enumerate(filmed(16)):
        bench.peek(image=picture, mask=walker(index))
        again, once = (one.frame(image=picture, mask=walker(index)) for one in (bench, twin))
        assert np.array_equal(again.filled, once.filled)
        assert np.array_equal(again.rest, once.rest)


def test_the_next_state_of_the_memory_is_written_completely() -> None:
    bench, twin = Bench(Plate(), SPEC), Bench(Plate(), SPEC)
    for index, picture in enumerate(filmed(10)):
        for array in bench.buffers[1].values():
            array.fill(77)
        for one in (bench, twin):
            one.frame(image=picture, mask=walker(index))
        for name in twin.buffers[0]:
            if name not in ("color", "reference"):  # of no account without votes, or unseen
                assert np.array_equal(bench.buffers[0][name], twin.buffers[0][name]), name


def test_something_that_moves_by_itself_in_front_of_the_camera_does_not_lead_it_astray() -> None:
    bench, bus = Bench(Plate(), SPEC), scenery(120, 110, seed=4)
    qualities = []
    for index, truth in enumerate(filmed(30)):
        mask, image = walker(index), truth.copy()
        left = 250 - 9 * index
        x0, x1 = max(0, left), max(0, min(WIDTH, left + 110))
        image[10:58, x0:x1] = bus[:48, x0 - left : x1 - left]
        image[mask > 0] = 0
        frame = bench.frame(image=image, mask=mask)
        if index > 14:
            qualities.append(likeness(frame, truth, mask))
    assert np.median(qualities) > 29


@pytest.mark.parametrize("age", [2, 300, 3000])
def test_a_picture_of_long_ago_gives_the_colours_that_it_has(age: int) -> None:
    moving, scene, mask = Moving(HEIGHT, WIDTH), scenery(HEIGHT, WIDTH), walker(0)
    pool = {name: np.zeros(*layout) for name, layout in moving.pool().items()}
    moving.begin({name: np.zeros(*layout) for name, layout in moving.memory().items()}, pool)
    moving.keys.keep(0, scene, np.zeros_like(mask), IDENTITY)
    out = np.zeros_like(scene)
    known = moving.fill(age, scene, mask, mask, out)
    assert np.array_equal(known, mask)
    assert np.abs(out[mask > 0].astype(float) - scene[mask > 0]).max() < 4


def test_where_frames_drop_pictures_are_kept_as_well() -> None:
    bench = Bench(Plate(), SPEC)
    for index, picture in enumerate(filmed(20)):
        bench.count = 3 * index
        frame = bench.frame(image=picture, mask=walker(index))
        np.copyto(frame.clean, picture)
        bench.finished = frame
    assert np.count_nonzero(bench.buffers[0]["keys"].view(KEY)["used"]) == SLOTS - 1


def test_no_picture_is_written_over_that_a_frame_done_again_would_look_at() -> None:
    keys = Keyframes(HEIGHT, WIDTH)
    pool = {name: np.zeros(*layout) for name, layout in keys.pool().items()}
    memory = {name: np.zeros(*layout) for name, layout in keys.memory().items()}
    hole = np.zeros((HEIGHT, WIDTH), np.uint8)
    keys.begin(memory, pool)
    keys.keep(7, scenery(HEIGHT, WIDTH), hole, IDENTITY)
    keys.end(memory)
    keys.begin(memory, pool)
    keys.forget()
    keys.keep(8, scenery(HEIGHT, WIDTH, seed=1), hole, IDENTITY)
    keys.begin(memory, pool)
    assert np.array_equal(keys.picture(keys.newest_first[0]), scenery(HEIGHT, WIDTH))


def test_old_keyframes_lie_far_apart_and_new_ones_close_together() -> None:
    keys = Keyframes(HEIGHT, WIDTH)
    pool = {name: np.zeros(*layout) for name, layout in keys.pool().items()}
    keys.begin({name: np.zeros(*layout) for name, layout in keys.memory().items()}, pool)
    picture, hole = scenery(HEIGHT, WIDTH), np.zeros((HEIGHT, WIDTH), np.uint8)
    for index in range(0, 300, 2):
        keys.keep(index, picture, hole, IDENTITY)
    ages = [298 - int(keys.table["index"][slot]) for slot in keys.newest_first]
    assert len(ages) == SLOTS - 1
    assert ages[:2] == [0, 2]
    assert ages[-1] > 60
    assert all(later - sooner < 0.8 * later + 4 for sooner, later in pairwise(ages))
