"""The two-dimensional Fourier transform of real pictures, orthonormal, in two forms: torch's own and matrix products.

Both give a spectrum as channels: [B, 2 C, H, W // 2 + 1], of each colour the real parts, then the imaginary ones. The
matrix products run in any number format and on any engine, are quick where matrices are (AMX, tensor cores), and for
the small sides inside LaMa cost about as little as the fast algorithm.
"""

from __future__ import annotations

from functools import lru_cache
from typing import NamedTuple

import torch
from torch import Tensor

from models import waves

SIZES = 128  # whose matrices are kept: some 10 kB each


class Matrices(NamedTuple):
    """For pictures of one size: `wide` [W, 2 K] and `tall` [2 H, 2 H] transform, K = W // 2 + 1; `tall` transposed and
    `narrow` [2 K, W] transform back."""

    wide: Tensor
    tall: Tensor
    narrow: Tensor


def forth(x: Tensor) -> Tensor:
    """The spectrum [B, 2 C, H, K] of [B, C, H, W]."""
    spectrum: Tensor = torch.view_as_real(torch.fft.rfftn(x, dim=(-2, -1), norm="ortho"))
    return spectrum.permute(0, 1, 4, 2, 3).flatten(1, 2)


def back(spectrum: Tensor, height: int, width: int) -> Tensor:
    """What has that spectrum: [B, C, H, W]."""
    batch, doubled, rows, columns = spectrum.shape
    parts = spectrum.reshape(batch, doubled // 2, 2, rows, columns)
    whole = torch.complex(parts[:, :, 0], parts[:, :, 1])
    answer: Tensor = torch.fft.irfftn(whole, s=(height, width), dim=(-2, -1), norm="ortho")
    return answer


def forth_by_products(x: Tensor, by: Matrices) -> Tensor:
    """As `forth`."""
    batch, colours, height, _ = x.shape
    rows = torch.matmul(x, by.wide).reshape(batch, colours, height, 2, -1)
    stacked = rows.transpose(2, 3).reshape(batch, colours, 2 * height, -1)
    return torch.matmul(by.tall, stacked).reshape(batch, 2 * colours, height, -1)


def back_by_products(spectrum: Tensor, by: Matrices) -> Tensor:
    """As `back`."""
    batch, doubled, height, _ = spectrum.shape
    columns = torch.matmul(by.tall.T, spectrum.reshape(batch, doubled // 2, 2 * height, -1))
    rows = columns.reshape(batch, doubled // 2, 2, height, -1).transpose(2, 3)
    return torch.matmul(rows.reshape(batch, doubled // 2, height, -1), by.narrow)


def matrices(height: int, width: int, like: Tensor) -> Matrices:
    """In the format and place of `like`; kept from call to call."""
    return kept(height, width, like.dtype, like.device)


@lru_cache(SIZES)
def kept(height: int, width: int, dtype: torch.dtype, device: torch.device) -> Matrices:
    """The matrices for a size, made once."""
    with torch.inference_mode(False):  # else they would be of no use outside it
        return Matrices(*(torch.from_numpy(part).to(device, dtype) for part in waves.matrices(height, width)))
