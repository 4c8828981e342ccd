"""The OpenVINO engine: the quickest on Intel's processors."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from functools import lru_cache, partial
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from models import quiet_openvino
from models.base import Image, ModelError
from models.device import Precision, choose, digits
from models.engines.base import channels_of, check_canvas, first_line
from models.engines.exported import exported
from models.quiet_openvino import openvino

FORMATS = {"f32": "float32", "bf16": "bfloat16", "f16": "float16"}
SIZES = 4  # compiled at a time, unless the network says otherwise: a run has one, sometimes two; one compiles in a
# fraction of a second


class OpenvinoEngine:
    """Compiles the network for each size of canvas at its first call. Follows `models.engines.base.Engine`."""

    name = "openvino"
    several = False

    def __init__(self, network: nn.Module, *, device: str, precision: Precision, key: str) -> None:
        """A network with a `drawing` (`module:function` of it, height and width) is drawn by that; others are exported.

        Raises ModelError: another device than the processor, a format that it lacks, a network that does not fit."""
        place, dtype = choose("cpu" if device == "auto" else device, precision)
        if place.type != "cpu":
            raise ModelError(f"engine openvino runs on the processor, not on {device = }; next: engine torch")
        self._core, self._channels = openvino.Core(), channels_of(network)
        self._drawn, self.note = self._drawing(network, key)
        self._options = options(dtype)
        self._request = lru_cache(getattr(network, "sizes", SIZES))(self._compile)
        self.device, self.precision = "cpu", digits(dtype)

    def __call__(self, canvas: Image) -> tuple[Tensor, ...]:
        """The outputs lie in the engine's own memory, which the next canvas of that size overwrites."""
        request = self._request(*check_canvas(canvas, self._channels))
        request.infer([np.ascontiguousarray(canvas)[None]], share_inputs=True, share_outputs=True)
        return tuple(torch.from_numpy(output.data) for output in request.output_tensors)

    def _drawing(self, network: nn.Module, key: str) -> tuple[Callable[[int, int], Any], str]:
        """What makes a graph for a height and width, and why its source was not kept, else nothing."""
        if drawing := getattr(network, "drawing", ""):
            module, _, function = drawing.partition(":")
            return partial(getattr(importlib.import_module(module), function), network), ""
        content, note = exported(network, key)
        try:
            model = self._core.read_model(content)
        except RuntimeError as error:
            raise ModelError(f"engine openvino cannot read the network: {first_line(error)}") from error
        return partial(_reshaped, model), note

    def _compile(self, height: int, width: int) -> Any:
        compiled = self._core.compile_model(self._drawn(height, width), "CPU", self._options)
        self.precision = FORMATS[compiled.get_property("INFERENCE_PRECISION_HINT").get_type_name()]
        return compiled.create_infer_request()


class FileOnOpenvino:
    """An ONNX file of somebody else's. Follows `models.engines.onnx_file.Runner`."""

    name, device = "openvino", "cpu"

    def __init__(self, content: bytes, device: str) -> None:
        """Raises ModelError: another device than the processor, operators that it does not know."""
        if choose("cpu" if device == "auto" else device, "float32")[0].type != "cpu":
            raise ModelError(f"engine openvino runs on the processor, not on {device = }; next: engine onnxruntime")
        self._core = openvino.Core()
        try:
            self._model = self._core.read_model(content)
        except RuntimeError as error:
            raise ModelError(f"engine openvino cannot read the network: {first_line(error)}") from error
        self._request = lru_cache(SIZES)(self._compile)

    def __call__(self, pixels: NDArray[Any]) -> list[NDArray[Any]]:
        request = self._request(pixels.shape)
        request.infer([pixels], share_inputs=True, share_outputs=True)
        return [output.data for output in request.output_tensors]

    def _compile(self, shape: tuple[int, ...]) -> Any:
        model = self._model.clone()
        model.reshape(list(shape))
        return self._core.compile_model(model, "CPU", options(torch.float32)).create_infer_request()


def options(form: torch.dtype) -> dict[str, Any]:
    """See `models.quiet_openvino.options`; with as many threads as torch has."""
    return quiet_openvino.options(short=form == torch.bfloat16, threads=torch.get_num_threads())


def _reshaped(model: Any, height: int, width: int) -> Any:
    model = model.clone()
    model.reshape([1, height, width, 3])
    return model
