"""The parts of segmentation in fixed shapes, on the processor: canvas, suppression, label map."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np
import pytest
import torch
from torch import Tensor

from models.base import Patch
from models.letterbox import Letterbox
from models.suppress import MAX_FOUND, suppress
from models.yolo_dense import Proposed
from models.yolo_device import as_tensor, number
from models.yolo_device_boxes import ROUNDS, Thinned, thin_out
from models.yolo_device_canvas import DeviceCanvas
from stages.segmentation.labels import Labeller
from tests.scenes import asset


class Given:
    """Boxes that need no decoding. Follows `models.yolo_dense.Dense`."""

    def propose(self, outputs: Sequence[Tensor], wanted: Tensor, confidence: Tensor) -> Proposed:
        raise NotImplementedError

    def decode(self, rows: Tensor, at: Tensor) -> tuple[Tensor, Tensor]:
        half = rows[:, 2:4] / 2
        return torch.cat((rows[:, :2] - half, rows[:, :2] + half), 1), rows[:, 4:]


def thinned(proposed: np.ndarray, wanted: list[int], iou: float) -> Thinned:
    rows = torch.from_numpy(proposed)
    scores, classes = rows[:, 4:7].max(1)
    allowed = (scores > 0.25) & torch.isin(classes, torch.tensor(wanted))
    given = Proposed(scores, classes, allowed, torch.cat((rows[:, :4], rows[:, 7:]), 1), torch.tensor(False))
    return thin_out(given, Given(), torch.tensor(iou), MAX_FOUND)


@pytest.mark.parametrize(("count", "largest"), [(1, 9), (300, 60), (900, 200), (1000, 20)])
@pytest.mark.parametrize("wanted", [[1], [0, 1, 2]])
def test_suppression_leaves_what_it_leaves_on_the_processor(count: int, largest: float, wanted: list[int]) -> None:
    rng = np.random.default_rng(count)
    places, sides = rng.uniform(0, 640, (count, 2)), rng.uniform(2, largest, (count, 2))
    sides[::20] *= -1
    columns = places, sides, np.round(rng.uniform(0, 1, (count, 3)) ** 2, 2), rng.normal(size=(count, 4))
    proposed = np.concatenate(columns, 1).astype(np.float32)
    right = suppress(proposed, wanted, 3, 0.25, 0.45)
    found = thinned(proposed, wanted, 0.45)
    assert bool(found.settled)
    assert int(found.found) == len(right)
    table = torch.cat((found.boxes, found.scores[:, None], found.classes[:, None], found.coefficients), 1)
    assert np.array_equal(table[: len(right)].numpy(), right)


@pytest.mark.parametrize(("links", "settled"), [(ROUNDS - 2, True), (3 * ROUNDS, False)])
def test_a_chain_of_boxes_too_long_to_follow_is_said_to_be_open(links: int, settled: bool) -> None:
    """Each overlaps only its neighbours: every second one stays, and who that is hangs on the first."""
    proposed = np.zeros((links, 4 + 3 + 1), np.float32)
    proposed[:, 0], proposed[:, 1:4] = np.arange(links) * 4, 10
    proposed[:, 4] = np.linspace(0.9, 0.5, links)
    found = thinned(proposed, [0], 0.4)
    assert bool(found.settled) == settled
    if settled:
        assert int(found.found) == len(suppress(proposed, [0], 3, 0.25, 0.4)) == links // 2


@pytest.mark.parametrize("shape", [(360, 640), (361, 637), (1500, 2100), (700, 500), (1, 1), (2, 1500), (50, 60)])
@pytest.mark.parametrize("half", [False, True])
def test_the_canvas_is_that_of_the_processor_within_a_level(shape: tuple[int, int], half: bool) -> None:
    image = cv2.resize(asset("bus.jpg"), shape[::-1], interpolation=cv2.INTER_AREA)
    fit = Letterbox.fit(*shape, 320)
    right, canvas = fit.canvas(), DeviceCanvas(fit, torch.device("cpu"))
    fit.draw(image, right)
    if half:  # as on a GPU
        canvas._form = torch.float16
        canvas._down, canvas._across = canvas._down.half(), canvas._across.half()
    drawn = canvas.draw(as_tensor(image))[0].numpy()
    off = np.abs(drawn.astype(int) - right)
    assert off.max() <= (2 if half else 1)
    assert off.mean() < 0.25  # OpenCV counts in 1/2048ths


@pytest.mark.parametrize(
    ("grow", "rows", "surely"), [(0, 40, 17), (1, 40, 17), (5, 40, 0), (13, 40, 40), (2, 330, 320)]
)
def test_a_label_map_of_many_is_that_of_one_after_the_other(grow: int, rows: int, surely: int) -> None:
    """Made of random boxes that overlap; some rows have no pixel, and the last ones are not sure."""
    rng = np.random.default_rng(grow)
    patches, shown = [], []
    ranks = np.zeros((90, 120), np.int16)
    for row in range(rows):
        x, y, width, height = *rng.integers(0, 80, 2), *rng.integers(1, 12, 2)
        mask = (rng.uniform(size=(height, width)) < 0.6).astype(np.uint8) * np.uint8(255 * (row % 7 > 0))
        view = ranks[y : y + height, x : x + width]
        view[:] = np.maximum(view, (mask > 0) * (rows - row))
        shown.append(bool(mask.any()))
        patches.append(Patch(int(x), int(y), mask[: ranks.shape[0] - y]))
    right = np.zeros(ranks.shape, np.uint8)
    seen = [patch for patch, some in zip(patches, shown, strict=True) if some]
    Labeller(*right.shape).label(seen, sum(shown[:surely]), grow, right)
    found = number(torch.from_numpy(ranks), torch.tensor(shown), torch.tensor(surely), grow)
    assert np.array_equal(found.numpy(), right)
