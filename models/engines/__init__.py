"""Ways to execute a network: one protocol, and the loader that picks an engine; knows no particular network."""

from __future__ import annotations

from typing import Literal

from torch import nn

from models.device import Precision
from models.engines.base import Engine
from models.engines.pytorch import TorchEngine

Name = Literal["auto", "torch", "openvino", "onnxruntime"]

__all__ = ["Engine", "Name", "load_engine"]


def load_engine(
    network: nn.Module, *, engine: Name = "auto", device: str = "auto", precision: Precision = "auto", key: str
) -> Engine:
    """Make `network` run on the engine of that name. Raises ModelError.

    `network` is float32, in evaluation mode, its batch norms folded; takes float RGB 0..1 [B, 3, H, W] and returns a
    flat tuple of tensors. It is the engine's from then on and may be changed in place. `key` names what it computes
    (weights' checksum and whatever else shapes it): what was converted once is found again by it.
    """
    return TorchEngine(network, device=device, precision=precision)
