"""Colours come back as they were but for what halving them loses, whatever the size, and streams say how they are."""

from __future__ import annotations

import numpy as np
import pytest
from av.video.frame import VideoFrame

from stages.codec.colours import ToBgr, ToYuv, layout
from tests.codec.clips import psnr, textured


@pytest.mark.parametrize(("width", "height", "name"), [(64, 48, "yuv420p"), (65, 48, "yuv444p"), (64, 49, "yuv444p")])
def test_colours_are_halved_where_the_size_allows_it(width: int, height: int, name: str) -> None:
    assert layout(width, height) == name
    frame = ToYuv(width, height).convert(textured(0, width, height))
    assert frame.format.name == name
    assert (frame.colorspace, frame.color_range) == (6, 1)


@pytest.mark.parametrize(
    "colour", [(0, 0, 0), (255, 255, 255), (200, 30, 60), (10, 220, 40), (30, 40, 230), (128, 9, 77)]
)
@pytest.mark.parametrize("size", [(64, 48), (33, 21)])
def test_a_plain_colour_comes_back(colour: tuple[int, int, int], size: tuple[int, int]) -> None:
    width, height = size
    image = np.full((height, width, 3), colour, np.uint8)
    back = ToBgr().convert(ToYuv(width, height).convert(image))
    assert back.shape == image.shape
    assert np.abs(back.astype(int) - image).max() <= 2


def test_a_picture_comes_back_and_is_nobody_elses() -> None:
    image = textured(0)
    to_bgr, to_yuv = ToBgr(), ToYuv(192, 128)
    back = to_bgr.convert(to_yuv.convert(image))
    assert psnr(image, back) > 42
    before = back.copy()
    to_bgr.convert(to_yuv.convert(textured(7)))
    np.testing.assert_array_equal(back, before)


def test_a_stream_of_another_matrix_comes_back_by_that_one() -> None:
    image = np.full((48, 64, 3), (30, 40, 230), np.uint8)
    frame = VideoFrame.from_numpy_buffer(image, format="bgr24").reformat(
        format="yuv420p", dst_colorspace="ITU709", dst_color_range="MPEG"
    )
    assert frame.colorspace == 1
    assert np.abs(ToBgr().convert(frame).astype(int) - image).max() <= 3


def test_rows_need_not_lie_close_together() -> None:
    wide = textured(0, 256, 128)
    np.testing.assert_array_equal(
        ToYuv(192, 128).convert(wide[:, 10:202]).to_ndarray(),
        ToYuv(192, 128).convert(wide[:, 10:202].copy()).to_ndarray(),
    )
