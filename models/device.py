"""Which device and number format a model runs on."""

from __future__ import annotations

from typing import Any, Literal, TypeVar

import torch
from torch import nn

Precision = Literal["auto", "float32", "bfloat16"]
Network = TypeVar("Network", bound=nn.Module)


def choose(device: str = "auto", precision: Precision = "auto") -> tuple[torch.device, torch.dtype]:
    """auto: the first GPU, else the processor; bfloat16 where it multiplies several times as fast, else float32."""
    if device == "auto":
        device = "cuda" if torch.cuda.is_available() else "cpu"
    if precision == "auto":
        precision = "bfloat16" if _fast_bfloat16(device) else "float32"
    return torch.device(device), torch.bfloat16 if precision == "bfloat16" else torch.float32


def to_channels_last(network: Network) -> Network:
    """Lay the weights out as the pictures lie in memory: colours of a pixel side by side."""
    convert: Any = network.to
    convert(memory_format=torch.channels_last)
    return network


def _fast_bfloat16(device: str) -> bool:
    if device.startswith("cuda"):
        return bool(torch.cuda.is_bf16_supported(including_emulation=False))
    capabilities: dict[str, Any] = getattr(
        torch.cpu, "get_capabilities", dict
    )()  # younger than the oldest torch that will do
    return bool(capabilities.get("amx_bf16", False))  # without AMX it is hardly faster
