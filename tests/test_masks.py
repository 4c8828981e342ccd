"""Prototype masks become patches at the right place, to a fraction of a pixel."""

from __future__ import annotations

import math

import numpy as np
import pytest

from models import masks
from models.letterbox import Letterbox
from models.masks import cut_patch


def prototypes_of_disc(fit: Letterbox, x: float, y: float, radius: float) -> np.ndarray:
    """One prototype whose logit is zero on a circle of the picture (pixels), positive inside."""
    rows, columns = np.mgrid[: fit.out_height // 4, : fit.out_width // 4].astype(np.float32)
    across = ((columns + 0.5) * 4 - fit.left) / fit.scale_x - 0.5
    down = ((rows + 0.5) * 4 - fit.top) / fit.scale_y - 0.5
    return ((radius - np.hypot(across - x, down - y)) / 8)[None].astype(np.float32)


@pytest.mark.parametrize(("height", "width"), [(720, 1280), (1080, 810), (361, 637), (2160, 3840), (90, 160)])
def test_a_disc_comes_out_where_it_lies(height: int, width: int) -> None:
    fit = Letterbox.fit(height, width)
    x, y, radius = width * 0.4, height * 0.45, height * 0.25
    box = np.array([x - radius - 3, y - radius - 3, x + radius + 3, y + radius + 3], np.float32)
    patch = cut_patch(prototypes_of_disc(fit, x, y, radius), np.ones(1, np.float32), box, fit)
    assert set(np.unique(patch.mask)) == {0, 255}
    rows, columns = np.nonzero(patch.mask)
    assert columns.mean() + patch.x == pytest.approx(x, abs=0.1 + width / 4000)
    assert rows.mean() + patch.y == pytest.approx(y, abs=0.1 + width / 4000)
    assert len(rows) == pytest.approx(np.pi * radius**2, rel=0.03)


def test_nothing_is_set_outside_the_box() -> None:
    fit = Letterbox.fit(360, 640)
    everywhere = np.full((1, fit.out_height // 4, fit.out_width // 4), 9, np.float32)
    patch = cut_patch(everywhere, np.ones(1, np.float32), np.array([10.4, 20.6, 31.2, 40.0], np.float32), fit)
    assert (patch.x, patch.y, patch.mask.shape) == (11, 21, (19, 21))  # pixels that start in the box
    assert (patch.mask == 255).all()


@pytest.mark.parametrize(
    "box", [[0, 0, 640, 360], [639.5, 359.5, 640, 360], [640, 360, 640, 360], [0, 0, 0, 0], [3, 3, 4, 4]]
)
def test_a_patch_never_leaves_the_picture(box: list[float]) -> None:
    fit = Letterbox.fit(360, 640)
    prototypes = np.zeros((2, fit.out_height // 4, fit.out_width // 4), np.float32)
    patch = cut_patch(prototypes, np.ones(2, np.float32), np.array(box, np.float32), fit)
    height, width = patch.mask.shape
    assert (height, width) == (math.ceil(box[3]) - math.ceil(box[1]), math.ceil(box[2]) - math.ceil(box[0]))
    assert 0 <= patch.x <= 640 - width
    assert 0 <= patch.y <= 360 - height


def test_huge_logits_do_not_overflow() -> None:
    fit = Letterbox.fit(360, 640)
    prototypes = np.full((1, fit.out_height // 4, fit.out_width // 4), 1e6, np.float32)
    patch = cut_patch(prototypes, -np.ones(1, np.float32), np.array([5, 5, 50, 50], np.float32), fit)
    assert not patch.mask.any()


@pytest.mark.parametrize("box", [[7, 7, 8, 8], [7, 7, 8, 11], [7, 7, 9, 8], [7, 7, 11, 11]])
def test_patches_of_a_few_pixels_keep_their_shape(box: list[float]) -> None:
    fit = Letterbox.fit(360, 640)
    prototypes = np.full((1, fit.out_height // 4, fit.out_width // 4), 9, np.float32)
    patch = cut_patch(prototypes, np.ones(1, np.float32), np.array(box, np.float32), fit)
    assert patch.mask.tolist() == np.full((int(box[3]) - 7, int(box[2]) - 7), 255).tolist()


def test_a_box_turned_inside_out_has_no_pixel() -> None:
    fit = Letterbox.fit(360, 640)
    prototypes = np.ones((1, fit.out_height // 4, fit.out_width // 4), np.float32)
    patch = cut_patch(prototypes, np.ones(1, np.float32), np.array([50, 60, 40, 80], np.float32), fit)
    assert patch.mask.size == 0


@pytest.mark.parametrize("shape", [(720, 1280), (1080, 1920), (1080, 810), (576, 720), (480, 640), (360, 640)])
def test_the_fast_way_is_the_same_as_the_general_one(shape: tuple[int, int], monkeypatch: pytest.MonkeyPatch) -> None:
    fit, rng = Letterbox.fit(*shape), np.random.default_rng(3)
    prototypes = rng.normal(0, 1, (32, fit.out_height // 4, fit.out_width // 4)).astype(np.float32)
    weights = rng.normal(0, 1, 32).astype(np.float32)
    limits = np.array([shape[1], shape[0]] * 2, np.float32)
    boxes = [np.sort(rng.uniform(0, 1, (2, 2)), 0).ravel().astype(np.float32) * limits for _ in range(20)] + [
        0 * limits
    ]
    boxes[-1][2:] = limits[2:]
    assert masks._enlarge(prototypes, weights, *axes(fit)) is not None
    fast = [cut_patch(prototypes, weights, box, fit) for box in boxes]
    monkeypatch.setattr(masks, "_enlarge", lambda *_: None)
    for box, patch in zip(boxes, fast, strict=True):
        general = cut_patch(prototypes, weights, box, fit)
        assert (patch.x, patch.y, patch.mask.shape) == (general.x, general.y, general.mask.shape)
        assert (patch.mask != general.mask).mean() < 0.03  # noise; and the general one rounds places to 1/32


def axes(fit: Letterbox) -> tuple[masks.Axis, masks.Axis]:
    return (0, fit.width, fit.left, fit.inner_width, fit.width), (0, fit.height, fit.top, fit.inner_height, fit.height)


def test_an_odd_size_takes_the_general_way() -> None:
    fit = Letterbox.fit(361, 637)
    assert masks._enlarge(np.zeros((1, 96, 160), np.float32), np.ones(1, np.float32), *axes(fit)) is None
