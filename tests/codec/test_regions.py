"""Regions cover the mask, keep to the grid and to their number, and stay where they are for a while."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from stages.codec.regions import CELL, Regions, cover, merged, runs

CELLS = arrays(np.bool_, st.tuples(st.integers(1, 24), st.integers(1, 40)))


def painted(boxes: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    out = np.zeros(shape, np.int64)
    for x0, y0, x1, y1 in boxes:
        assert 0 <= x0 < x1 <= shape[1]
        assert 0 <= y0 < y1 <= shape[0]
        out[y0:y1, x0:x1] += 1
    return out


def mask_of(width: int, height: int, *boxes: tuple[int, int, int, int]) -> np.ndarray:
    mask = np.zeros((height, width), np.uint8)
    for x0, y0, x1, y1 in boxes:
        mask[y0:y1, x0:x1] = 255
    return mask


@given(CELLS)
def test_runs_hold_each_set_cell_once_and_no_other(cells: np.ndarray) -> None:
    np.testing.assert_array_equal(painted(runs(cells), cells.shape), cells)


@given(CELLS, st.integers(1, 40))
def test_a_cover_holds_every_set_cell_with_no_more_boxes_than_allowed(cells: np.ndarray, most: int) -> None:
    boxes = cover(cells, most)
    assert len(boxes) <= most
    assert (painted(boxes, cells.shape)[cells] > 0).all()


@given(CELLS)
def test_a_cover_is_exact_where_as_many_boxes_are_allowed_as_it_takes(cells: np.ndarray) -> None:
    np.testing.assert_array_equal(painted(cover(cells, max(1, len(runs(cells)))), cells.shape), cells)


def test_those_that_cost_least_are_merged() -> None:
    boxes = np.array([[0, 0, 4, 4], [4, 0, 8, 4], [20, 10, 22, 12]])
    assert sorted(map(tuple, merged(boxes, 2).tolist())) == [(0, 0, 8, 4), (20, 10, 22, 12)]


def test_what_a_merged_box_holds_is_not_said_twice() -> None:
    boxes = np.array([[0, 0, 1, 9], [8, 0, 9, 9], [3, 3, 4, 4]])
    assert merged(boxes, 1).tolist() == [[0, 0, 9, 9]]


def test_a_chequered_mask_of_a_large_picture_takes_no_more_boxes_than_allowed() -> None:
    rows, columns = np.indices((135, 240))
    boxes = cover((rows + columns) % 2 == 0, 32)
    assert 1 <= len(boxes) <= 32


@given(
    st.integers(1, 130),
    st.integers(1, 90),
    st.lists(st.tuples(st.integers(0, 129), st.integers(0, 89), st.integers(1, 60), st.integers(1, 60)), max_size=8),
    st.integers(0, 5),
)
def test_every_masked_pixel_lies_in_a_region_of_any_size_of_picture(
    width: int, height: int, things: list[tuple[int, int, int, int]], margin: int
) -> None:
    mask = mask_of(width, height, *((x, y, x + wide, y + high) for x, y, wide, high in things))
    regions = Regions(width, height, margin=margin, most=6).of(mask)
    assert len(regions) <= 6
    held = painted(np.array(regions).reshape(-1, 4), mask.shape)
    assert (held[mask > 0] > 0).all()
    assert bool(regions) == bool(mask.any())


@given(st.integers(0, 320), st.integers(0, 200), st.integers(1, 200), st.integers(1, 150))
def test_regions_of_one_thing_reach_no_more_than_a_cell_beyond_it(x: int, y: int, wide: int, high: int) -> None:
    x1, y1 = min(x + wide, 336), min(y + high, 216)
    mask = mask_of(336, 216, (x, y, x1, y1))
    for region in Regions(336, 216, margin=0).of(mask):
        assert region.x0 > x - CELL
        assert region.y0 > y - CELL
        assert region.x1 < x1 + CELL
        assert region.y1 < y1 + CELL
        assert region.x0 % CELL == region.y0 % CELL == 0


def test_a_margin_takes_in_the_cell_beside_a_mask_that_ends_at_its_edge() -> None:
    mask = mask_of(96, 96, (32, 32, 64, 64))
    assert Regions(96, 96, margin=0).of(mask) == ((32, 32, 64, 64),)
    assert Regions(96, 96, margin=1).of(mask) == ((16, 16, 80, 80),)


def test_a_pixel_that_comes_and_goes_changes_the_regions_once() -> None:
    still, more = mask_of(320, 192, (64, 64, 128, 128)), mask_of(320, 192, (64, 64, 129, 128))
    regions = Regions(320, 192, margin=0)
    seen = [regions.of(more if number % 3 == 0 else still) for number in range(12)]
    assert len(set(seen)) == 1


def test_what_is_gone_for_longer_is_let_go_of() -> None:
    mask, nothing = mask_of(320, 192, (64, 64, 128, 128)), mask_of(320, 192)
    regions = Regions(320, 192, hold=3)
    first = regions.of(mask)
    assert [bool(regions.of(nothing)) for _ in range(5)] == [True, True, True, False, False]
    assert regions.of(mask) == first


def test_the_mask_itself_is_not_changed() -> None:
    mask = mask_of(100, 70, (10, 10, 40, 40))
    before = mask.copy()
    Regions(100, 70).of(mask)
    np.testing.assert_array_equal(mask, before)


def test_a_mask_of_another_size_is_refused() -> None:
    with pytest.raises(AssertionError, match="of pictures of 100x70"):
        Regions(100, 70).of(mask_of(70, 100))
