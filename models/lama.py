"""LaMa (Suvorov et al., WACV 2022): invents texture in large holes; runs the TorchScript that simple-lama loads."""

from __future__ import annotations

import os
import time
import warnings
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from models import weights
from models.base import Crop, Image, ModelError, ModelInfo
from models.canvas import FEW, MANY, MAX_PIXELS, Fit, fit_for
from models.device import Precision, choose, digits

PROBE = 64  # pixels a side of what a network is tried out on
TOLERANCE = 0.02  # of full scale: by which answers may differ with the batch or the number format


class Lama:
    """Calls the network on tensors itself: `SimpleLama` takes one picture at a time, pads it, and forgets to cut.

    Crops are worked on at fixed sizes (`models.canvas`), those of one size together. Follows
    `models.base.Inpainter`."""

    def __init__(self, weights_file: str | None = None, *, device: str = "auto", precision: Precision = "auto") -> None:
        """`weights_file` is a path to a TorchScript `(image, mask) -> image`: code that its owner chose to run.

        Without it LAMA_MODEL, then the cache folder. `precision` auto is float32: the Fourier transforms in the
        published file take nothing shorter. Raises ModelError where there is no file, it does not load, or it does not
        run like that.
        """
        path = weights.locate(weights_file or "big-lama")
        if precision == "float16":
            raise ModelError(f"lama: {precision = } is too coarse for it; next: bfloat16 or float32")
        self._device, self._format = choose(device, "float32" if precision == "auto" else precision)
        self._sizes = FEW if self._device.type == "cuda" else MANY
        self._budget = MAX_PIXELS * (4 if self._device.type == "cuda" else 1)  # of one batch
        self._model = _load(path, self._device)
        self._batches = self._probe(path)
        self.info = ModelInfo(
            "big-lama", str(path), weights.sha256(path), str(self._device), digits(self._format), "torchscript"
        )

    def window(self, height: int, width: int) -> tuple[int, int]:
        """The fixed size that a crop is padded to anyway; that of the crop where it must be reduced."""
        fit = fit_for(height, width, self._sizes)
        return (height, width) if fit.scaled else fit.size

    def inpaint(self, image: Image, hole: Image) -> Image:
        """`image` uint8 [h, w, 3] BGR, `hole` uint8 [h, w] (255: fill); a new picture of exactly that size."""
        ((_, result),) = self.inpaint_many([(image, hole)])
        if result is None:
            raise FloatingPointError("LaMa's output is not finite")
        return result

    def inpaint_many(self, crops: Sequence[Crop]) -> Iterator[tuple[int, Image | None]]:
        """Every crop's index and picture, those of one fixed size batch by batch; None where it is not finite."""
        groups: dict[tuple[int, int], list[int]] = {}
        fits = [fit_for(*hole.shape, self._sizes) for _, hole in crops]
        for at, fit in enumerate(fits):
            groups.setdefault(fit.size, []).append(at)
        for size, group in groups.items():
            done = 0
            while done < len(group):
                batch = group[done : done + self._at_once(size, len(group) - done)]
                images, holes = zip(*(fits[at].lay(*crops[at]) for at in batch), strict=True)
                for at, answer in zip(batch, self._answers(np.stack(images), np.stack(holes)), strict=True):
                    yield at, _picture(answer, fits[at])
                done += len(batch)

    def warm_up(self) -> float:
        """Run on a small crop, then on the largest, on a GPU on every size; return the seconds of the slowest last run.

        What comes out is not judged."""
        sizes = FEW if self._device.type == "cuda" else ((128, 128), (512, 512))
        return max(self._timed(size) for size in sizes)

    def _timed(self, size: tuple[int, int]) -> float:
        images, holes = _sample(1, *size)
        started = time.perf_counter()
        self._forward(images, holes).cpu()
        return time.perf_counter() - started

    def _at_once(self, size: tuple[int, int], left: int) -> int:
        """How many of that size make the next batch: a power of two, so that shapes repeat."""
        most = max(1, min(left, self._budget // (size[0] * size[1]))) if self._batches else 1
        return 1 << (most.bit_length() - 1)

    def _answers(self, images: Image, holes: Image) -> Tensor:
        """As `_forward`; where memory runs out, once more in two halves, and from then on in smaller batches."""
        try:
            return self._forward(images, holes)
        except torch.OutOfMemoryError:
            self._budget = max(1, self._budget // 2)
        torch.cuda.empty_cache()
        half = -(-len(images) // 2)
        return torch.cat(
            [self._forward(images[at : at + half], holes[at : at + half]) for at in range(0, len(images), half)]
        )

    @torch.inference_mode()
    def _forward(self, images: Image, holes: Image, dtype: torch.dtype | None = None) -> Tensor:
        """uint8 [B, H, W, 3] BGR and [B, H, W] to float32 RGB [B, 3, H, W], about 0..1, on the device."""
        dtype = dtype or self._format
        pixels = torch.from_numpy(images).to(self._device).flip(3).permute(0, 3, 1, 2).float().div_(255)
        masks = torch.from_numpy(holes).to(self._device)[:, None].ne(0).float()
        with torch.autocast(self._device.type, dtype, enabled=dtype != torch.float32):
            result: Tensor = self._model(pixels, masks)
        return result.float()

    def _probe(self, path: Path) -> bool:
        """Does the network answer to several pictures as to each alone? One may be traced for a single one."""
        images, holes = _sample(2, PROBE, PROBE)
        alone = torch.cat([self._tried(path, images[at : at + 1], holes[at : at + 1]) for at in range(2)])
        if alone.shape != (2, 3, PROBE, PROBE):
            raise ModelError(f"{path} is no inpainter: its answer to two pictures has the shape {tuple(alone.shape)}")
        try:
            together = self._forward(images, holes)
        except RuntimeError:
            return False
        return together.shape == alone.shape and _same(together, alone)

    def _tried(self, path: Path, images: Image, holes: Image) -> Tensor:
        try:
            exact = self._forward(images, holes, torch.float32)
        except RuntimeError as error:
            raise ModelError(f"{path} does not take an image and a mask: {_last_line(error)}") from error
        if self._format == torch.float32:
            return exact
        try:
            short = self._forward(images, holes)
        except RuntimeError as error:
            raise ModelError(f"{path} cannot run in bfloat16 ({_last_line(error)}); next: precision float32") from error
        if not _same(short, exact):
            raise ModelError(f"{path} gives another picture in bfloat16; next: precision float32")
        return short


def _sample(count: int, height: int, width: int) -> Crop:
    """Pictures of noise, each darker than the one before: told apart by their means as by their pixels."""
    images = np.random.default_rng(0).integers(0, 256, (count, height, width, 3), np.uint8)
    images >>= np.arange(count, dtype=np.uint8)[:, None, None, None]
    holes = np.zeros((count, height, width), np.uint8)
    holes[:, height // 4 : height // 2, width // 4 : width // 2] = 255
    return images, holes


def _same(one: Tensor, other: Tensor) -> bool:
    return torch.allclose(one, other, rtol=0, atol=TOLERANCE, equal_nan=True)


def _picture(answer: Tensor, fit: Fit) -> Image | None:
    """Float RGB [3, H, W] as uint8 BGR of the crop's own size; None where it is not finite."""
    height, width = fit.inner
    answer = answer[:, :height, :width]
    if not bool(torch.isfinite(answer).all()):
        return None
    pixels = answer.mul(255).round().clamp(0, 255).byte().flip(0).permute(1, 2, 0).cpu()
    return fit.take(pixels.contiguous().numpy())


def _last_line(error: Exception) -> str:
    """TorchScript tells the story first and the reason last."""
    return (str(error).strip().splitlines() or [type(error).__name__])[-1][:200]


def _first_sentence(error: Exception) -> str:
    """What torch adds, that the file is probably damaged, is wrong of a good file of another kind."""
    return str(error).splitlines()[0].split(". ")[0]


def _load(path: Path, device: torch.device) -> Any:
    """The network. `torch.jit.load`, by which simple-lama loads it, is deprecated since torch 2.13; what replaces it is
    the same network exported again (`torch.export.save`, with height, width and batch dynamic), which nobody has
    published yet."""
    before = os.environ.get("LAMA_MODEL")
    os.environ["LAMA_MODEL"] = str(path)
    try:
        from simple_lama_inpainting import SimpleLama

        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", message=r"`torch\.jit", category=DeprecationWarning)
            return SimpleLama(device=device).model
    except (RuntimeError, OSError) as error:
        raise ModelError(f"{path} is no TorchScript file that loads: {_first_sentence(error)}") from error
    finally:
        if before is None:
            del os.environ["LAMA_MODEL"]
        else:
            os.environ["LAMA_MODEL"] = before
