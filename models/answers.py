"""What networks that inpaint answer, as pictures; knows none of them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import Tensor

from models.base import Image


def pictures(answer: Tensor) -> list[Image | None]:
    """RGB [B, 3, H, W] of 0..1, on any device, as uint8 [H, W, 3] BGR each; None where one is not finite."""
    sane = torch.isfinite(answer).flatten(1).all(1).tolist()
    pixels = answer.nan_to_num().mul(255).round().clamp(0, 255).byte().flip(1).permute(0, 2, 3, 1).contiguous().cpu()
    return [picture if good else None for picture, good in zip(pixels.numpy(), sane, strict=True)]


@contextmanager
def short_of_memory() -> Iterator[None]:
    """A GPU that is full is told as MemoryError, with what is cached let go."""
    try:
        yield
    except torch.OutOfMemoryError as error:
        torch.cuda.empty_cache()
        raise MemoryError(str(error)) from error
