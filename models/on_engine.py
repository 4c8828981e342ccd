"""An inpainting network of our own on an engine: a picture and its hole become one canvas, and what was known stays."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor, nn

from models.base import Image
from models.device import Precision
from models.engines import Name, load_engine


class OnEngine:
    """Follows `models.network_inpainter.Runner`. Its answer lies in the engine's memory: valid until the next call."""

    def __init__(self, network: nn.Module, key: str, engine: Name, device: str, precision: Precision) -> None:
        """`network` takes [B, 4, H, W] of hole, R, G, B and gives RGB; for `key` see `load_engine`. Raises ModelError
        where no engine runs it like that."""
        self._engine = load_engine(network, engine=engine, device=device, precision=precision, key=key)
        self.name, self.device, self.note = self._engine.name, self._engine.device, self._engine.note
        self.precision, self.batches = self._engine.precision, self._engine.several

    @torch.inference_mode()
    def __call__(self, images: Image, holes: Image) -> Tensor:
        """uint8 [B, H, W, 3] BGR and [B, H, W] to float32 RGB [B, 3, H, W] on the engine's device; as it was outside
        the holes."""
        canvases = np.concatenate([images, np.where(holes[..., None] > 0, np.uint8(255), np.uint8(0))], 3)
        if self.batches:
            (invented,) = self._engine(canvases)
        elif len(canvases) == 1:
            (invented,) = self._engine(canvases[0])
        else:
            invented = torch.cat([self._engine(canvas)[0].clone() for canvas in canvases])
        known = torch.from_numpy(images).to(invented.device).flip(3).permute(0, 3, 1, 2).float().div_(255)
        hole = torch.from_numpy(holes).to(invented.device)[:, None] > 0
        return torch.where(hole, invented.float(), known)
