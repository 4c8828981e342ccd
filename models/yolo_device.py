"""OnDevice: a picture to the GPU, a label map and a table of rows back, and nothing in between that waits.

All between is recorded once for each size of picture (`models.engines.replay`) and started by one call. Whatever does
not fit its fixed shapes is left to the way over the processor: nothing is dropped.
"""

from __future__ import annotations

import ctypes
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import Any, NamedTuple, Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from models.base import Image, Instances
from models.engines.replay import Replays
from models.letterbox import Letterbox
from models.suppress import MAX_FOUND
from models.yolo_dense import Dense
from models.yolo_device_boxes import thin_out
from models.yolo_device_canvas import DeviceCanvas
from models.yolo_device_masks import Painter, grown

FEW = 64  # rows for which masks are made; where more are found, once more for MAX_FOUND, as every mask costs
MOST = 255  # rows that a label map can tell apart
COLUMNS = 6  # of the table: box, score, class

Network = Callable[[Tensor], tuple[Tensor, ...]]


class Densely(Protocol):
    """What a family of YOLO gives beside `candidates`."""

    names: tuple[str, ...]

    def dense(self, canvas: tuple[int, int], place: torch.device) -> Dense:
        """The same for a canvas of that height and width, in shapes that never change."""
        ...


class Wish(NamedTuple):
    """What to look for; changes from picture to picture without a new recording. Rows scored at least `sure` keep all
    of their own pixels."""

    wanted: Sequence[int]
    confidence: float
    iou: float
    sure: float


class OnDevice:
    """One network on one device."""

    def __init__(self, network: Network, family: Densely, place: torch.device, *, size: int, contour: float) -> None:
        """`network` takes uint8 [1, h, w, 3] BGR on `place`; `size`, `contour`: see `models.yolo.YoloSegmenter`."""
        self._network, self._family, self._place = network, family, place
        self._size, self._contour = size, contour
        self._most = FEW
        self._made: tuple[int, ...] = ()
        self._scenes: dict[int, _Scene] = {}
        pinned = place.type == "cuda"
        self._wish = torch.zeros(len(family.names) + 3, pin_memory=pinned)
        self._settings = torch.zeros(len(family.names) + 3, device=place)
        cuda: Any = torch.cuda  # much of it untyped
        self._stream = cuda.Stream(place) if pinned else None
        self._done = cuda.Event() if pinned else None

    @torch.inference_mode()
    def label(self, image: Image, out: Image, wish: Wish, grow: int) -> Instances | None:
        """See `models.base.Labelling.label`. A new size of picture, or a new `grow`, is recorded first: that
        takes a second."""
        self._set(wish)
        self._prepare(image.shape[0], image.shape[1], grow)
        answer = self._scenes[self._most].answer(image)
        if answer.found > self._most:
            answer = self._scenes[MAX_FOUND].answer(image)
        self._most = FEW if answer.found <= FEW else MAX_FOUND
        if answer.broken:
            raise FloatingPointError("the segmentation network's output is not finite")
        if not answer.settled:
            return None
        np.copyto(out, answer.labels)
        table = answer.table.copy()  # its memory is the next picture's
        return Instances(table[:, :4], table[:, 4], table[:, 5].astype(np.int64), ())

    def _set(self, wish: Wish) -> None:
        values = self._wish.numpy()
        values[:-3] = 0
        values[list(wish.wanted)] = 1
        values[-3:] = wish.confidence, wish.iou, wish.sure

    def _prepare(self, height: int, width: int, grow: int) -> None:
        if (height, width, grow) == self._made:
            return
        self._made, self._scenes, self._most = (), {}, FEW
        fit = Letterbox.fit(height, width, self._size)
        dense = self._family.dense((fit.out_height, fit.out_width), self._place)
        canvas, painter = DeviceCanvas(fit, self._place), Painter(fit, self._contour, self._place)
        self._scenes = {
            most: _Scene(_Steps(self._network, dense, canvas, painter, self._settings, most, grow), self._wish,
                         (height, width), self._stream, self._done)
            for most in (FEW, MAX_FOUND)
        }  # fmt: skip
        if self._stream is not None:
            grey = np.full((height, width, 3), 127, np.uint8)
            for scene in self._scenes.values():
                scene.answer(grey)
        self._made = height, width, grow


