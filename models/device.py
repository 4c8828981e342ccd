"""Which device and number format a model runs on."""

from __future__ import annotations

from typing import Any, Literal, TypeVar

import torch
from torch import nn

from models.base import ModelError

Precision = Literal["auto", "float32", "bfloat16", "float16"]
Network = TypeVar("Network", bound=nn.Module)

FORMATS = {"float32": torch.float32, "bfloat16": torch.bfloat16, "float16": torch.float16}
TENSOR_CORES = 7  # major compute capability of the first GPUs that multiply float16 several times as fast


def choose(device: str = "auto", precision: Precision = "auto") -> tuple[torch.device, torch.dtype]:
    """auto: the first GPU, else the processor; the half-size format that it multiplies several times as fast, bfloat16
    before float16, else float32.

    Decided by what the hardware can do, never by timing. Raises ModelError for float16 on a processor, which emulates
    it, for a GPU that is not there, and for what is no device or format at all.
    """
    there = torch.cuda.is_available()
    place = named(("cuda" if there else "cpu") if device == "auto" else device)
    found = torch.cuda.device_count() if there else 0
    if place.type == "cuda" and (place.index or 0) >= found:
        seen = f"torch {torch.__version__} finds {found or 'no'} GPU"
        raise ModelError(f"{device = } was asked for, but {seen}; next: device cpu or auto")
    if precision == "auto":
        return place, _fast_format(place)
    if precision == "float16" and place.type == "cpu":
        raise ModelError(f"{precision = } needs a GPU, but the network runs on the processor; next: bfloat16 or auto")
    if precision not in FORMATS:
        raise ModelError(f"{precision = } is no number format; there are auto, {', '.join(FORMATS)}")
    return place, FORMATS[precision]


def digits(dtype: torch.dtype) -> str:
    """The name of a number format, as in reports: `bfloat16`."""
    return str(dtype).removeprefix("torch.")


def to_channels_last(network: Network) -> Network:
    """Lay the weights out as the pictures lie in memory: colours of a pixel side by side."""
    convert: Any = network.to
    convert(memory_format=torch.channels_last)
    return network


def named(device: str) -> torch.device:
    """The processor, or a GPU by its number. Raises ModelError for torch's others, on which nothing here was tried."""
    if device == "cpu":
        return torch.device("cpu")
    kind, colon, number = device.partition(":")
    if kind != "cuda" or bool(colon) != (number.isascii() and number.isdecimal() and len(number) < 3):
        raise ModelError(f"{device = } is none; there are auto, cpu, cuda, cuda:1, ...")
    return torch.device(device)


def _fast_format(place: torch.device) -> torch.dtype:
    if place.type == "cuda":
        if torch.cuda.is_bf16_supported(including_emulation=False):
            return torch.bfloat16
        return torch.float16 if torch.cuda.get_device_capability(place)[0] >= TENSOR_CORES else torch.float32
    return torch.bfloat16 if has_half() else torch.float32


def has_half() -> bool:
    """Whether the processor multiplies bfloat16 itself: with AMX, or at twice the rate of float32 with AVX-512."""
    found: dict[str, Any] = getattr(torch.cpu, "get_capabilities", dict)()  # younger than the oldest torch that will do
    return bool(found.get("amx_bf16") or found.get("avx512_bf16"))
