"""Where a detector looks at every k-th frame: the first one after a gap is looked at, and no frame relies on a look
that never came."""

from __future__ import annotations

import numpy as np
import pytest

from pipeline.errors import RunError
from pipeline.frame import Frame, FrameSpec
from stages.privacy import Cover
from stages.tracking import Tracking
from tests.faults.canary import HEIGHT, WIDTH, Seer, scene
from tests.frames import Bench, blank_frame

LIVE = FrameSpec(width=WIDTH, height=HEIGHT, live=True)
SPEC = FrameSpec(width=WIDTH, height=HEIGHT)
NOISE = np.random.default_rng(1).integers(0, 255, (HEIGHT, WIDTH, 3), np.uint8)


def looked(*frames: tuple[int, int], spec: FrameSpec = LIVE, every: int = 5) -> list[int]:
    """How far behind its look each frame is; frames as index and life."""
    stage = Seer.model_validate({"classes": ["face"], "every": every})
    stage.setup(spec)
    found = []
    for index, life in frames:
        frame = blank_frame(spec, index)
        frame.life = life
        stage.process(frame)
        found.append(frame.behind)
    return found


def test_of_a_live_stream_each_frame_says_how_far_behind_its_look_it_is() -> None:
    assert looked((3, 0), (4, 0), (7, 0), (8, 0), (9, 0)) == [0, 1, 4, 0, 1]


def test_the_first_frame_after_a_gap_is_looked_at_wherever_it_comes() -> None:
    assert looked((3, 0), (4, 0), (5, 1), (6, 1), (7, 2), (8, 2)) == [0, 1, 0, 1, 0, 1]


def test_of_a_file_it_depends_on_the_frame_alone() -> None:
    assert looked(*((index, 0) for index in range(7)), spec=SPEC, every=3) == [0, 1, 2, 0, 1, 2, 0]


def relied(*behind: int, cut_at: int = -1) -> list[bool]:
    """Which frames nobody has seen, where each is so far behind its look."""
    bench, unseen = Bench(Tracking(), SPEC), []
    for at, distance in enumerate(behind):
        found = np.zeros(1, blank_frame(SPEC).planes["found"].dtype)
        found["skipped"] = distance
        image = (
            scene(at) if cut_at < 0 or at < cut_at else np.random.default_rng(1).integers(0, 255, scene(0).shape, "u1")
        )
        unseen.append(bench.frame(image=image, found=found).unseen)
    return unseen


def test_frames_that_rely_on_a_look_that_came_are_seen() -> None:
    assert relied(0, 1, 2, 0, 1, 2) == [False] * 6


def test_frames_whose_look_was_dropped_or_failed_are_not_until_the_next_one() -> None:
    assert relied(1, 2, 0, 1, 2, 1, 2, 0) == [True, True, False, False, False, True, True, False]


def test_a_look_at_another_scene_does_for_no_frame_after_the_cut() -> None:
    assert relied(0, 1, 2, 3, 0, 1, cut_at=2) == [False, False, True, True, False, False]


def test_what_nobody_has_seen_is_not_let_out() -> None:
    cover, frame = Cover(), blank_frame(SPEC)
    cover.setup(SPEC)
    frame.image[:] = scene(0)
    cover.process(frame)
    frame.planes["objects"]["skipped"][0] = 1
    with pytest.raises(RunError, match="nobody has looked at this frame"):
        cover.process(frame)


def test_a_table_of_objects_says_that_it_was_seen_unless_told_otherwise() -> None:
    frame: Frame = blank_frame(SPEC)
    frame.planes["objects"]["skipped"][0] = 1
    frame.put_objects(frame.objects)
    assert not frame.unseen
