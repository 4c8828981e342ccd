"""Infill: our own inpainter, small enough to come with the package; what it has learned stands in docs/infill."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch

from models import weights
from models.base import ModelError, ModelInfo
from models.canvas import FIXED
from models.device import Precision
from models.engines import Name
from models.infill_network import InfillNetwork
from models.network_inpainter import NetworkInpainter
from models.on_engine import OnEngine
from models.tensors import read

PIXEL_S = 1.5e-6  # seconds that a pixel takes, until it has been measured


class Infill(NetworkInpainter):
    """Continues what surrounds a hole. Runs in torch (on a GPU as one recorded graph) and on OpenVINO."""

    def __init__(
        self,
        weights_file: str | None = None,
        *,
        engine: Name = "auto",
        device: str = "auto",
        precision: Precision = "auto",
    ) -> None:
        """`weights_file`: safetensors of a training of one's own (`models.train_infill`) instead of the shipped ones.

        Raises ModelError where there is no file, it holds something else, or it does not run like that."""
        if precision == "float16":
            raise ModelError(f"infill: {precision = } is too coarse for it; next: bfloat16 or float32")
        path = weights.locate(weights_file or "infill")
        checksum = weights.sha256(path)
        runner = OnEngine(load(path), f"infill-{checksum}", engine, device, precision)
        ran = runner.device, runner.precision, runner.name, runner.note
        super().__init__(runner, FIXED, ModelInfo("infill", str(path), checksum, *ran), PIXEL_S)


def load(path: Path) -> InfillNetwork:
    """The network with a file's weights, float32, in evaluation. Raises ModelError."""
    network = InfillNetwork().eval().requires_grad_(False)
    tensors = {name: torch.from_numpy(array.astype(np.float32)) for name, array in read(path).items()}
    try:
        network.load_state_dict(tensors)
    except RuntimeError as error:
        said = str(error).splitlines()[-1].strip()
        raise ModelError(f"{path}: not the weights of infill ({said})") from error
    if not all(bool(torch.isfinite(tensor).all()) for tensor in tensors.values()):
        raise ModelError(f"{path}: some weights are not finite")
    return network
