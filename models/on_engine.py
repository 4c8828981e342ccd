"""An inpainting network of our own on an engine: a picture and its hole become one canvas, and what was known stays."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from models.answers import pictures, short_of_memory
from models.base import Image
from models.canvas import canvases_of
from models.device import Precision
from models.engines import Name, load_engine


class OnEngine:
    """Follows `models.network_inpainter.Runner`."""

    def __init__(self, network: nn.Module, key: str, engine: Name, device: str, precision: Precision) -> None:
        """`network` takes [B, 4, H, W] of hole, R, G, B and gives RGB; for `key` see `load_engine`. Raises ModelError
        where no engine runs it like that."""
        self._engine = load_engine(network, engine=engine, device=device, precision=precision, key=key)
        self.name, self.device, self.note = self._engine.name, self._engine.device, self._engine.note
        self.precision, self.batches = self._engine.precision, self._engine.several

    @torch.inference_mode()
    def __call__(self, images: Image, holes: Image) -> list[Image | None]:
        """As it was outside the holes."""
        canvases = canvases_of(images, holes)
        with short_of_memory():
            if self.batches:
                return self._filled(self._engine(canvases)[0], images, holes)
            # One after the other: an answer lies in the engine's memory, which the next overwrites.
            parts = (slice(at, at + 1) for at in range(len(images)))
            return [self._filled(self._engine(canvases[part][0])[0], images[part], holes[part])[0] for part in parts]

    def _filled(self, invented: Tensor, images: Image, holes: Image) -> list[Image | None]:
        known = torch.from_numpy(images).to(invented.device).flip(3).permute(0, 3, 1, 2).float().div_(255)
        hole = torch.from_numpy(holes).to(invented.device)[:, None] > 0
        return pictures(torch.where(hole, invented.float(), known))
