"""Holes are found as crops, and what is put into them meets the picture without a step."""

from __future__ import annotations

import time

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from stages.box import Box, tight_box
from stages.inpainting.holes import find_crops, widened
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


def test_no_hole_no_crop() -> None:
    assert find_crops(painted([]), 8) == []


def test_a_hole_gets_context_on_all_sides() -> None:
    assert find_crops(painted([(50, 60, 20, 30)]), 10) == [Box(50, 40, 100, 80)]


def test_context_ends_where_the_picture_ends() -> None:
    assert find_crops(painted([(0, 0, 5, 5)]), 10) == [Box(0, 0, 15, 15)]
    assert find_crops(painted([(115, 190, 5, 10)]), 48) == [Box(142, 67, 200, 120)]


def test_holes_far_apart_are_worked_on_apart_and_near_ones_together() -> None:
    assert len(find_crops(painted([(10, 10, 10, 10), (90, 170, 10, 10)]), 10)) == 2
    assert find_crops(painted([(50, 50, 10, 10), (50, 70, 10, 10)]), 10) == [Box(40, 40, 90, 70)]


@given(boxes=BOXES, margin=st.integers(4, 60))
def test_crops_hold_every_hole_with_its_context_and_never_overlap(
    boxes: list[tuple[int, int, int, int]], margin: int
) -> None:
    rest = painted(boxes)
    crops = find_crops(rest, margin)
    held = np.zeros_like(rest)
    for crop in crops:
        assert not crop.of(held).any()
        crop.of(held)[:] = 1
        assert crop.of(rest).any()
    for y, x in np.argwhere(rest)[::17]:
        window = held[max(0, y - margin) : y + margin + 1, max(0, x - margin) : x + margin + 1]
        assert window.all()


def test_speckles_all_over_the_picture_do_not_make_a_thousand_crops() -> None:
    rng = np.random.default_rng(0)
    rest = np.zeros((1080, 1920), np.uint8)
    rest[rng.integers(0, 1080, 5000), rng.integers(0, 1920, 5000)] = 255
    started = time.perf_counter()
    crops = find_crops(rest, 48)
    assert time.perf_counter() - started < 1
    assert len(crops) == 1


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
