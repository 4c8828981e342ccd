"""The ONNX Runtime engine: any size of canvas in one session; the only import of `onnxruntime`."""

from __future__ import annotations

from typing import Any

import numpy as np
import onnxruntime
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from models.base import Image, ModelError
from models.device import Precision, named
from models.engines.base import check_canvas, first_line
from models.engines.exported import exported

onnxruntime.disable_telemetry_events()
GPU = "CUDAExecutionProvider"


class OnnxEngine:
    """Runs in float32, on a GPU where its provider is installed. Follows `models.engines.base.Engine`."""

    name = "onnxruntime"
    several = False

    def __init__(self, network: nn.Module, *, device: str, precision: Precision, key: str) -> None:
        """Raises ModelError: a device or format that it lacks, a network that does not fit."""
        if precision not in ("auto", "float32"):
            raise ModelError(
                f"engine onnxruntime runs float32 only, not {precision = }; next: engine torch or openvino"
            )
        if hasattr(network, "drawing"):
            raise ModelError("engine onnxruntime: this network is not converted for it; next: engine torch or openvino")
        place = _place(device)
        content, self.note = exported(network, key)
        self._session = _started(content, place, device)
        self._input = self._session.get_inputs()[0].name
        self.device, self.precision = str(place), "float32"

    def __call__(self, canvas: Image) -> tuple[Tensor, ...]:
        """The outputs lie in the processor's memory, new for each call."""
        check_canvas(canvas)
        outputs = self._session.run(None, {self._input: np.ascontiguousarray(canvas)[None]})
        return tuple(torch.from_numpy(output) for output in outputs)


class FileOnOnnxruntime:
    """An ONNX file of somebody else's. Follows `models.engines.onnx_file.Runner`."""

    name = "onnxruntime"

    def __init__(self, content: bytes, device: str) -> None:
        """Raises ModelError: a device that it lacks, operators that it does not know."""
        place = _place(device)
        self._session = _started(content, place, device)
        self._input = self._session.get_inputs()[0].name
        self.device = str(place)

    def __call__(self, pixels: NDArray[Any]) -> list[NDArray[Any]]:
        return list(self._session.run(None, {self._input: pixels}))


def _started(content: bytes, place: torch.device, device: str) -> onnxruntime.InferenceSession:
    """Raises ModelError."""
    try:
        session = onnxruntime.InferenceSession(content, _options(), providers=_providers(place))
    except Exception as error:  # its own errors share no class
        raise ModelError(f"engine onnxruntime cannot load the network: {first_line(error)}") from error
    if place.type == "cuda" and GPU not in session.get_providers():
        raise ModelError(f"engine onnxruntime could not start on {device = }: its CUDA libraries do not load")
    return session


def _place(device: str) -> torch.device:
    there = GPU in onnxruntime.get_available_providers()
    place = named(("cuda" if there else "cpu") if device == "auto" else device)
    if place.type == "cuda" and not there:
        raise ModelError(f"engine onnxruntime: {device = }, but it only has {onnxruntime.get_available_providers()}")
    return place


def _providers(place: torch.device) -> list[str | tuple[str, dict[str, str | int]]]:
    if place.type == "cpu":
        return ["CPUExecutionProvider"]
    # An exhaustive search, its default, costs many runs at each new size.
    return [(GPU, {"device_id": place.index or 0, "cudnn_conv_algo_search": "HEURISTIC"}), "CPUExecutionProvider"]


def _options() -> onnxruntime.SessionOptions:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads, options.inter_op_num_threads = torch.get_num_threads(), 1
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_ALL
    options.log_severity_level = 3  # errors
    # Threads that spin for the next operator take the cores away from the other stages.
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    return options
