"""A neural coder without training: transforms made of noise that is smooth, tables that expect everything alike."""

from __future__ import annotations

from functools import lru_cache

import cv2
import numpy as np
import torch
from torch.nn import functional as F

from models.base import Image, ModelInfo
from models.codec_bases import begin
from models.codec_entropy import Models, Tables
from models.codec_loading import Loaded
from models.codec_network import CodecNetwork
from models.codec_picture import table_shapes


def flat_tables() -> Tables:
    return {name: np.full(shape, 100, np.uint16) for name, shape in table_shapes().items()}


@lru_cache(1)
def network() -> CodecNetwork:
    torch.manual_seed(0)
    made = CodecNetwork().eval().requires_grad_(False)
    begin(made, F.interpolate(torch.randn(60, 3, 16, 16), scale_factor=8.0, mode="bicubic") * 20)
    return made


@lru_cache(1)
def loaded() -> Loaded:
    return Loaded(network(), Models(flat_tables()), torch.device("cpu"), 7, ModelInfo("untrained"))


def panned(count: int, height: int, width: int, seed: int = 0) -> list[Image]:
    """Pictures uint8 [H, W, 3] of one scene, each two pixels further right and one further down."""
    random = np.random.default_rng(seed)
    rough = random.integers(0, 256, (8 + height // 8, 8 + width // 8, 3)).astype(np.uint8)
    scene = cv2.resize(rough, (width + 3 * count, height + 3 * count), interpolation=cv2.INTER_CUBIC)
    return [np.ascontiguousarray(scene[k : k + height, 2 * k : 2 * k + width]) for k in range(count)]


def middle(height: int, width: int) -> Image:
    """A mask of the picture's middle."""
    mask = np.zeros((height, width), np.uint8)
    mask[height // 4 : 3 * height // 4, width // 4 : 3 * width // 4] = 255
    return mask
