"""Views: what a sink shows of a frame: the result, the input, or both; knows no file and no screen."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

import numpy as np
from pydantic import Field, ValidationInfo, field_validator
from pydantic_core import PydanticCustomError

from pipeline.frame import Frame, FrameSpec, Image
from pipeline.stage import News, Sink
from stages.output.hud import PLANES, Hud, label

ViewName = Literal["result", "input", "side-by-side", "overlay", "mask", "panel", "alpha", "foreground", "cutout"]
RED = (0, 0, 255)
COLOURED = 28, 200  # the colour map's place of no mask, and how far beyond that of a mask lies: its ends are dark
EDGE = 16  # pixels around what is cut out that keep their colour: neither codecs nor scalers bleed from farther away


@dataclass(frozen=True)
class View:
    """One way to look at a frame: the planes it needs, how many pictures stand side by side and on top of each other,
    and what fills them, row by row."""

    planes: tuple[str, ...]
    columns: int
    rows: int
    # into uint8 [rows * H, columns * W, channels]; None: the plane itself
    draw: Callable[[Frame, Image], None] | None = None
    names: tuple[str, ...] = ()  # of its pictures, where there are several
    channels: int = 3  # BGR; 4: and alpha, straight

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


def _alpha(frame: Frame, out: Image) -> None:
    """The whiter, the more of the pixel is foreground."""
    import cv2

    cv2.cvtColor(frame.alpha, cv2.COLOR_GRAY2BGR, dst=out)


def _cutout(frame: Frame, out: Image) -> None:
    """The foreground's colours, not weighed by its alpha, and alpha; far from all that can be seen, nothing: it would
    cost bits, and show who looks for it what was cut away."""
    import cv2

    out[:] = 0
    x, y, width, height = cv2.boundingRect(frame.alpha)
    if width:
        part = np.s_[max(y - EDGE, 0) : y + height + EDGE, max(x - EDGE, 0) : x + width + EDGE]
        near = cv2.dilate(frame.alpha[part], np.ones((2 * EDGE + 1, 2 * EDGE + 1), np.uint8))
        cut = cv2.cvtColor(frame.foreground[part], cv2.COLOR_BGR2BGRA)
        cv2.insertChannel(frame.alpha[part], cut, 3)
        cv2.copyTo(cut, near, out[part])


def _coloured(frame: Frame, out: Image) -> None:
    """The mask, red on blue."""
    import cv2

    levels = cv2.convertScaleAbs(frame.mask, alpha=COLOURED[1] / 255, beta=COLOURED[0])
    cv2.applyColorMap(levels, cv2.COLORMAP_JET, dst=out)


def _panel(frame: Frame, out: Image) -> None:
    """Input and result, below them the overlay and the mask in colours."""
    source, result, overlay, mask = _parts(out, rows=2, columns=2)
    source[:], result[:] = frame.image, frame.clean
    _overlay(frame, overlay)
    _coloured(frame, mask)


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
    "alpha": View(("alpha",), 1, 1, _alpha),
    "foreground": View(("foreground",), 1, 1),
    "cutout": View(("foreground", "alpha"), 1, 1, _cutout, channels=4),
}


def shows_alpha(view: Any) -> bool:
    """Whether a view, by its name, has pictures with alpha."""
    return view in VIEWS and VIEWS[view].channels == 4


class Canvas:
    """Draws one view again and again; a view that is a plane as it stands is lent, not copied.

    With a `hud` it is copied: no plane is ever drawn upon; and pictures that stand together get their names."""

    def __init__(self, name: ViewName, spec: FrameSpec, *, hud: bool = False, news: Callable[[], News] = News) -> None:
        view = VIEWS[name]
        self.spec = spec.model_copy(update={"width": spec.width * view.columns, "height": spec.height * view.rows})
        self._view = view
        self._hud = Hud(news=news) if hud else None
        drawn = view.draw or self._hud
        self.channels = view.channels
        self._out = np.zeros((self.spec.height, self.spec.width, view.channels), np.uint8) if drawn else None

    def of(self, frame: Frame) -> Image:
        """uint8 [H, W, 3] BGR, or [H, W, 4] BGRA where the view has alpha, of `spec`'s size; valid until the next call,
        or as long as the frame."""
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

    holds_alpha: ClassVar[bool] = False  # whether it can show a view with alpha

    view: ViewName = Field(
        default="result",
        description="what is shown; overlay: the input, half red under the mask; cutout: the foreground with alpha",
    )
    hud: bool = Field(
        default=False,
        description="write frames/s, latency, frame number, what was dropped, objects and the level of inpainting over"
        " it, and the names of pictures that stand together",
    )

    @field_validator("view")
    @classmethod
    def _can_be_held(cls, value: ViewName) -> ViewName:
        if shows_alpha(value) and not cls.holds_alpha:
            why = "has alpha, which only files (.mov, .webm, .mkv) and png pictures hold"
            raise PydanticCustomError("alpha", "{why}", {"why": why})
        return value

    @field_validator("hud")
    @classmethod
    def _can_be_drawn(cls, value: bool, info: ValidationInfo) -> bool:
        if value and shows_alpha(info.data.get("view")):
            raise PydanticCustomError("alpha", "nothing is written over a cutout; leave it out")
        return value

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
