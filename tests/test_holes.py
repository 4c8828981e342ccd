"""Holes are found as crops, and what is put into them meets the picture without a step."""

from __future__ import annotations

import time

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from stages.box import Box, tight_box
from stages.inpainting.holes import MOST, Crop, find_crops, widened
from stages.inpainting.seam import Seam

HEIGHT, WIDTH = 120, 200
BOXES = st.lists(
    st.tuples(st.integers(0, HEIGHT - 1), st.integers(0, WIDTH - 1), st.integers(1, 40), st.integers(1, 40)), max_size=8
)


def painted(boxes: list[tuple[int, int, int, int]], height: int = HEIGHT, width: int = WIDTH) -> np.ndarray:
    rest = np.zeros((height, width), np.uint8)
    for y, x, tall, wide in boxes:
        rest[y : y + tall, x : x + wide] = 255
    return rest


@given(BOXES)
def test_a_tight_box_ends_where_the_mask_ends(boxes: list[tuple[int, int, int, int]]) -> None:
    """`cv2.boundingRect` of OpenCV 4.9 does not pass this."""
    for mask in (painted(boxes), painted(boxes)[:, :21], painted([(y % 3, x % 3, 1, 2) for y, x, _, _ in boxes], 3, 4)):
        box, points = tight_box(mask), np.argwhere(mask)
        if box is None:
            assert not len(points)
            continue
        assert [box.y0, box.x0] == points.min(0).tolist()
        assert [box.y1, box.x1] == (points.max(0) + 1).tolist()


def area(height: int, width: int) -> float:
    return height * width


def with_overhead(height: int, width: int) -> float:
    return 128 * 128 + height * width


