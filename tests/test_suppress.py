"""Thinning out boxes: the same rows as Ultralytics' own, and never more than are wanted."""

from __future__ import annotations

import numpy as np
import pytest
import torch

import models.blocks  # noqa: F401 - keeps ultralytics from phoning home
from models.centerface import decode
from models.letterbox import Letterbox
from models.proposals import detections
from models.suppress import CROWD, MAX_FOUND, suppress

CLASSES = 20


def proposals(seed: int, count: int, largest: float) -> np.ndarray:
    """x y w h, scores, 32 coefficients; some boxes inside out, as networks give them."""
    rng = np.random.default_rng(seed)
    places, sides = rng.uniform(0, 640, (count, 2)), rng.uniform(2, largest, (count, 2))
    sides[:: max(1, count // 20)] *= -1
    scores, coefficients = rng.uniform(0, 1, (count, CLASSES)) ** 6, rng.normal(size=(count, 32))
    return np.concatenate((places, sides, scores, coefficients), 1).astype(np.float32)


@pytest.mark.parametrize(("count", "largest"), [(0, 9), (1, 9), (40, 300), (400, 40), (1500, 200), (3000, 12)])
@pytest.mark.parametrize("wanted", [[0], [3, 7], list(range(CLASSES))])
def test_the_same_rows_are_left_as_by_ultralytics(count: int, largest: float, wanted: list[int]) -> None:
    from ultralytics.utils.nms import non_max_suppression

    proposed = proposals(count, count, largest)
    theirs = non_max_suppression(
        torch.from_numpy(proposed.T[None].copy()), 0.25, 0.45, classes=wanted, nc=CLASSES, max_det=MAX_FOUND
    )[0].numpy()
    mine = suppress(proposed, wanted, CLASSES, 0.25, 0.45)
    assert mine.dtype == np.float32
    assert mine.shape == theirs.shape
    assert np.array_equal(mine, theirs)


def test_boxes_of_different_classes_do_not_suppress_each_other() -> None:
    proposed = np.zeros((2, 4 + 2 + 1), np.float32)
    proposed[:, :4] = 50, 50, 20, 20
    proposed[0, 4], proposed[1, 5] = 0.9, 0.8
    assert suppress(proposed, [0, 1], 2, 0.25, 0.45)[:, 5].tolist() == [0, 1]


def test_in_a_crowd_no_face_is_left_out_for_being_one_too_many() -> None:
    y, x = np.divmod(np.arange(CROWD - 100), 45)
    boxes = np.column_stack((14.0 * x + 7, 14.0 * y + 7, np.full((len(x), 2), 8))).astype(np.float32)
    scores, unknown = np.full((len(x), 1), 0.6, np.float32), np.full((len(x), 5, 2), np.nan, np.float32)
    assert len(detections(boxes, scores, unknown, Letterbox.fit(640, 640, 640), 0.25)) == len(x) > MAX_FOUND
    likely = np.zeros((160, 160), np.float32)
    likely[5::6, 5::6] = 0.6
    sizes, places, marks = (np.zeros((depth, 160, 160), np.float32) for depth in (2, 2, 10))
    assert len(decode([likely, sizes, places, marks], 0.25)) == np.count_nonzero(likely) > MAX_FOUND
