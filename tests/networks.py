"""Networks to try engines on, canvases to feed them with, and what plain torch makes of those."""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
import torch
from torch import Tensor, nn

from models import weights
from models.base import Image
from models.engines import Name
from models.yolo import read_family

ENGINES: tuple[Name, ...] = ("torch", "openvino", "onnxruntime")


class Toy(nn.Module):
    """Gives the mean of each colour, a convolution, and a picture stretched to 0..1, which a flat one cannot be."""

    def __init__(self, seed: int = 0) -> None:
        super().__init__()
        torch.manual_seed(seed)
        self.conv = nn.Conv2d(3, 8, 8, 8).requires_grad_(False)
        self.eval()

    def forward(self, x: Tensor) -> tuple[Tensor, ...]:
        low, high = x.amin((1, 2, 3), keepdim=True), x.amax((1, 2, 3), keepdim=True)
        return x.mean((2, 3)), self.conv(x), (x - low) / (high - low)


class Choosy(Toy):
    """Looks at the values before it decides what to do: no graph says that."""

    def forward(self, x: Tensor) -> tuple[Tensor, ...]:
        return super().forward(x) if float(x.sum()) > 1 else (x,)


class Busy(nn.Sequential):
    """Computes long enough for its threads to be counted, and is converted at once."""

    def __init__(self) -> None:
        torch.manual_seed(0)
        super().__init__(*(nn.Conv2d(inputs, 64, 3, padding=1) for inputs in (3, 64, 64)))
        self.eval().requires_grad_(False)

    def forward(self, x: Tensor) -> tuple[Tensor, ...]:
        return (super().forward(x),)


def real_network() -> nn.Module:
    return read_family(weights.locate("yolov5s-seg")).network


def noise(height: int, width: int, seed: int = 1) -> Image:
    return np.random.default_rng(seed).integers(0, 256, (height, width, 3), np.uint8)


def plain(network: nn.Module, canvas: Image) -> list[Tensor]:
    """What torch says in float32, without any engine."""
    pixels = torch.from_numpy(cv2.cvtColor(canvas, cv2.COLOR_BGR2RGB)).permute(2, 0, 1)[None].float() / 255
    with torch.inference_mode():
        return list(network(pixels))


def worst(answers: tuple[Tensor, ...], wanted: list[Tensor]) -> float:
    """The largest difference, as a share of the largest value of its output."""
    assert [part.shape for part in answers] == [part.shape for part in wanted]
    pairs = zip(answers, wanted, strict=True)
    return max(float((answer.float() - right).abs().max() / right.abs().max()) for answer, right in pairs)


class Drawn(Toy):
    """Brings its own drawing for OpenVINO, of another network."""

    drawing = "tests.networks:mistaken"
    channels = 4

    def forward(self, x: Tensor) -> tuple[Tensor, ...]:
        return (x[:, :3],)


def mistaken(network: nn.Module, height: int, width: int) -> Any:
    """A drawing that gives half of every value."""
    import openvino
    from openvino import opset13 as ops

    canvas = ops.parameter([1, height, width, 4], np.uint8)
    planes = ops.transpose(ops.convert(canvas, "f32"), [0, 3, 1, 2])
    reverse = ops.gather(planes, np.array([3, 2, 1]), np.int64(1))
    return openvino.Model([ops.divide(reverse, np.float32(510))], [canvas], "mistaken")
