"""Putting background into holes: Plate from memory, Inpainting by invention."""

from stages.inpainting.fill import Inpainting
from stages.inpainting.plate import Plate

__all__ = ["Inpainting", "Plate"]
