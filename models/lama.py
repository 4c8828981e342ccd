"""LaMa (Suvorov et al., WACV 2022): invents texture in large holes; runs the TorchScript that simple-lama loads."""

from __future__ import annotations

import os
import time
import warnings
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch
from torch import Tensor

from models import weights
from models.base import Image, ModelError, ModelInfo
from models.device import choose

STEP = 8  # the network's three downsamplings
MAX_PIXELS = 512 * 512  # of a crop; a larger one is worked on at the scale at which it has that many (440 GFLOP)


class Lama:
    """Calls the network on tensors itself: `SimpleLama` pads and forgets to cut. Follows `models.base.Inpainter`."""

    def __init__(self, weights_file: str | None = None, device: str = "auto") -> None:
        """`weights_file` is a path to a TorchScript `(image, mask) -> image`: code that its owner chose to run.

        Without it LAMA_MODEL, then the cache folder. Raises ModelError where there is none or it does not load.
        """
        path = weights.locate(weights_file or "big-lama")
        self._device, _ = choose(device, "float32")
        self._model = _load(path, self._device)
        self.info = ModelInfo("big-lama", str(path), weights.sha256(path), str(self._device))

    def inpaint(self, image: Image, hole: Image) -> Image:
        """`image` uint8 [h, w, 3] BGR, `hole` uint8 [h, w] (255: fill); a new picture of exactly that size."""
        height, width = hole.shape
        ratio = (MAX_PIXELS / (height * width)) ** 0.5
        if ratio >= 1:
            return self._run(image, hole)
        small = max(1, int(width * ratio)), max(1, int(height * ratio))
        # A reduced pixel that holds any of the hole is hole: nothing of what is to go may bleed out of it.
        hidden = cv2.compare(cv2.resize(hole, small, interpolation=cv2.INTER_AREA), 0, cv2.CMP_GT)
        result = self._run(cv2.resize(image, small, interpolation=cv2.INTER_AREA), hidden)
        return cv2.resize(result, (width, height), interpolation=cv2.INTER_CUBIC)  # type: ignore[no-any-return]

    def warm_up(self) -> float:
        """Run on a small crop, then on the largest; return the seconds of that. What comes out is not judged."""
        seconds = 0.0
        for side in (128, round(MAX_PIXELS**0.5)):
            image, hole = np.full((side, side, 3), 127, np.uint8), np.zeros((side, side), np.uint8)
            hole[side // 4 : side // 2, side // 4 : side // 2] = 255
            started = time.perf_counter()
            self._forward(image, hole)
            seconds = time.perf_counter() - started
        return seconds

    def _run(self, image: Image, hole: Image) -> Image:
        result = self._forward(image, hole)
        if not bool(torch.isfinite(result).all()):
            raise FloatingPointError("LaMa's output is not finite")
        picture = result.mul(255).round().clamp(0, 255).byte().flip(0).permute(1, 2, 0)
        filled: Image = picture.contiguous().numpy()
        return filled

    @torch.inference_mode()
    def _forward(self, image: Image, hole: Image) -> Tensor:
        """Float RGB [3, h, w] on the processor, about 0..1, cut to the crop's own size."""
        height, width = hole.shape
        pixels = torch.from_numpy(_pad(image)).to(self._device).flip(2).permute(2, 0, 1)[None].float().div_(255)
        mask = torch.from_numpy(_pad(hole)).to(self._device)[None, None].ne(0).float()
        result: Tensor = self._model(pixels, mask)[0, :, :height, :width]
        return result.float().cpu()


def _pad(picture: Image) -> Image:
    """Reflect right and bottom edges up to the next multiple of 8; the edge itself is repeated, so 1 pixel suffices."""
    height, width = picture.shape[:2]
    beyond = [(0, -height % STEP), (0, -width % STEP)] + [(0, 0)] * (picture.ndim - 2)
    return np.pad(picture, beyond, mode="symmetric")


def _load(path: Path, device: torch.device) -> Any:
    before = os.environ.get("LAMA_MODEL")
    os.environ["LAMA_MODEL"] = str(path)
    try:
        from simple_lama_inpainting import SimpleLama

        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", message=r"`torch\.jit", category=DeprecationWarning)
            return SimpleLama(device=device).model
    except (RuntimeError, OSError) as error:
        raise ModelError(f"{path} is no TorchScript file that loads: {str(error).splitlines()[0]}") from error
    finally:
        if before is None:
            del os.environ["LAMA_MODEL"]
        else:
            os.environ["LAMA_MODEL"] = before
