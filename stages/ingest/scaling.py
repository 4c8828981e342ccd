"""Scaled: a source whose pictures may be made smaller or larger as they come in; all later work is at that size."""

from __future__ import annotations

from fractions import Fraction

from pydantic import Field

from pipeline.frame import FrameSpec
from pipeline.stage import Source

Size = tuple[int, int]
SAME_SHAPE = Fraction(1, 100)  # what rounding to whole pixels may change is no other shape


class Scaled(Source):
    """Width and height are those of the picture as seen; where one is given, the other follows from its shape."""

    width: int | None = Field(default=None, ge=2, le=16384, description="pixels to which pictures are scaled")
    height: int | None = Field(default=None, ge=2, le=16384, description="the same; one of both is enough")

    def scaled_size(self, width: int, height: int) -> Size:
        """What becomes of a picture that is seen so wide and high; a side that follows is even, as encoders like it."""
        if self.width is None and self.height is None:
            return width, height
        return (
            self.width or _even(Fraction(width * (self.height or 0), height)),
            self.height or _even(Fraction(height * (self.width or 0), width)),
        )

    def scaled_spec(self, spec: FrameSpec) -> FrameSpec:
        """The spec of the scaled pictures: one that is squeezed is shown as wide as before."""
        width, height = self.scaled_size(spec.width, spec.height)
        squeezed = Fraction(spec.width * height, spec.height * width)
        aspect = spec.sample_aspect * (squeezed if abs(squeezed - 1) > SAME_SHAPE else 1)
        return spec.model_copy(update={"width": width, "height": height, "sample_aspect": aspect})


def _even(side: Fraction) -> int:
    return max(2, 2 * round(side / 2))
