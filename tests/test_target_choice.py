"""A target that begins late, and zones beside it: the stage Target with what comes after it, in this process."""

from __future__ import annotations

import json
from collections.abc import Iterator

import numpy as np
import pytest

from pipeline.config import load_config
from pipeline.frame import FrameSpec, Image
from pipeline.inline import Inline
from tests.frames import noisy
from tests.scenes import psnr, room
from tests.test_target_stage import QUICK, with_person

BEGINS, FRAMES = 4, 7
HIDE = [[[0.8, 0.05], [0.95, 0.05], [0.95, 0.3], [0.8, 0.3]]]
SPARE = [[[0, 0], [0.1, 0], [0.1, 1], [0, 1]]]


def run(*sets: str) -> Iterator[tuple[Image, Image, Image, int]]:
    """Input, mask, result and choice of each frame: somebody stands there and is pointed at only in the fifth."""
    given = [f"target.targets={json.dumps([f'person:1@{BEGINS}'])}", *QUICK, *sets]
    plan = load_config("remove-target", sets=given, given="pictures", wanted="null:")
    kept = [built for built in plan.stages if built.name not in ("preview", "output")]
    crowded = with_person(room(), 80)[0]
    with Inline(kept, FrameSpec(width=640, height=360)) as steps:
        for index in range(FRAMES):
            frame = steps.process(noisy(crowded, index, 1.5))
            yield frame.image.copy(), frame.mask.copy(), frame.clean.copy(), frame.choice


def test_who_is_pointed_at_late_is_not_shown_by_the_plate_that_saw_him_standing() -> None:
    there = with_person(room(), 80)[1] > 0
    choices = []
    for index, (image, mask, clean, choice) in enumerate(run()):
        choices.append(choice)
        assert bool(mask.any()) == (index >= BEGINS)
        if index >= BEGINS:
            assert (mask[there] > 0).mean() > 0.9
            assert psnr(clean, room(), there) > psnr(image, room(), there) + 5
    assert len(set(choices[:BEGINS])) == len(set(choices[BEGINS:])) == 1
    assert choices[0] != choices[-1]


@pytest.mark.long
def test_zones_hide_and_spare_beside_a_target() -> None:
    seen = list(run(f"target.hide={json.dumps(HIDE)}", f"target.spare={json.dumps(SPARE)}"))
    for image, mask, clean, _ in seen:
        assert (mask[20:106, 514:606] == 255).all()
        assert not mask[:, :63].any()
        assert np.array_equal(clean[:, :63], image[:, :63])
    assert seen[-1][1][:, 64:300].any()
