"""How a decoded picture is turned and mirrored to stand as it is meant to be seen; the one place that applies it."""

from __future__ import annotations

import struct
from dataclasses import dataclass
from fractions import Fraction
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from pipeline.frame import Image

if TYPE_CHECKING:
    from av.video.frame import VideoFrame
    from av.video.reformatter import VideoReformatter

SLANT = 64  # a matrix that is off by less than one part in so many counts as a right angle
# Side data that FFmpeg has and PyAV 18 cannot name: LCEVC, view ids, reference displays, EXIF (AVFrameSideDataType).
NAMELESS = (28, 29, 30, 31)


@dataclass(frozen=True)
class Orientation:
    """First the rows become columns (`transposed`), then left and right change sides (`flip_x`), or top and bottom."""

    transposed: bool = False
    flip_x: bool = False
    flip_y: bool = False

    def size(self, width: int, height: int) -> tuple[int, int]:
        """Width and height as seen, of a picture coded so wide and high."""
        return (height, width) if self.transposed else (width, height)

    def apply(self, image: NDArray[Any]) -> NDArray[Any]:
        """A view of `image` [H, W, 3] as it is meant to be seen."""
        seen = image.swapaxes(0, 1) if self.transposed else image
        return seen[:: -1 if self.flip_y else 1, :: -1 if self.flip_x else 1]

    @property
    def mirrored(self) -> bool:
        return self.transposed ^ self.flip_x ^ self.flip_y

    @property
    def rotation(self) -> int:
        """Degrees counterclockwise by which it is turned, before it is mirrored left to right where it is."""
        flip_x = self.flip_x ^ self.mirrored
        if self.transposed:
            return 270 if flip_x else 90
        return 180 if flip_x else 0


def orientation_of(picture: VideoFrame) -> Orientation | None:
    """What the display matrix of a picture asks for; None for anything but right angles."""
    matrix = _display_matrix(picture)
    return Orientation() if matrix is None else from_matrix(matrix)


def from_matrix(matrix: tuple[int, ...]) -> Orientation | None:
    """Of nine numbers as in FFmpeg's display matrix: x' = a x + c y, y' = b x + d y for (a, b, _, c, d, ...)."""
    a, b, _, c, d = matrix[:5]
    straight, crossed = min(abs(a), abs(d)), min(abs(b), abs(c))
    if max(abs(b), abs(c)) * SLANT < straight:
        return Orientation(False, flip_x=a < 0, flip_y=d < 0)
    if max(abs(a), abs(d)) * SLANT < crossed:
        return Orientation(True, flip_x=c < 0, flip_y=b < 0)
    return None


def _display_matrix(picture: VideoFrame) -> tuple[int, ...] | None:
    from av.sidedata.sidedata import SideDataContainer, Type

    # Not `picture.side_data`: that ties the picture to itself, and with its pool it would stay until Python looks for
    # garbage, one at each lost connection or in a folder of photographs.
    of: Any = SideDataContainer  # the stubs do not know that it is made of a frame
    try:
        found = of(picture)
    except ValueError:  # PyAV reads all or nothing, and there is a kind that it does not know
        found = of(_without_nameless(picture))
    data = found.get(Type.DISPLAYMATRIX)
    return None if data is None or data.buffer_size < 36 else struct.unpack("=9i", bytes(data)[:36])


def _without_nameless(picture: VideoFrame) -> VideoFrame:
    """The same picture without the side data that PyAV cannot name."""
    from av.filter import Graph
    from av.video.frame import VideoFrame

    graph = Graph()
    last = graph.add_buffer(
        width=picture.width, height=picture.height, format=picture.format, time_base=picture.time_base or Fraction(1)
    )
    for kind in NAMELESS:
        step = graph.add("sidedata", f"mode=delete:type={kind}")
        last.link_to(step)
        last = step
    last.link_to(graph.add("buffersink"))
    graph.configure()
    graph.vpush(picture)
    made = graph.vpull()
    assert isinstance(made, VideoFrame)
    return made


def paint(
    picture: VideoFrame, image: Image, size: tuple[int, int], orientation: Orientation, reformatter: VideoReformatter
) -> None:
    """Write a picture as it is meant to be seen into `image`, uint8 [H, W, 3] BGR: one conversion, one copy.

    `size` is the width and height to which it is scaled before it is turned. Transparency is left out: where a picture
    has an alpha channel, the colours stand as they are stored.
    """
    width, height = size
    method = "BILINEAR" if (picture.width, picture.height) == size else "AREA"
    bgr = reformatter.reformat(picture, width=width, height=height, format="bgr24", interpolation=method, threads=1)
    plane = bgr.planes[0]
    rows = np.frombuffer(memoryview(plane), np.uint8).reshape(height, plane.line_size)
    np.copyto(image, orientation.apply(rows[:, : width * 3].reshape(height, width, 3)))
