"""Composite: lays the foreground over another background; knows no model."""

from __future__ import annotations

from typing import Annotated, ClassVar

import cv2
import numpy as np
from pydantic import AfterValidator, PrivateAttr

from pipeline.frame import Frame, FrameSpec, Image
from pipeline.stage import Transform, live
from stages.box import tight_box
from stages.matting.backgrounds import Background, make_background
from stages.matting.wording import check_wording


class Composite(Transform):
    """Writes `clean`: what is in front as it is, and behind it what `background` says."""

    reads: ClassVar[tuple[str, ...]] = ("image", "alpha", "foreground")
    writes: ClassVar[tuple[str, ...]] = ("clean",)
    stateful: ClassVar[bool] = True  # a video as a background is decoded in order

    background: Annotated[str, AfterValidator(check_wording)] = live(
        default="green",
        description="green (.47, 1, .6), blue, black, white, grey, red, magenta; #rrggbb; r,g,b; blur: the original out"
        " of focus; or the path of a picture, or of a video, which is looped",
    )
    blur: float = live(
        default=0.02, gt=0, le=0.2, description="of `background: blur`: how far, as a share of the long side"
    )

    _spec: FrameSpec = PrivateAttr()
    _behind: Background = PrivateAttr()

    def setup(self, spec: FrameSpec) -> None:
        """Open the background. Raises SetupError."""
        self._spec = spec
        self._behind = make_background(self.background, spec, self.blur)

    def changed(self, fields: frozenset[str]) -> None:
        """Raises SetupError where the new background cannot be opened; the old one is kept until it is."""
        fresh = make_background(self.background, self._spec, self.blur)
        self._behind.close()
        self._behind = fresh

    def process(self, frame: Frame) -> None:
        """Write `clean`."""
        lay(frame.foreground, frame.alpha, self._behind.behind(frame), frame.clean)

    def close(self) -> None:
        """Let go of a video."""
        if "_behind" in (self.__pydantic_private__ or {}):
            self._behind.close()


def lay(foreground: Image, alpha: Image, background: Image, out: Image) -> None:
    """Write `foreground` over `background` into `out`, all uint8 [H, W, 3], by `alpha` uint8 [H, W]."""
    np.copyto(out, background)
    box = tight_box(alpha)
    if box is None:
        return
    share = box.of(alpha).astype(np.float32) / 255
    blended = cv2.blendLinear(box.of(foreground), box.of(background), share, 1 - share)
    box.of(out)[:] = blended
