"""Where the transforms of blocks begin: the principal components of the pictures that the neural coder learns from."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F

from models.codec_network import COARSE, FINE, Blocks, CodecNetwork


@torch.no_grad()
def begin(network: CodecNetwork, rests: Tensor) -> None:
    """Set both transforms by what predictions leave, [N, 3, S, S]: the fine one by what the coarse one cannot say."""
    _set(network.coarse, rests, COARSE)
    left = rests - network.coarse.synthesise(network.coarse.analyse(rests))
    _set(network.fine, left, FINE)


def _set(blocks: Blocks, rests: Tensor, numbers: int) -> None:
    side = blocks.side
    wide = F.pixel_unshuffle(rests, side).permute(0, 2, 3, 1).reshape(-1, 3 * side * side).double()
    _, vectors = torch.linalg.eigh(wide.T @ wide / len(wide))
    basis = vectors.flip(1)[:, :numbers].T.float().reshape(numbers, 3, side, side)
    blocks.there.copy_(basis)
    blocks.back.copy_(basis)
