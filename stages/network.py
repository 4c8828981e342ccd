"""OnNetwork: what can be said of the network that a stage runs: its weights, what executes it, where, how precisely."""

from __future__ import annotations

from typing import ClassVar, Literal

from pydantic import Field

from pipeline.stage import Transform


class OnNetwork(Transform):
    """A transform that runs a network."""

    heavy: ClassVar[bool] = True
    deadline: ClassVar[float] = 10.0
    setup_deadline: ClassVar[float] = 240.0  # a large network is converted for its engine, once

    weights: str | None = Field(default=None, description="a weights file of one's own for that model")
    engine: Literal["auto", "torch", "openvino", "onnxruntime"] = Field(
        default="auto", description="what executes the network; auto: the fastest that is installed"
    )
    device: str = Field(default="auto", description="auto, cpu, cuda, cuda:1, ...")
    precision: Literal["auto", "float32", "bfloat16", "float16"] = Field(
        default="auto", description="auto: the faster on this machine"
    )
