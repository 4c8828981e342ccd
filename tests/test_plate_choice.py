"""The plate of who stood there in full sight and is then chosen, and of zones: what was seen there is not shown."""

from __future__ import annotations

import numpy as np
import pytest

from pipeline.frame import STANDARD_PLANES, FrameSpec
from stages.inpainting import Plate
from tests.frames import Bench, noisy, scenery
from tests.test_plate_invented import GREY, SPEC, invent, shown_grey, standing
from tests.test_plate_moving import filmed
from tests.test_shadow import BODY, SHADE, body, room, soft

HEIGHT, WIDTH = SPEC.height, SPEC.width
SOMEBODY = np.s_[60:140, 150:180]
RED = np.array((40, 30, 200))
NOBODY = np.zeros((HEIGHT, WIDTH), np.uint8)


def table(choice: int, *spared: tuple[int, int, int, int]) -> np.ndarray:
    """The plane `objects` without objects."""
    made = np.zeros(1, STANDARD_PLANES["objects"].dtype)
    made["choice"] = choice
    made["spared"][0, : len(spared)] = spared or np.zeros((0, 4))
    return made


def crowded(seed: int) -> np.ndarray:
    """A room in which somebody red stands."""
    picture = noisy(scenery(HEIGHT, WIDTH), seed)
    picture[SOMEBODY] = RED
    return picture


def reds(picture: np.ndarray) -> int:
    return int((np.abs(picture.astype(int) - RED) < 12).all(2).sum())


def test_without_a_word_the_plate_takes_who_stood_there_for_the_room() -> None:
    """Why the others are told: nothing but the choice differs."""
    bench = Bench(Plate(), SPEC)
    for seed in range(12):
        bench.frame(image=crowded(seed), mask=NOBODY, objects=table(7))
    assert reds(bench.frame(image=crowded(20), mask=standing(), objects=table(7)).filled) > 2000


def test_who_stood_there_in_full_sight_is_not_shown_when_he_is_chosen() -> None:
    bench, frames = Bench(Plate(), SPEC), []
    for seed in range(12):
        bench.finished = bench.frame(image=crowded(seed), mask=NOBODY, objects=table(7))
    for seed in range(12, 20):
        frames.append(bench.frame(image=crowded(seed), mask=standing(), objects=table(8)))
        assert (frames[-1].filled[SOMEBODY][frames[-1].rest[SOMEBODY] == 0] != RED).any(1).all()
        bench.finished = invent(frames[-1])
    assert (frames[0].rest == standing()).all()
    assert [bool(frame.rest.any()) for frame in frames] == [True] + 7 * [False], "it is invented once"
    assert shown_grey(frames[-1])


def test_what_is_known_of_the_room_behind_the_others_is_kept() -> None:
    bench, other = Bench(Plate(), SPEC), NOBODY.copy()
    other[20:60, 240:280] = 255
    for seed in range(6):
        bench.finished = bench.frame(image=crowded(seed), mask=NOBODY, objects=table(7))
    for seed in range(6, 9):
        bench.finished = invent(bench.frame(image=crowded(seed), mask=other, objects=table(7)))
    frame = bench.frame(image=crowded(9), mask=other | standing(), objects=table(8))
    assert (frame.rest == standing()).all()
    assert np.abs(frame.filled[20:60, 240:280].astype(int) - scenery(HEIGHT, WIDTH)[20:60, 240:280]).mean() < 3


def test_a_frame_that_is_done_again_forgets_the_same() -> None:
    bench = Bench(Plate(), SPEC)
    for seed in range(6):
        bench.finished = bench.frame(image=crowded(seed), mask=NOBODY, objects=table(7))
    first = bench.peek(image=crowded(6), mask=standing(), objects=table(8))
    again = bench.frame(image=crowded(6), mask=standing(), objects=table(8))
    assert (first.filled == again.filled).all()
    assert (first.rest == again.rest).all()
    assert first.rest.any()


def test_where_no_finished_frame_is_at_hand_all_that_is_masked_is_forgotten() -> None:
    """As in a live stream in which frames drop."""
    bench = Bench(Plate(), SPEC)
    for seed in range(6):
        bench.frame(image=crowded(seed), mask=NOBODY, objects=table(7))
    assert (bench.frame(image=crowded(6), mask=standing(), objects=table(8)).rest == standing()).all()


def test_a_frame_between_that_was_dropped_makes_no_difference() -> None:
    """The plate never sees the frame from which on the choice counted, but the one after it."""
    bench = Bench(Plate(), SPEC)
    for seed in range(6):
        bench.finished = bench.frame(image=crowded(seed), mask=NOBODY, objects=table(7))
    bench.count += 3
    assert (bench.frame(image=crowded(6), mask=standing(), objects=table(9)).rest == standing()).all()


def test_who_was_kept_for_a_moment_only_is_not_shown_afterwards() -> None:
    """The newest finished frame of a live stream is one in which he was masked, before he was kept."""
    bench = Bench(Plate(), SPEC)
    for seed in range(3):
        removed = bench.frame(image=crowded(seed), mask=standing(), objects=table(7))
    for seed in range(3, 7):
        bench.frame(image=crowded(seed), mask=NOBODY, objects=table(8))
    bench.finished = removed
    assert (bench.frame(image=crowded(7), mask=standing(), objects=table(7)).rest == standing()).all()


@pytest.mark.parametrize("lent", [True, pytest.param(False, marks=pytest.mark.long)])
def test_a_camera_that_moves_has_no_picture_left_of_who_is_chosen(lent: bool) -> None:
    """He stands in the scene, and each kept picture shows him."""
    bench, chosen_at = Bench(Plate(), SPEC), 16
    for index, picture in enumerate(filmed(26, step=3)):
        left = 200 - 3 * index
        image = noisy(picture, index, 1.0)
        image[60:140, left : left + 30] = RED
        mask = NOBODY.copy()
        if index >= chosen_at:
            mask[52:148, left - 8 : left + 38] = 255
        frame = bench.frame(image=image, mask=mask, objects=table(int(index >= chosen_at)))
        if index >= chosen_at:
            known = (mask > 0) & (frame.rest == 0)
            assert reds(frame.filled[known][None]) < 30, index
        frame.clean[:] = frame.filled
        frame.clean[frame.rest > 0] = GREY
        bench.finished = frame if lent else None
    assert bench.stage._moving.keys.newest_first, "it has begun to remember again"


def test_a_shadow_is_left_alone_in_a_spared_zone_and_nowhere_else() -> None:
    spec = FrameSpec(width=480, height=270)
    spared = (260, 180, 300, 210)
    bench = Bench(Plate(), spec)
    bench.frames(noisy(room(), seed, 1) for seed in range(14))
    shaded = room() * soft(SHADE, 0.45)
    for seed in range(3):
        image = shaded.copy()
        image[BODY] = (40, 30, 160)
        image = noisy(image, seed, 1)
        frame = bench.frame(image=image, mask=body(), objects=table(0, spared))
    x0, y0, x1, y1 = spared
    assert np.array_equal(frame.filled[y0:y1, x0:x1], image[y0:y1, x0:x1])
    rest = frame.filled[SHADE[0], 305:325].astype(int) - room()[SHADE[0], 305:325]
    assert np.abs(rest).mean() < 4
    beside = frame.filled[SHADE[0], 244:256].astype(int) - image[SHADE[0], 244:256]
    assert np.abs(beside).mean() > 15
