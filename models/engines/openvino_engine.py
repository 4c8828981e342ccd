"""The OpenVINO engine: the quickest on Intel's processors; the only import of `openvino`."""

from __future__ import annotations

import sys
from functools import lru_cache
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from models.base import Image, ModelError
from models.device import Precision, choose, digits
from models.engines.base import check_canvas, first_line
from models.engines.exported import exported

# Importing openvino reports to Google Analytics where this package is found and nobody has declined before. Its own
# way out (`opt_in_out --opt_out`) sends that as an event and writes to the home folder; without the package openvino
# puts an empty stand-in there itself.
sys.modules.setdefault("openvino_telemetry", None)  # type: ignore[arg-type]

import openvino  # noqa: E402

FORMATS = {"f32": "float32", "bf16": "bfloat16", "f16": "float16"}
SIZES = 4  # compiled at a time: a run has one, sometimes two; one compiles in a fraction of a second


class OpenvinoEngine:
    """Compiles the network for each size of canvas at its first call. Follows `models.engines.base.Engine`."""

    name = "openvino"

    def __init__(self, network: nn.Module, *, device: str, precision: Precision, key: str) -> None:
        """Raises ModelError: another device than the processor, a format that it lacks, a network that does not fit."""
        place, dtype = choose("cpu" if device == "auto" else device, precision)
        if place.type != "cpu":
            raise ModelError(f"engine openvino runs on the processor, not on {device = }; next: engine torch")
        content, self.note = exported(network, key)
        self._core = openvino.Core()
        try:
            self._model = self._core.read_model(content)
        except RuntimeError as error:
            raise ModelError(f"engine openvino cannot read the network: {first_line(error)}") from error
        self._options: dict[str, Any] = {
            "PERFORMANCE_HINT": "LATENCY",
            "INFERENCE_NUM_THREADS": torch.get_num_threads(),
            "INFERENCE_PRECISION_HINT": openvino.Type.bf16 if dtype == torch.bfloat16 else openvino.Type.f32,
            "ENABLE_CPU_PINNING": False,  # every worker would tie its threads to the same cores
        }
        self._request = lru_cache(SIZES)(self._compile)
        self.device, self.precision = "cpu", digits(dtype)

    def __call__(self, canvas: Image) -> tuple[Tensor, ...]:
        """The outputs lie in the engine's own memory, which the next canvas of that size overwrites."""
        request = self._request(*check_canvas(canvas))
        request.infer([np.ascontiguousarray(canvas)[None]], share_inputs=True, share_outputs=True)
        return tuple(torch.from_numpy(output.data) for output in request.output_tensors)

    def _compile(self, height: int, width: int) -> Any:
        model = self._model.clone()
        model.reshape([1, height, width, 3])
        compiled = self._core.compile_model(model, "CPU", self._options)
        self.precision = FORMATS[compiled.get_property("INFERENCE_PRECISION_HINT").get_type_name()]
        return compiled.create_infer_request()
