"""What a sink shows of a frame."""

from __future__ import annotations

import numpy as np
import pytest

from pipeline.frame import Frame, FrameSpec
from stages.output.views import VIEWS, Canvas

SPEC = FrameSpec(width=6, height=4)


def frame() -> Frame:
    mask = np.zeros((4, 6), np.uint8)
    mask[1:3, 2:4] = 255
    return Frame({"image": np.full((4, 6, 3), 100, np.uint8), "clean": np.full((4, 6, 3), 7, np.uint8), "mask": mask})


@pytest.mark.parametrize(("name", "plane"), [("result", "clean"), ("input", "image")])
def test_a_single_plane_is_lent_and_not_copied(name: str, plane: str) -> None:
    shown = frame()
    assert Canvas(name, SPEC).of(shown) is shown.planes[plane]  # type: ignore[arg-type]


def test_input_and_result_stand_side_by_side() -> None:
    canvas = Canvas("side-by-side", SPEC)
    picture = canvas.of(frame())
    assert (canvas.spec.width, canvas.spec.height) == (12, 4)
    assert picture.shape == (4, 12, 3)
    assert (picture[:, :6] == 100).all()
    assert (picture[:, 6:] == 7).all()


def test_the_overlay_is_red_where_the_mask_is_and_the_input_elsewhere() -> None:
    picture = Canvas("overlay", SPEC).of(frame())
    covered = frame().mask > 0
    assert (picture[~covered] == 100).all()
    assert (picture[covered] == (50, 50, 178)).all()


def test_the_panel_has_four_pictures() -> None:
    picture = Canvas("panel", SPEC).of(frame())
    assert picture.shape == (8, 12, 3)
    assert (picture[:4, :6] == 100).all()
    assert (picture[:4, 6:] == 7).all()
    assert (picture[5:7, 2:4] == (50, 50, 178)).all()
    assert (picture[4:, 6:] == frame().mask[..., None]).all()


@pytest.mark.parametrize("name", VIEWS)
def test_a_view_needs_no_plane_but_those_that_it_names(name: str) -> None:
    whole = frame()
    only = Frame({plane: whole.planes[plane] for plane in VIEWS[name].planes})  # type: ignore[index]
    assert np.array_equal(Canvas(name, SPEC).of(only), Canvas(name, SPEC).of(whole))  # type: ignore[arg-type]
