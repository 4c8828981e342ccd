"""The only import of `openvino`, and what it is told of a processor."""

from __future__ import annotations

import sys
from typing import Any

# Importing openvino reports to Google Analytics where this package is found and nobody has declined before. Its own
# way out (`opt_in_out --opt_out`) sends that as an event and writes to the home folder; without the package openvino
# puts an empty stand-in there itself.
sys.modules.setdefault("openvino_telemetry", None)  # type: ignore[arg-type]

import openvino  # noqa: E402
from openvino import opset13 as ops  # noqa: E402

__all__ = ["openvino", "ops", "options"]


def options(*, short: bool, threads: int) -> dict[str, Any]:
    """How a network is compiled for the processor: for one picture at a time, in bfloat16 (`short`) or in float32."""
    return {
        "PERFORMANCE_HINT": "LATENCY",
        "INFERENCE_NUM_THREADS": threads,
        "INFERENCE_PRECISION_HINT": openvino.Type.bf16 if short else openvino.Type.f32,
        "ENABLE_CPU_PINNING": False,  # every worker would tie its threads to the same cores
    }
