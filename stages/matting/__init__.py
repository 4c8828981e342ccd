"""Matting: Matting says how much of each pixel is foreground, Composite lays it over another background."""

from stages.matting.composite import Composite
from stages.matting.stage import Matting

__all__ = ["Composite", "Matting"]
