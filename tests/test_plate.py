"""The stage Plate: the known background goes into the hole, the unknown is left to the inpainter."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest

from pipeline.frame import FrameSpec
from stages.inpainting import Plate
from tests.frames import Bench, noisy, scenery

HEIGHT, WIDTH = 180, 320
SPEC = FrameSpec(width=WIDTH, height=HEIGHT)


def walk(count: int) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Picture and mask of a magenta box that walks through a room, 6 pixels a frame."""
    room = scenery(HEIGHT, WIDTH)
    for index in range(count):
        picture, mask = noisy(room, index), np.zeros((HEIGHT, WIDTH), np.uint8)
        left = 20 + index * 6
        picture[60:150, left + 8 : left + 40] = (255, 0, 255)
        mask[52:158, left : left + 48] = 255
        yield picture, mask


def magenta(picture: np.ndarray) -> int:
    return int((picture == (255, 0, 255)).all(2).sum())


def test_the_room_comes_back_behind_who_walks_away() -> None:
    bench, room = Bench(Plate(), SPEC), scenery(HEIGHT, WIDTH)
    for picture, mask in walk(30):
        frame = bench.frame(image=picture, mask=mask)
    assert not frame.rest.any()
    assert magenta(frame.filled) == 0
    inside = frame.mask > 0
    assert np.abs(frame.filled.astype(int) - room)[inside].mean() < 2.5


def test_what_was_never_seen_is_left_to_the_inpainter() -> None:
    bench = Bench(Plate(), SPEC)
    picture, mask = next(walk(1))
    for _ in range(5):
        frame = bench.frame(image=picture, mask=mask)
        assert np.array_equal(frame.rest, mask)


def test_outside_the_mask_the_picture_is_untouched() -> None:
    bench = Bench(Plate(), SPEC)
    for picture, mask in walk(12):
        frame = bench.frame(image=picture, mask=mask)
        assert np.array_equal(frame.filled[mask == 0], picture[mask == 0])
        assert not frame.rest[mask == 0].any()
        assert set(np.unique(frame.rest)) <= {0, 255}


def test_no_pixel_of_the_person_is_mixed_into_what_the_plate_filled() -> None:
    bench = Bench(Plate(), SPEC)
    for index, (picture, mask) in enumerate(walk(12)):
        frame = bench.frame(image=picture, mask=mask)
        filled = (mask > 0) & (frame.rest == 0)
        if index > 2:
            assert filled.any()
        purple = (frame.filled[..., 1] < 20) & (frame.filled[..., 2] > 150) & filled
        assert not purple.any()


def test_the_seam_lies_two_pixels_inside_the_outer_edge() -> None:
    bench, mask = Bench(Plate(), SPEC), np.zeros((HEIGHT, WIDTH), np.uint8)
    room = np.clip(scenery(HEIGHT, WIDTH), 0, 240)
    bench.frames([room] * 4)
    mask[50:100, 50:100] = 255
    lit = room.copy()
    lit[40:110, 40:110] += 12
    frame = bench.frame(image=lit, mask=mask)
    lighter = frame.filled[75, 46:56, 0].astype(int) - room[75, 46:56, 0]
    assert lighter.tolist() == [12, 12, 12, 12, 8, 4, 0, 0, 0, 0]


def test_a_frame_done_again_after_a_crash_comes_out_the_same() -> None:
    bench, twin = Bench(Plate(), SPEC), Bench(Plate(), SPEC)
    for picture, mask in walk(15):
        bench.peek(image=picture, mask=mask)
        again, once = bench.frame(image=picture, mask=mask), twin.frame(image=picture, mask=mask)
        assert np.array_equal(again.filled, once.filled)
        assert np.array_equal(again.rest, once.rest)
    assert all(np.array_equal(bench.buffers[0][name], twin.buffers[0][name]) for name in twin.buffers[0])


def test_the_next_state_of_the_memory_is_written_completely() -> None:
    bench, twin = Bench(Plate(), SPEC), Bench(Plate(), SPEC)
    for picture, mask in walk(8):
        for array in bench.buffers[1].values():
            array.fill(77)
        bench.frame(image=picture, mask=mask)
        twin.frame(image=picture, mask=mask)
        for name in twin.buffers[0]:
            assert np.array_equal(bench.buffers[0][name], twin.buffers[0][name]), name


def test_a_new_worker_goes_on_with_the_memory_of_the_old() -> None:
    bench, twin = Bench(Plate(), SPEC), Bench(Plate(), SPEC)
    for index, (picture, mask) in enumerate(walk(16)):
        if index == 8:
            bench.stage = Plate()
            bench.stage.setup(SPEC)
        a, b = bench.frame(image=picture, mask=mask), twin.frame(image=picture, mask=mask)
        assert np.array_equal(a.filled, b.filled)


def test_after_a_cut_nothing_of_the_old_scene_is_shown() -> None:
    bench, mask = Bench(Plate(), SPEC), np.zeros((HEIGHT, WIDTH), np.uint8)
    bench.frames(noisy(scenery(HEIGHT, WIDTH), seed) for seed in range(10))
    mask[50:120, 100:160] = 255
    frames = bench.frames((noisy(scenery(HEIGHT, WIDTH, seed=9), seed) for seed in range(5)), mask)
    assert all(np.array_equal(frame.rest, mask) for frame in frames)
    assert bench.stage.context.counts["plate_forgotten"] == 1


@pytest.mark.parametrize(("width", "height"), [(637, 361), (16, 16), (4, 4), (2000, 3), (3, 500), (1, 2000)])
def test_any_size_of_frame_will_do(width: int, height: int) -> None:
    bench = Bench(Plate(), FrameSpec(width=width, height=height))
    mask = np.zeros((height, width), np.uint8)
    mask[: height // 2 + 1, : width // 2 + 1] = 255
    bench.frames([scenery(height, width)] * 3)
    frame = bench.frame(image=scenery(height, width), mask=mask)
    assert not frame.rest.any()
    assert np.array_equal(frame.filled, scenery(height, width))
    bench.frame(image=255 - scenery(height, width), mask=mask)  # another scene, for which points are looked for


def test_what_is_filled_lives_like_the_grain_around_it_if_that_is_wanted() -> None:
    room = scenery(HEIGHT, WIDTH, smooth=8)
    mask = np.zeros((HEIGHT, WIDTH), np.uint8)
    mask[50:140, 100:180] = 255
    inside = np.s_[56:134, 106:174]
    change = {}
    for grain in (False, True):
        bench = Bench(Plate(grain=grain, shadows=False), SPEC)
        bench.frames(noisy(room, seed, 6) for seed in range(20))
        one, other = (bench.frame(image=noisy(room, seed, 6), mask=mask).filled[inside] for seed in (20, 21))
        change[grain] = float((other.astype(float) - one).std())
    assert change[False] < 0.5
    assert 3 < change[True] < 10
