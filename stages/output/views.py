"""Views: what a sink shows of a frame: the result, the input, or both; knows no file and no screen."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Literal

import numpy as np
from pydantic import Field

from pipeline.frame import Frame, FrameSpec, Image
from pipeline.stage import News, Sink
from stages.output.hud import PLANES, Hud, label

ViewName = Literal["result", "input", "side-by-side", "overlay", "mask", "panel"]
RED = (0, 0, 255)


@dataclass(frozen=True)
class View:
    """One way to look at a frame: the planes it needs, how many pictures stand side by side and on top of each other,
    and what fills them, row by row."""

    planes: tuple[str, ...]
    columns: int
    rows: int
    draw: Callable[[Frame, Image], None] | None = None  # into uint8 [rows * H, columns * W, 3]; None: the plane itself
    names: tuple[str, ...] = ()  # of its pictures, where there are several

    def label(self, out: Image) -> None:
        """Write each picture's name into its lower corner; `out` may have any size."""
        if self.names:
            for part, name in zip(_parts(out, rows=self.rows, columns=self.columns), self.names, strict=True):
                label(part, name)


def _side_by_side(frame: Frame, out: Image) -> None:
    left, right = _parts(out, rows=1, columns=2)
    left[:], right[:] = frame.image, frame.clean


def _overlay(frame: Frame, out: Image) -> None:
    """The input, half red where the mask is."""
    import cv2

    np.copyto(out, frame.image)
    x, y, width, height = cv2.boundingRect(frame.mask)
    if width:
        part = np.s_[y : y + height, x : x + width]
        tinted = np.full((height, width, 3), RED, np.uint8)
        cv2.addWeighted(frame.image[part], 0.5, tinted, 0.5, 0, dst=tinted)
        cv2.copyTo(tinted, frame.mask[part], out[part])


def _mask(frame: Frame, out: Image) -> None:
    """White where something is removed."""
    import cv2

    cv2.cvtColor(frame.mask, cv2.COLOR_GRAY2BGR, dst=out)


def _panel(frame: Frame, out: Image) -> None:
    """Input and result, below them the overlay and the mask."""
    source, result, overlay, mask = _parts(out, rows=2, columns=2)
    source[:], result[:] = frame.image, frame.clean
    _overlay(frame, overlay)
    _mask(frame, mask)


def _parts(out: Image, *, rows: int, columns: int) -> list[Image]:
    height, width = out.shape[0] // rows, out.shape[1] // columns
    return [
        out[row * height : (row + 1) * height, column * width : (column + 1) * width]
        for row in range(rows)
        for column in range(columns)
    ]


VIEWS: Mapping[ViewName, View] = {
    "result": View(("clean",), 1, 1),
    "input": View(("image",), 1, 1),
    "side-by-side": View(("image", "clean"), 2, 1, _side_by_side, ("input", "result")),
    "overlay": View(("image", "mask"), 1, 1, _overlay),
    "mask": View(("mask",), 1, 1, _mask),
    "panel": View(("image", "mask", "clean"), 2, 2, _panel, ("input", "result", "overlay", "mask")),
}


class Canvas:
    """Draws one view again and again; a view that is a plane as it stands is lent, not copied.

    With a `hud` it is copied: no plane is ever drawn upon; and pictures that stand together get their names."""

    def __init__(self, name: ViewName, spec: FrameSpec, *, hud: bool = False, news: Callable[[], News] = News) -> None:
        view = VIEWS[name]
        self.spec = spec.model_copy(update={"width": spec.width * view.columns, "height": spec.height * view.rows})
        self._view = view
        self._hud = Hud(news=news) if hud else None
        drawn = view.draw or self._hud
        self._out = np.zeros((self.spec.height, self.spec.width, 3), np.uint8) if drawn else None

    def of(self, frame: Frame) -> Image:
        """uint8 [H, W, 3] BGR of `spec`'s size; valid until the next call, or as long as the frame."""
        if self._out is None:
            return frame.planes[self._view.planes[0]]
        if self._view.draw is None:
            np.copyto(self._out, frame.planes[self._view.planes[0]])
        else:
            self._view.draw(frame, self._out)
        if self._hud is not None:
            self._view.label(self._out)
            self._hud.draw(self._out, frame)
        return self._out


class Viewing(Sink):
    """A sink that can show more than the result."""

    view: ViewName = Field(default="result", description="what is shown; overlay: the input, half red under the mask")
    hud: bool = Field(
        default=False,
        description="write frames/s, latency, frame number, what was dropped, objects and the level of inpainting over"
        " it, and the names of pictures that stand together",
    )

    def canvas(self, spec: FrameSpec) -> Canvas:
        """What draws the view that is wanted, for frames as the spec says."""
        return Canvas(self.view, spec, hud=self.hud, news=lambda: self.context.news)

    @property
    def wants_news(self) -> bool:  # type: ignore[override] # what it wants to know depends on what it shows
        return self.hud

    @property
    def may_read(self) -> tuple[str, ...]:  # type: ignore[override] # what it may read depends on what it shows
        return PLANES if self.hud else ()

    @property
    def reads(self) -> tuple[str, ...]:  # type: ignore[override] # what it reads depends on what it shows
        return VIEWS[self.view].planes
