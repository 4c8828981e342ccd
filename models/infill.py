"""Infill: our own inpainter, small enough to come with the package; what it has learned from stands in docs/infill."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from models import weights
from models.base import ModelError, ModelInfo
from models.canvas import FIXED
from models.gpu import seen
from models.infill_plan import SHAPES, Weights
from models.network_inpainter import NetworkInpainter, Runner
from models.tensors import read

if TYPE_CHECKING:
    from models.device import Precision

PIXEL_S = 1.5e-6  # seconds that a pixel takes, until it has been measured


class Infill(NetworkInpainter):
    """Continues what surrounds a hole. On a processor by OpenVINO, where no torch is loaded; else by torch."""

    def __init__(
        self,
        weights_file: str | None = None,
        *,
        engine: str = "auto",
        device: str = "auto",
        precision: Precision = "auto",
    ) -> None:
        """`weights_file`: safetensors of a training of one's own (`models.train_infill`) instead of the shipped ones.
        `engine`: auto, openvino or torch; `precision`: auto, float32 or bfloat16.

        Raises ModelError where there is no file, it holds something else, or it does not run like that."""
        path = weights.locate(weights_file or "infill")
        checksum = weights.sha256(path)
        runner = _runner(load(path), f"infill-{checksum}", engine, device, precision)
        ran = runner.device, runner.precision, runner.name, runner.note
        super().__init__(runner, FIXED, ModelInfo("infill", str(path), checksum, *ran), PIXEL_S)


def load(path: Path) -> Weights:
    """A file's weights by their names in `models.infill_network`, float32. Raises ModelError."""
    found = {name: array.astype(np.float32) for name, array in read(path).items()}
    for name, shape in SHAPES.items():
        if name not in found or found[name].shape != shape:
            raise ModelError(f"{path}: not the weights of infill: no {name!r} of shape {shape}")
    if not all(np.isfinite(array).all() for array in found.values()):
        raise ModelError(f"{path}: some weights are not finite")
    return {name: found[name] for name in SHAPES}


def _runner(weights: Weights, key: str, engine: str, device: str, precision: Precision) -> Runner:
    if precision not in ("auto", "float32", "bfloat16"):
        raise ModelError(f"infill: {precision = }; next: auto, bfloat16 or float32")
    if engine not in ("auto", "openvino", "torch"):
        raise ModelError(f"infill: {engine = } does not run it; next: engine auto, openvino or torch")
    there = find_spec("openvino") is not None
    on_processor = device == "cpu" or (device == "auto" and not seen())
    if engine == "torch" or (engine == "auto" and not (there and on_processor)):
        from models.infill_torch import on_torch

        return on_torch(weights, key, device, precision)
    if not there:
        raise ModelError("engine openvino: openvino not installed; next: pip install 'cleanplate[openvino]'")
    if device not in ("auto", "cpu"):
        raise ModelError(f"engine openvino runs on the processor, not on {device = }; next: engine torch")
    from models.infill_drawn import Drawn

    return Drawn(weights, precision)
