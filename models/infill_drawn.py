"""Infill on OpenVINO, without torch: a worker that starts in a second and stays small."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import numpy as np

from models.base import Image
from models.canvas import FIXED, canvases_of
from models.infill_openvino import graph
from models.infill_plan import Weights
from models.quiet_openvino import openvino, options
from models.threads import threads

SHORT = "BF16"  # among what a processor is good at, where it multiplies that twice as fast as float32


class Drawn:
    """Follows `models.network_inpainter.Runner`."""

    name, device, note, batches = "openvino", "cpu", "", False

    def __init__(self, weights: Weights, precision: str) -> None:
        """`precision`: auto, float32 or bfloat16; auto: the shorter where the processor is good at it."""
        self._weights, self._core = weights, openvino.Core()
        if precision == "auto":
            precision = (
                "bfloat16" if SHORT in self._core.get_property("CPU", "OPTIMIZATION_CAPABILITIES") else "float32"
            )
        self.precision = precision
        self._request = lru_cache(len(FIXED))(self._compiled)

    def __call__(self, images: Image, holes: Image) -> list[Image | None]:
        """One after the other."""
        return [self._filled(canvas) for canvas in canvases_of(images, holes)]

    def _filled(self, canvas: Image) -> Image | None:
        request = self._request(*canvas.shape[:2])
        request.infer([canvas[None]], share_inputs=True, share_outputs=True)
        (answer,) = (output.data[0] for output in request.output_tensors)
        if not np.isfinite(answer).all():
            return None
        pixels = np.clip(np.rint(answer * 255), 0, 255).astype(np.uint8)[::-1].transpose(1, 2, 0)
        return np.where(canvas[..., 3:] > 0, pixels, canvas[..., :3])

    def _compiled(self, height: int, width: int) -> Any:
        how = options(short=self.precision == "bfloat16", threads=threads())
        return self._core.compile_model(graph(self._weights, height, width), "CPU", how).create_infer_request()
