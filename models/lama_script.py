"""Runs a TorchScript `(image, mask) -> image` of any architecture as it is, in batches where it takes them."""

from __future__ import annotations

import os
import warnings
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from models.answers import pictures, short_of_memory
from models.base import Image, ModelError
from models.canvas import sample
from models.device import Precision, choose, digits

PROBE = 64  # pixels a side of what a network is tried out on
TOLERANCE = 0.02  # of full scale: by which answers may differ with the batch or the number format


class Script:
    """`batches`: does it answer to several pictures as to each alone?"""

    name = "torchscript"

    def __init__(self, model: Any, path: Path, device: str, precision: Precision) -> None:
        """`model` lies on the device already. `precision` auto is float32: Fourier transforms take nothing shorter.

        Raises ModelError where the network does not run like that."""
        self._place, self._format = choose(device, "float32" if precision == "auto" else precision)
        self._model, self._path = model, path
        self.device, self.precision, self.note = str(self._place), digits(self._format), ""
        self.batches = self._probe()

    def __call__(self, images: Image, holes: Image) -> list[Image | None]:
        """See `models.network_inpainter.Runner`."""
        with short_of_memory():
            return pictures(self._answer(images, holes))

    @torch.inference_mode()
    def _answer(self, images: Image, holes: Image, dtype: torch.dtype | None = None) -> Tensor:
        """uint8 [B, H, W, 3] BGR and [B, H, W] to float32 RGB [B, 3, H, W], about 0..1, on the device."""
        dtype = dtype or self._format
        pixels = torch.from_numpy(images).to(self._place).flip(3).permute(0, 3, 1, 2).float().div_(255)
        masks = torch.from_numpy(holes).to(self._place)[:, None].ne(0).float()
        with torch.autocast(self._place.type, dtype, enabled=dtype != torch.float32):
            result: Tensor = self._model(pixels, masks)
        return result.float()

    def _probe(self) -> bool:
        """Does the network answer to several pictures as to each alone? One may be traced for a single one."""
        images, holes = sample(2, PROBE, PROBE)
        alone = torch.cat([self._tried(images[at : at + 1], holes[at : at + 1]) for at in range(2)])
        if alone.shape != (2, 3, PROBE, PROBE):
            raise ModelError(
                f"{self._path} is no inpainter: its answer to two pictures has the shape {tuple(alone.shape)}"
            )
        try:
            together = self._answer(images, holes)
        except RuntimeError:
            return False
        return together.shape == alone.shape and _same(together, alone)

    def _tried(self, images: Image, holes: Image) -> Tensor:
        try:
            exact = self._answer(images, holes, torch.float32)
        except RuntimeError as error:
            raise ModelError(f"{self._path} does not take an image and a mask: {_last_line(error)}") from error
        if self._format == torch.float32:
            return exact
        try:
            short = self._answer(images, holes)
        except RuntimeError as error:
            raise ModelError(
                f"{self._path} cannot run in bfloat16 ({_last_line(error)}); next: precision float32"
            ) from error
        if not _same(short, exact):
            raise ModelError(f"{self._path} gives another picture in bfloat16; next: precision float32")
        return short


def load(path: Path, device: torch.device) -> Any:
    """The network, on the device. Raises ModelError."""
    return simple_lama(path, device).model


def simple_lama(path: Path, device: torch.device) -> Any:
    """The file as simple-lama-inpainting loads it: its own object, of which `model` is the network. Raises ModelError.

    `torch.jit.load`, by which simple-lama loads it, is deprecated since torch 2.13. Of big-lama only the weights are
    wanted, and a plain file of them would do; what replaces a TorchScript of another kind is the same network exported
    again (`torch.export.save`, with height, width and batch dynamic). Nobody has published either yet."""
    before = os.environ.get("LAMA_MODEL")
    os.environ["LAMA_MODEL"] = str(path)
    try:
        from simple_lama_inpainting import SimpleLama

        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", message=r"`torch\.jit", category=DeprecationWarning)
            return SimpleLama(device=device)
    except (RuntimeError, OSError) as error:
        raise ModelError(f"{path} is no TorchScript file that loads: {_first_sentence(error)}") from error
    finally:
        if before is None:
            del os.environ["LAMA_MODEL"]
        else:
            os.environ["LAMA_MODEL"] = before


def _same(one: Tensor, other: Tensor) -> bool:
    return torch.allclose(one, other, rtol=0, atol=TOLERANCE, equal_nan=True)


def _last_line(error: Exception) -> str:
    """TorchScript tells the story first and the reason last."""
    return (str(error).strip().splitlines() or [type(error).__name__])[-1][:200]


def _first_sentence(error: Exception) -> str:
    """What torch adds, that the file is probably damaged, is wrong of a good file of another kind."""
    return str(error).splitlines()[0].split(". ")[0]