def canvas(height: int, width: int) -> float:
    """Every crop is padded to a multiple of 64."""
    return -(-height // 64) * -(-width // 64)


PRICES = {"area": area, "with_overhead": with_overhead, "canvas": canvas}


def test_no_hole_no_crop() -> None:
    assert find_crops(painted([]), 8, area) == []


def test_a_hole_gets_context_on_all_sides() -> None:
    assert find_crops(painted([(50, 60, 20, 30)]), 10, area) == [Crop(Box(60, 50, 90, 70), Box(50, 40, 100, 80))]


def test_context_ends_where_the_picture_ends() -> None:
    assert [crop.window for crop in find_crops(painted([(0, 0, 5, 5)]), 10, area)] == [Box(0, 0, 15, 15)]
    assert [crop.window for crop in find_crops(painted([(115, 190, 5, 10)]), 48, area)] == [Box(142, 67, 200, 120)]


def test_holes_are_worked_on_together_only_where_that_is_cheaper() -> None:
    far, near = [(10, 10, 10, 10), (90, 170, 10, 10)], [(50, 50, 10, 10), (50, 120, 10, 10)]
    assert [len(find_crops(painted(boxes), 20, area)) for boxes in (far, near)] == [2, 2]
    assert [len(find_crops(painted(boxes), 20, with_overhead)) for boxes in (far, near)] == [2, 1]
    beside = [(50, 50, 10, 10), (50, 70, 10, 10)]
    assert find_crops(painted(beside), 10, area) == [Crop(Box(50, 50, 80, 60), Box(40, 40, 90, 70))]


def test_a_hole_around_another_is_one_with_it() -> None:
    ring = painted([(10, 10, 90, 140)])
    ring[30:80, 30:130] = 0
    ring[50:60, 70:80] = 255
    assert len(find_crops(ring, 4, area)) == 1


@pytest.mark.parametrize("price", PRICES)
@given(boxes=BOXES, margin=st.integers(4, 60))
def test_every_hole_pixel_is_in_one_crop_s_hole_with_its_context_in_the_window(
    price: str, boxes: list[tuple[int, int, int, int]], margin: int
) -> None:
    rest = painted(boxes)
    crops = find_crops(rest, margin, PRICES[price])
    held = np.zeros_like(rest)
    for crop in crops:
        assert not crop.hole.of(held).any(), "no pixel is filled twice"
        crop.hole.of(held)[:] = 1
        assert tight_box(crop.hole.of(rest)) == Box(0, 0, crop.hole.x1 - crop.hole.x0, crop.hole.y1 - crop.hole.y0)
        assert crop.window == crop.hole.grown(margin, HEIGHT, WIDTH)
    assert held[rest > 0].all()


@pytest.mark.parametrize("price", PRICES)
@given(boxes=BOXES, margin=st.integers(4, 60))
def test_no_two_crops_would_be_cheaper_as_one(price: str, boxes: list[tuple[int, int, int, int]], margin: int) -> None:
    def worth(box: Box) -> float:
        window = box.grown(margin, HEIGHT, WIDTH)
        return PRICES[price](window.y1 - window.y0, window.x1 - window.x0)

    crops = [crop.hole for crop in find_crops(painted(boxes), margin, PRICES[price])]
    for at, one in enumerate(crops):
        for other in crops[:at]:
            assert worth(one.union(other)) > worth(one) + worth(other)


def test_speckles_all_over_the_picture_do_not_make_a_thousand_crops() -> None:
    rng = np.random.default_rng(0)
    rest = np.zeros((1080, 1920), np.uint8)
    rest[rng.integers(0, 1080, 5000), rng.integers(0, 1920, 5000)] = 255
    started = time.perf_counter()
    crops = find_crops(rest, 48, area)
    assert time.perf_counter() - started < 1
    assert len(crops) == 1


def test_of_many_small_holes_the_near_ones_are_one() -> None:
    rest = np.zeros((720, 1280), np.uint8)
    rest[20:700:100, 20:1270:100] = 255
    started = time.perf_counter()
    crops = find_crops(rest, 4, area)
    assert time.perf_counter() - started < 1
    assert 1 <= len(crops) <= MOST


def test_a_seam_lies_inside_the_mask_and_only_where_it_is_wanted() -> None:
    mask = painted([(20, 30, 40, 50)])
    where = mask.copy()
    where[:, :50] = 0
    result, real = np.full((HEIGHT, WIDTH, 3), 90, np.uint8), np.full((HEIGHT, WIDTH, 3), 30, np.uint8)
    Seam(HEIGHT, WIDTH).blend(result, real, mask, where)
    assert result[40, 74:84, 0].tolist() == [90, 90, 90, 90, 70, 50, 90, 90, 90, 90]
    assert (result[:, :50] == 90).all()
    assert (result[where == 0] == 90).all()


def test_the_edge_of_the_picture_is_no_edge_of_the_mask() -> None:
    mask = painted([(0, 0, HEIGHT, 100)])
    result, real = np.full((HEIGHT, WIDTH, 3), 90, np.uint8), np.zeros((HEIGHT, WIDTH, 3), np.uint8)
    Seam(HEIGHT, WIDTH).blend(result, real, mask, mask)
    assert (result[:, :98] == 90).all()
    assert (result[:, 98] == 60).all()
    assert (result[:, 99] == 30).all()


@given(boxes=BOXES)
def test_a_seam_changes_only_two_pixels_inside_the_edge(boxes: list[tuple[int, int, int, int]]) -> None:
    mask = painted(boxes)
    result, real = np.full((HEIGHT, WIDTH, 3), 200, np.uint8), np.zeros((HEIGHT, WIDTH, 3), np.uint8)
    Seam(HEIGHT, WIDTH).blend(result, real, mask, mask)
    depth = np.zeros((HEIGHT, WIDTH), int)
    padded = np.pad(mask > 0, 2, constant_values=True)
    for reach in (1, 2):
        near = [padded[2 + y : 2 + y + HEIGHT, 2 + x : 2 + x + WIDTH] for y in _span(reach) for x in _span(reach)]
        depth += np.all(near, axis=0) & (mask > 0)
    expected = np.where(mask == 0, 200, np.array([67, 133, 200])[depth])
    assert np.array_equal(result[..., 0], expected)


def _span(reach: int) -> range:
    return range(-reach, reach + 1)


@given(
    st.tuples(st.integers(0, 100), st.integers(0, 100), st.integers(1, 20), st.integers(1, 20)),
    st.tuples(st.integers(1, 200), st.integers(1, 200)),
)
def test_a_widened_box_holds_the_box_and_is_as_large_as_the_picture_allows(
    at: tuple[int, int, int, int], wanted: tuple[int, int]
) -> None:
    x, y, wide, tall = at
    box = Box(x, y, x + wide, y + tall)
    wider = widened(box, *wanted, HEIGHT, WIDTH)
    assert wider.union(box) == wider
    assert 0 <= wider.x0 < wider.x1 <= WIDTH
    assert 0 <= wider.y0 < wider.y1 <= HEIGHT
    assert wider.y1 - wider.y0 == min(HEIGHT, max(tall, wanted[0]))
    assert wider.x1 - wider.x0 == min(WIDTH, max(wide, wanted[1]))
