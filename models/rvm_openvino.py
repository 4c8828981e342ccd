"""A recurrent TorchScript as OpenVINO runs it: flattened to plain operations for one size, whatever its script says.

OpenVINO's own reader of TorchScript stops at loops and conditions. So the script is run once, and what it calls is
written down: at one size and one share of it these are always the same operations.
"""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.fx.experimental.proxy_tensor import make_fx

from models.base import Image, ModelError
from models.device import digits
from models.engines.base import first_line
from models.engines.openvino_engine import options
from models.quiet_openvino import openvino
from models.rvm_state import STATES, State

Answer = tuple[Image, Image, State]
"""Colours uint8 [H, W, 3] BGR, alpha uint8 [H, W], the four states."""

ALLOWED = {"float32": 2, "bfloat16": 12}  # steps of 255 that colours and alpha may be off torch's anywhere
MEAN_ALLOWED = 0.5  # the same, on average


class Flat:
    """The network at one size, after the first frame. Its states are as the network gives them."""

    def __init__(self, script: Any, states: State, height: int, width: int, ratio: float, form: torch.dtype) -> None:
        """`script`: in float32, on the processor; `states`: as it leaves them at that size. Raises ModelError where it
        does not convert, or answers otherwise than torch does."""
        self._form = digits(form)
        try:
            model = _converted(script, states, height, width, ratio)
            self._request = openvino.Core().compile_model(model, "CPU", options(form)).create_infer_request()
        except Exception as error:  # compilers' errors share no class
            raise ModelError(f"engine openvino: the network does not convert: {first_line(error)}") from error
        self._compare(script, states, height, width, ratio)

    def __call__(self, image: Image, states: State) -> Answer:
        """The states are the request's own memory: valid until the next call. Raises FloatingPointError where alpha or
        a state is not finite."""
        inputs = [np.ascontiguousarray(image)[None], *(np.ascontiguousarray(state) for state in states)]
        self._request.infer(inputs, share_inputs=True, share_outputs=True)
        colours, share, sane, *after = (output.data for output in self._request.output_tensors)
        if not sane.all():
            raise FloatingPointError("the matting network's output is not finite")
        return colours[0], share[0], tuple(after)

    def _compare(self, script: Any, states: State, height: int, width: int, ratio: float) -> None:
        """No conversion is trusted."""
        image = np.random.default_rng(0).integers(0, 256, (-(-height // 8), -(-width // 8), 3), np.uint8)
        image = image.repeat(8, 0).repeat(8, 1)[:height, :width]
        wanted = _Bytes(script, ratio)(torch.from_numpy(image[None].copy()), *map(torch.from_numpy, states))
        found = self(image, states)
        for right, answer in zip((part[0].numpy() for part in wanted[:2]), found[:2], strict=True):
            off = np.abs(right.astype(np.int16) - answer)
            if right.shape != answer.shape or off.max() > ALLOWED[self._form] or off.mean() > MEAN_ALLOWED:
                raise ModelError(f"engine openvino in {self._form}: is {off.max()} of 255 off torch's")


class _Bytes(torch.nn.Module):
    """Takes and gives bytes: what is done to them, the compiler melts into the network."""

    def __init__(self, script: Any, ratio: float) -> None:
        super().__init__()
        self._script, self._ratio = script, ratio

    def forward(self, image: Tensor, *states: Tensor) -> tuple[Tensor, ...]:
        """uint8 [1, H, W, 3] BGR and the states; colours uint8 [1, H, W, 3] BGR, alpha uint8 [1, H, W], 1 where alpha
        and the states are finite, the states."""
        red_first = (image.float() / 255)[..., [2, 1, 0]].permute(0, 3, 1, 2)
        front, share, *after = self._script(red_first, *states, self._ratio)
        # A number times 0 is 0, unless it is infinite or none at all.
        sane = torch.stack([(part.float() * 0).sum() == 0 for part in (share, *after)]).all()
        colours = (front.clamp(0, 1) * 255).round().permute(0, 2, 3, 1)[..., [2, 1, 0]].to(torch.uint8)
        alpha = (share.clamp(0, 1) * 255).round()[:, 0].to(torch.uint8)
        return colours, alpha, sane.to(torch.uint8).reshape(1), *after


@torch.no_grad()
def _converted(script: Any, states: State, height: int, width: int, ratio: float) -> Any:
    """As OpenVINO's model of fixed shapes."""
    image = torch.zeros((1, height, width, 3), dtype=torch.uint8)
    example = (image, *(torch.from_numpy(np.array(state)) for state in states))
    assert len(example) == 1 + STATES
    norms = {torch.ops.aten.native_batch_norm.default: _norm}
    flat = make_fx(_Bytes(script, ratio), decomposition_table=norms)(*example)
    for call in flat.graph.nodes:
        if call.target is torch.ops.aten._to_copy.default:  # which OpenVINO does not know
            call.target = _cast
    flat.graph.eliminate_dead_code()
    flat.recompile()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # torch's, about its own tracer
        trace: Any = torch.jit.trace
        traced = trace(flat, example, check_trace=False)
    return openvino.convert_model(traced, input=[(list(part.shape), _kind(part)) for part in example])


def _kind(part: Tensor) -> Any:
    return np.uint8 if part.dtype == torch.uint8 else np.float32


def _cast(x: Tensor, *, dtype: torch.dtype | None = None, **_: Any) -> Tensor:
    return x.clone() if dtype is None else x.to(dtype)


def _norm(
    x: Tensor, weight: Tensor | None, bias: Tensor | None, mean: Tensor, variance: Tensor, training: bool,
    momentum: float, eps: float,
) -> tuple[Tensor, Tensor, Tensor]:  # fmt: skip
    """A batch norm that has learned, as a factor and a summand."""
    if training:
        raise ValueError("the network's batch norms still learn")
    factor = (variance + eps).rsqrt() * (1 if weight is None else weight)
    summand = (0 if bias is None else bias) - mean * factor
    return x * factor.reshape(1, -1, 1, 1) + summand.reshape(1, -1, 1, 1), mean, variance
