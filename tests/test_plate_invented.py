"""What was invented once is shown again, for as long as nobody has seen the truth, and no longer."""

from __future__ import annotations

import numpy as np

from pipeline.frame import Frame, FrameSpec
from stages.inpainting import Plate
from stages.inpainting.ladder import Level
from tests.frames import Bench, noisy, scenery
from tests.test_plate_moving import filmed

HEIGHT, WIDTH = 180, 320
SPEC = FrameSpec(width=WIDTH, height=HEIGHT)
GREY = 90


def standing() -> np.ndarray:
    mask = np.zeros((HEIGHT, WIDTH), np.uint8)
    mask[50:150, 140:190] = 255
    return mask


def invent(frame: Frame, level: Level = Level.MODEL) -> Frame:
    """What the inpainter would make of a frame: grey."""
    frame.clean[:] = frame.filled
    frame.clean[frame.rest > 0] = GREY
    frame.planes["level"][0] = level
    return frame


def shown_grey(frame: Frame) -> bool:
    """But for the least change of light."""
    return bool((np.abs(frame.filled[60:140, 150:180].astype(int) - GREY) <= 2).all())


def watched(bench: Bench, pictures: list[np.ndarray], mask: np.ndarray, level: Level = Level.MODEL) -> list[Frame]:
    """Each frame is lent the one before it, finished."""
    frames = []
    for picture in pictures:
        bench.finished = invent(frames[-1], level) if frames else bench.finished
        frames.append(bench.frame(image=picture, mask=mask))
    bench.finished = invent(frames[-1], level)
    return frames


def test_the_inpainter_is_asked_once_for_somebody_who_stands_there_from_the_beginning() -> None:
    bench = Bench(Plate(), SPEC)
    frames = watched(bench, [noisy(scenery(HEIGHT, WIDTH), seed) for seed in range(10)], standing())
    assert [bool(frame.rest.any()) for frame in frames] == [True] + 9 * [False]
    assert shown_grey(frames[-1])


def test_the_truth_takes_its_place_for_good_when_it_is_seen() -> None:
    bench, room = Bench(Plate(), SPEC), scenery(HEIGHT, WIDTH)
    watched(bench, [noisy(room, seed) for seed in range(4)], standing())
    watched(bench, [noisy(room, seed) for seed in range(4, 8)], np.zeros_like(standing()))
    last = watched(bench, [noisy(room, 8)], standing())[-1]
    assert not last.rest.any()
    assert np.abs(last.filled.astype(int) - room)[standing() > 0].mean() < 3


def test_one_glimpse_of_something_else_does_not_replace_what_was_invented() -> None:
    bench, room = Bench(Plate(), SPEC), scenery(HEIGHT, WIDTH)
    watched(bench, [noisy(room, seed) for seed in range(4)], standing())
    missed = noisy(room, 5)
    missed[standing() > 0] = (0, 0, 255)
    watched(bench, [missed], np.zeros_like(standing()))
    last = watched(bench, [noisy(room, 6)], standing())[-1]
    assert shown_grey(last)


def test_what_was_filled_in_haste_is_invented_anew() -> None:
    bench = Bench(Plate(), SPEC)
    pictures = [noisy(scenery(HEIGHT, WIDTH), seed) for seed in range(5)]
    frames = watched(bench, pictures, standing(), Level.PLATE)
    assert all(frame.rest.any() for frame in frames)


def test_after_a_cut_nothing_that_was_invented_before_is_shown() -> None:
    bench = Bench(Plate(), SPEC)
    watched(bench, [noisy(scenery(HEIGHT, WIDTH), seed) for seed in range(4)], standing())
    frame = watched(bench, [scenery(HEIGHT, WIDTH, seed=9)], standing())[0]
    assert np.array_equal(frame.rest, standing())


def test_it_goes_with_the_camera() -> None:
    bench, mask = Bench(Plate(), SPEC), standing()
    frames = watched(bench, list(filmed(12, 2)), mask)
    asked = [np.count_nonzero(frame.rest) / np.count_nonzero(mask) for frame in frames]
    assert asked[0] == 1
    assert np.mean(asked[2:]) < 0.1


def test_it_becomes_lighter_with_the_light() -> None:
    bench, room = Bench(Plate(), SPEC), scenery(HEIGHT, WIDTH)
    watched(bench, [noisy(room, seed) for seed in range(6)], standing())
    bright = np.clip(room.astype(float) * 1.3, 0, 255)
    last = watched(bench, [noisy(bright, seed) for seed in range(3)], standing())[-1]
    assert not last.rest.any()
    assert abs(int(np.median(last.filled[60:140, 150:180])) - 1.3 * GREY) < 5
