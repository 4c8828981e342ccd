"""A letterbox is undone exactly."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.letterbox import FILL, Letterbox

SIDES = st.integers(1, 3000)


@given(height=SIDES, width=SIDES, size=st.sampled_from([64, 320, 640, 1280]))
def test_the_input_is_no_larger_than_it_must_be(height: int, width: int, size: int) -> None:
    fit = Letterbox.fit(height, width, size)
    assert fit.out_width % 32 == fit.out_height % 32 == 0
    assert max(fit.out_width, fit.out_height) == max(fit.inner_width, fit.inner_height) == size
    for outer, inner in ((fit.out_width, fit.inner_width), (fit.out_height, fit.inner_height)):
        assert 0 <= outer - inner < 32 or outer == 64
    assert abs(2 * fit.left + fit.inner_width - fit.out_width) <= 1
    assert abs(2 * fit.top + fit.inner_height - fit.out_height) <= 1


@given(height=SIDES, width=SIDES, corner=st.tuples(*[st.floats(0, 1)] * 4))
def test_boxes_come_back_to_where_they_were(height: int, width: int, corner: tuple[float, ...]) -> None:
    fit = Letterbox.fit(height, width)
    box = np.array([corner], np.float32) * [width, height, width, height]
    scale, shift = [fit.scale_x, fit.scale_y] * 2, [fit.left, fit.top] * 2
    drawn = (box * scale + shift).astype(np.float32)
    assert np.allclose(fit.undo_boxes(drawn), box, atol=2e-3 * max(1, max(width, height) / 640))


def test_boxes_are_cut_off_at_the_edges_of_the_picture() -> None:
    fit = Letterbox.fit(720, 1280)
    box = fit.undo_boxes(np.array([[-50, -50, 9999, 9999]], np.float32))
    assert box.tolist() == [[0, 0, 1280, 720]]


@pytest.mark.parametrize(
    ("height", "width", "expected"),
    [(720, 1280, (384, 640)), (1080, 1920, (384, 640)), (1080, 810, (640, 480)), (640, 640, (640, 640))],
)
def test_the_short_side_is_padded_to_the_next_multiple_of_32(
    height: int, width: int, expected: tuple[int, int]
) -> None:
    fit = Letterbox.fit(height, width)
    assert (fit.out_height, fit.out_width) == expected


def test_the_picture_is_drawn_into_the_middle_of_the_grey() -> None:
    fit = Letterbox.fit(100, 320, 320)
    canvas = fit.canvas()
    fit.draw(np.full((100, 320, 3), 7, np.uint8), canvas)
    assert canvas.shape == (128, 320, 3)
    assert (canvas[14:114] == 7).all()
    assert (canvas[:14] == FILL).all()
    assert (canvas[114:] == FILL).all()


def test_a_second_picture_leaves_nothing_of_the_first() -> None:
    fit = Letterbox.fit(100, 320, 320)
    canvas = fit.canvas()
    for value in (200, 9):
        fit.draw(np.full((100, 320, 3), value, np.uint8), canvas)
    assert set(np.unique(canvas)) == {9, FILL}
