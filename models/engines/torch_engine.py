"""The torch engine: the network as it is, on the processor or a GPU."""

from __future__ import annotations

from typing import Any

import cv2
import torch
from torch import Tensor, nn

from models.base import Image
from models.device import Precision, choose, digits, to_channels_last
from models.engines.base import channels_of, check_canvas
from models.engines.replay import Replays

REPLAYED = 32  # shapes for which a GPU keeps a recording


class TorchEngine:
    """Runs operator by operator: any size at once. Follows `models.engines.base.Engine`.

    cuDNN's autotuning stays off, torch's default: it costs many forwards for each new size.
    """

    name = "torch"

    def __init__(self, network: nn.Module, *, device: str, precision: Precision, key: str = "") -> None:
        """Raises ModelError where device and precision do not go together."""
        self._place, self._dtype = choose(device, precision)
        self._network = to_channels_last(network.to(self._place, self._dtype))
        self._channels = channels_of(network)
        on_gpu = self._place.type == "cuda"
        self._staging = Staging(self._place) if on_gpu else None
        fixed = on_gpu and bool(getattr(network, "fixed", False))
        self._replays = Replays(self._compute, REPLAYED) if fixed else None
        self.several = on_gpu  # a processor is busy with one
        self.device, self.precision, self.note = str(self._place), digits(self._dtype), ""

    @torch.inference_mode()
    def __call__(self, canvas: Image) -> tuple[Tensor, ...]:
        check_canvas(canvas[0] if canvas.ndim == 4 else canvas, self._channels)
        if self._staging is not None:
            pixels = self._staging.send(canvas)
            pixels = pixels if canvas.ndim == 4 else pixels[None]
            return self._replays(pixels) if self._replays is not None else self._compute(pixels)
        if canvas.ndim == 3 and self._channels == 3:
            return self._forward(torch.from_numpy(cv2.cvtColor(canvas, cv2.COLOR_BGR2RGB))[None])
        return self._compute(torch.from_numpy(canvas if canvas.ndim == 4 else canvas[None]))

    def on_device(self, pixels: Tensor) -> tuple[Tensor, ...]:
        """The same for canvases uint8 [B, H, W, C] that lie on the engine's device: for who records it with more."""
        return self._compute(pixels)

    def _compute(self, pixels: Tensor) -> tuple[Tensor, ...]:
        """uint8 [B, H, W, C] on the device, blue first."""
        return self._forward(pixels.flip(3))

    def _forward(self, pixels: Tensor) -> tuple[Tensor, ...]:
        return tuple(self._network(pixels.to(self._dtype).div_(255).permute(0, 3, 1, 2)))


class Staging:
    """Page-locked memory through which a canvas reaches the GPU while the processor goes on."""

    def __init__(self, place: torch.device) -> None:
        self._place = place
        self._buffer = torch.empty(0, dtype=torch.uint8)
        event: Any = torch.cuda.Event  # untyped
        self._sent = event()

    def send(self, canvas: Image) -> Tensor:
        """The canvas on the device, uint8 of its shape; the copy may still be under way on the current stream."""
        self._sent.synchronize()  # the last canvas has left the buffer; at once where none was sent
        if self._buffer.shape != canvas.shape:
            self._buffer = torch.empty(canvas.shape, dtype=torch.uint8, pin_memory=True)
        self._buffer.numpy()[:] = canvas
        there = self._buffer.to(self._place, non_blocking=True)
        self._sent.record(torch.cuda.current_stream(self._place))
        return there
