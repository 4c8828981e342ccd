"""Colours: BGR to what video encoders take and back, done the same way at both ends of a stream."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from models.base import Image

if TYPE_CHECKING:
    from av.video.frame import VideoFrame

# What streams are tagged with (ISO/IEC 23091-2). Pictures are BGR before, so any matrix will do that decoders know; for
# this one OpenCV has a way back that rounds, and doubles halved colours, in less than half the time of the scaler's.
BT601, LIMITED_RANGE = 6, 1
SCALERS_BT601 = 5  # av.video.reformatter.Colorspace.ITU601


def layout(width: int, height: int) -> str:
    """FFmpeg's name of the pixel format to encode: colours are halved where the size allows it."""
    return "yuv444p" if width % 2 or height % 2 else "yuv420p"


class ToYuv:
    """From uint8 [H, W, 3] BGR to what is encoded."""

    def __init__(self, width: int, height: int) -> None:
        from av.video.reformatter import Interpolation, VideoReformatter

        self._scaler = VideoReformatter()
        self._layout = layout(width, height)
        # The way back doubles halved colours, so their mean gives them back: AREA beats the sharper filters here.
        self._filter = Interpolation.AREA | Interpolation.ACCURATE_RND

    def convert(self, image: Image) -> VideoFrame:
        from av.video.frame import VideoFrame

        return self._scaler.reformat(
            VideoFrame.from_numpy_buffer(np.ascontiguousarray(image), format="bgr24"),
            format=self._layout,
            dst_colorspace=SCALERS_BT601,
            dst_color_range="MPEG",
            interpolation=self._filter,
            threads=1,
        )


class ToBgr:
    """From a decoded picture to uint8 [H, W, 3] BGR, by the matrix that the stream is tagged with."""

    def __init__(self) -> None:
        from av.video.reformatter import Interpolation, VideoReformatter

        self._scaler = VideoReformatter()
        self._filter = Interpolation.BILINEAR | Interpolation.ACCURATE_RND | Interpolation.FULL_CHR_H_INT

    def convert(self, picture: VideoFrame) -> Image:
        """A picture of its own: it may be kept."""
        import cv2

        tags = picture.colorspace, picture.color_range
        if picture.format.name == "yuv420p" and tags == (BT601, LIMITED_RANGE):
            return np.asarray(cv2.cvtColor(picture.to_ndarray(), cv2.COLOR_YUV2BGR_I420))
        bgr = self._scaler.reformat(picture, format="bgr24", interpolation=self._filter, threads=1)
        plane = bgr.planes[0]
        rows = np.frombuffer(memoryview(plane), np.uint8).reshape(bgr.height, plane.line_size)
        return rows[:, : bgr.width * 3].reshape(bgr.height, bgr.width, 3).copy()
