"""Ways to execute a network: the loader that picks an engine; knows no particular network."""

from __future__ import annotations

import importlib
from collections.abc import Sequence
from importlib.util import find_spec
from typing import Any, Literal

import numpy as np
import torch
from torch import nn

from models.base import ModelError
from models.device import Precision, choose
from models.engines.base import Engine, channels_of, first_line

Name = Literal["auto", "torch", "openvino", "onnxruntime"]

__all__ = ["Engine", "Name", "load_engine"]

ADAPTERS = {
    "torch": "models.engines.torch_engine:TorchEngine",
    "openvino": "models.engines.openvino_engine:OpenvinoEngine",
    "onnxruntime": "models.engines.onnx_engine:OnnxEngine",
}
FASTEST_FIRST = ("openvino", "onnxruntime", "torch")  # on a processor
EXTRAS = {"openvino": "openvino", "onnxruntime": "onnx"}  # the extra of this project that brings an engine

PROBE = (64, 96)  # height and width of the canvas on which an engine has to agree with torch
TOLERANCES = {"float32": 0.01, "bfloat16": 0.1, "float16": 0.1}  # of an output's largest value


def load_engine(
    network: nn.Module, *, engine: Name = "auto", device: str = "auto", precision: Precision = "auto", key: str
) -> Engine:
    """Make `network` run on the engine of that name; auto: torch on a GPU, else the fastest that is installed and can.

    `network` is float32, on the processor, in evaluation mode, its batch norms folded; takes float RGB 0..1
    [B, 3, H, W] and returns a flat tuple of tensors, as they are before anything is sorted or picked. It is the
    engine's from then on and may be changed in place. It may have these attributes: `channels` of its canvas, `drawing`
    (what draws it for OpenVINO, `module:function`; no other engine converts it then), `sizes` (how many OpenVINO
    keeps ready), `fixed` (it does the same whatever it sees: a GPU may replay it). `key` says all that shapes what it
    computes (the weights' checksum, the kind of network): a converted network is found again by it. Raises ModelError.
    """
    if engine != "auto":
        names: tuple[str, ...] = (engine,)
    elif choose(device, precision)[0].type != "cpu":
        names = ("torch",)
    else:
        names = tuple(name for name in FASTEST_FIRST if _suits(name, network))
    attempts = [(name, form) for name in names for form in _formats(name, precision)]
    notes: list[str] = []
    for name, form in attempts[:-1]:
        try:
            return _load(name, network, device, form, key, notes)
        except ModelError as error:
            notes.append(str(error))
    return _load(attempts[-1][0], network, device, attempts[-1][1], key, notes)


def _formats(name: str, precision: Precision) -> tuple[Precision, ...]:
    """A short format that is too coarse for a network is no reason to give up the engine."""
    if (name, precision) == ("openvino", "auto") and choose("cpu")[1] != torch.float32:
        return "auto", "float32"
    return (precision,)


def _suits(name: str, network: nn.Module) -> bool:
    return not missing(name) and not (name == "onnxruntime" and hasattr(network, "drawing"))


def missing(name: str) -> list[str]:
    """The packages that an engine needs and that are not installed; imports none of them."""
    needed = () if name == "torch" else (name, "onnx", "onnxscript")
    return [package for package in needed if find_spec(package) is None]


def _load(name: str, network: nn.Module, device: str, precision: Precision, key: str, notes: Sequence[str]) -> Engine:
    if name not in ADAPTERS:
        raise ModelError(f"no engine {name!r}; there are auto, {', '.join(ADAPTERS)}")
    if lacking := missing(name):
        raise ModelError(
            f"engine {name}: {', '.join(lacking)} not installed; next: pip install 'cleanplate[{EXTRAS[name]}]'"
        )
    module, _, attribute = ADAPTERS[name].partition(":")
    made: Any = getattr(importlib.import_module(module), attribute)
    engine: Engine = made(network, device=device, precision=precision, key=key)
    if name != "torch":
        _compare(engine, network)
    engine.note = "; ".join((*notes, *filter(None, [engine.note])))
    return engine


@torch.inference_mode()
def _compare(engine: Engine, network: nn.Module) -> None:
    """Raise ModelError unless the engine answers as torch does: no conversion, and nothing kept of one, is trusted."""
    canvas = np.random.default_rng(0).integers(0, 256, (*PROBE, channels_of(network)), np.uint8)
    pixels = torch.from_numpy(canvas[..., ::-1].copy()).permute(2, 0, 1)[None].float() / 255
    wanted = tuple(network(pixels))
    try:
        found = engine(canvas)
    except Exception as error:  # compilers' errors share no class
        raise ModelError(f"engine {engine.name}: the network does not run: {first_line(error)}") from error
    if [part.shape for part in wanted] != [part.shape for part in found]:
        raise ModelError(f"engine {engine.name}: gives {[tuple(part.shape) for part in found]}, torch other shapes")
    for index, (right, answer) in enumerate(zip(wanted, found, strict=True)):
        allowed = TOLERANCES[engine.precision] * float(right.nan_to_num(0, 0, 0).abs().max())
        answer = answer.to(right)
        if not torch.allclose(answer, right, rtol=0, atol=allowed, equal_nan=True):
            off = float((answer - right).abs().max())
            raise ModelError(
                f"engine {engine.name} in {engine.precision}: output {index} is {off:.3g} off torch's, "
                f"{allowed:.3g} allowed"
            )