class _Steps:
    """All from the picture to the answer, on the device: no shape, and no step, depends on what is seen."""

    def __init__(
        self, network: Network, dense: Dense, canvas: DeviceCanvas, painter: Painter, settings: Tensor, most: int,
        grow: int,
    ) -> None:  # fmt: skip
        self._network, self._dense, self._canvas, self._painter = network, dense, canvas, painter
        self.settings, self.most, self._grow = settings, most, grow

    def __call__(self, image: Tensor) -> tuple[Tensor, ...]:
        """uint8 [H, W, 3] to bytes: the table float32 [1 + most, COLUMNS], its first row the counts; then the label
        map [H, W]."""
        wanted, (confidence, iou, sure) = self.settings[:-3], self.settings[-3:].unbind()
        outputs = self._network(self._canvas.draw(image))
        proposed = self._dense.propose(outputs, wanted, confidence)
        rows = thin_out(proposed, self._dense, iou, self.most)
        boxes = self._painter.undo_boxes(rows.boxes)
        row = torch.arange(len(boxes), device=boxes.device)
        ranks, shown = self._painter.paint(outputs[-1][0], rows.coefficients, boxes, row < rows.found)
        surely = ((rows.scores >= sure) & (row < rows.found)).sum()
        table = torch.cat((boxes, rows.scores[:, None], rows.classes[:, None]), 1)
        table = table.index_select(0, shown.to(torch.uint8).sort(descending=True, stable=True).indices)
        zero = torch.zeros_like(rows.found)
        counts = torch.stack((rows.found, shown.sum(), rows.settled, proposed.broken, zero, zero)).float()
        table = torch.cat((counts[None], table, table.new_zeros(self.most - len(table), COLUMNS)))
        labels = number(ranks, shown, surely, self._grow)
        return (torch.cat((table.view(torch.uint8).flatten(), labels.flatten())),)


def number(ranks: Tensor, shown: Tensor, surely: Tensor, grow: int) -> Tensor:
    """Ranks [H, W] (0: nobody, n - i: row i) to places among the rows that are `shown` [n], from 1, uint8 [H, W].

    The first `surely` [] rows keep their own pixels, everybody takes of what is free what is near."""
    place = shown.cumsum(0)
    room = place <= MOST
    ranks = torch.where(ranks > len(shown) - room.sum(), ranks, 0)  # who gets no number takes nobody's pixels
    own = ranks > len(shown) - surely
    owner = torch.where(own, ranks, grown(ranks, grow))
    place = torch.where(shown & room, place, 0).flip(0)  # rank 1 first: the last row
    return torch.cat((place.new_zeros(1), place)).to(torch.uint8).take(owner.long())


class _Answer(NamedTuple):
    """What has come back. `found` counts also what has no pixel; `table` [N, COLUMNS] and `labels` [H, W] lie in memory
    that the next picture overwrites."""

    found: int
    settled: bool
    broken: bool
    table: NDArray[np.float32]
    labels: Image


class _Scene:
    """All steps for one size of picture, recorded where the device can; one upload, one copy back."""

    def __init__(self, steps: _Steps, wish: Tensor, shape: tuple[int, int], stream: Any, done: Any) -> None:
        self._wish, self._settings, self._shape = wish, steps.settings, shape
        self._stream, self._done = stream, done
        self._compute: Network = Replays(steps, 1) if stream is not None else steps
        self._bytes = 4 * COLUMNS * (1 + steps.most)
        self._back = torch.empty(self._bytes + shape[0] * shape[1], dtype=torch.uint8, pin_memory=stream is not None)

    def answer(self, image: Image) -> _Answer:
        """Of a picture uint8 [H, W, 3] BGR; waits for it."""
        cuda: Any = torch.cuda
        on_stream: AbstractContextManager[Any] = nullcontext() if self._stream is None else cuda.stream(self._stream)
        image = np.ascontiguousarray(image)
        with on_stream:
            self._settings.copy_(self._wish, non_blocking=True)
            there = as_tensor(image).to(self._settings.device, non_blocking=True)
            (answer,) = self._compute(there)
            self._back.copy_(answer, non_blocking=True)
            if self._done is not None:
                self._done.record(self._stream)
        if self._done is not None:
            self._done.synchronize()
        return self._read()

    def _read(self) -> _Answer:
        back = self._back.numpy()
        table = back[: self._bytes].view(np.float32).reshape(-1, COLUMNS)
        found, shown, settled, broken = table[0, :4]
        rows = table[1 : 1 + min(int(shown), MOST)]
        return _Answer(int(found), bool(settled), bool(broken), rows, back[self._bytes :].reshape(self._shape))


def as_tensor(image: Image) -> Tensor:
    """The same memory, to be read only: torch knows no array that may not be written, and warns of each."""
    memory = (ctypes.c_uint8 * image.nbytes).from_address(image.ctypes.data)
    return torch.frombuffer(memory, dtype=torch.uint8).view(image.shape)
