"""The torch engine: the network as it is, on the processor or a GPU."""

from __future__ import annotations

from typing import Any

import cv2
import torch
from torch import Tensor, nn

from models.base import Image
from models.device import Precision, choose, digits, to_channels_last
from models.engines.base import check_canvas


class TorchEngine:
    """Runs operator by operator: any size at once. Follows `models.engines.base.Engine`.

    cuDNN's autotuning stays off, torch's default: it costs many forwards for each new size.
    """

    name = "torch"

    def __init__(self, network: nn.Module, *, device: str, precision: Precision, key: str = "") -> None:
        """Raises ModelError where device and precision do not go together."""
        self._place, self._dtype = choose(device, precision)
        self._network = to_channels_last(network.to(self._place, self._dtype))
        self._staging = Staging(self._place) if self._place.type == "cuda" else None
        self.device, self.precision, self.note = str(self._place), digits(self._dtype), ""

    @torch.inference_mode()
    def __call__(self, canvas: Image) -> tuple[Tensor, ...]:
        check_canvas(canvas)
        if self._staging is None:
            pixels = torch.from_numpy(cv2.cvtColor(canvas, cv2.COLOR_BGR2RGB))
        else:
            pixels = self._staging.send(canvas).flip(2)
        outputs = self._network(pixels.to(self._dtype).div_(255).permute(2, 0, 1)[None])
        return tuple(outputs)


class Staging:
    """Page-locked memory through which a canvas reaches the GPU while the processor goes on."""

    def __init__(self, place: torch.device) -> None:
        self._place = place
        self._buffer = torch.empty(0, dtype=torch.uint8)
        event: Any = torch.cuda.Event  # untyped
        self._sent = event()

    def send(self, canvas: Image) -> Tensor:
        """The canvas on the device, uint8 [H, W, 3]; the copy may still be under way on the current stream."""
        self._sent.synchronize()  # the last canvas has left the buffer; at once where none was sent
        if self._buffer.shape != canvas.shape:
            self._buffer = torch.empty(canvas.shape, dtype=torch.uint8, pin_memory=True)
        self._buffer.numpy()[:] = canvas
        there = self._buffer.to(self._place, non_blocking=True)
        self._sent.record(torch.cuda.current_stream(self._place))
        return there
