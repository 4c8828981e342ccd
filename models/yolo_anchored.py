"""YOLOv5-seg and YOLOv7-seg: the network of a checkpoint, and what its output means."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from models.base import ModelError
from models.finite import demand_finite
from models.restricted_pickle import Checkpoint, Record
from models.yolo_dense import Dense, DenseAnchored
from models.yolo_graph import Graph

STRIDES = (8, 16, 32)

Floats = NDArray[np.float32]


class Anchored:
    """A family whose boxes are relative to anchors. Follows `models.yolo.Family`.

    Only the wanted classes compete for a box: a person who looks a little more like a dog is a person still.
    """

    kind = "yolo-anchored-1"

    def __init__(self, checkpoint: Checkpoint, pickled: Record) -> None:
        """Raises ModelError where plan, tensors or names do not fit."""
        graph = Graph(checkpoint, pickled)
        head = graph.head
        if len(head.anchors) != len(STRIDES):
            raise ModelError(f"{checkpoint.path}: {len(head.anchors)} strides, but {STRIDES} are what there can be")
        self.names = class_names(checkpoint, pickled, head.classes)
        self._anchors = [(each * stride).numpy() for each, stride in zip(head.anchors, STRIDES, strict=True)]
        self._masks = head.masks
        self.network: nn.Module = graph.fuse()

    def candidates(self, outputs: Sequence[Tensor], wanted: Sequence[int], confidence: float) -> Tensor:
        """See `models.yolo.Family`. Only where the objectness alone passes is anything decoded."""
        found = [self._passing(level, index, confidence) for index, level in enumerate(outputs[:-1])]
        logits, places = (np.concatenate(part) for part in zip(*found, strict=True))
        return torch.from_numpy(self._decode(logits, places, wanted)).T[None]

    def dense(self, canvas: tuple[int, int], place: torch.device) -> Dense:
        """See `models.yolo.Family`."""
        return DenseAnchored([torch.from_numpy(each) for each in self._anchors], STRIDES, self._masks, canvas, place)

    def _passing(self, level: Tensor, index: int, confidence: float) -> tuple[Floats, Floats]:
        """Of one stride's output [1, anchors * outputs, h, w] the rows of logits that pass; for each its cell x y, the
        sides of its anchor and its stride, in pixels. In numpy where it can be: torch's threads take longer to be
        woken than this takes."""
        _, _, height, width = level.shape
        anchors = self._anchors[index]
        cells = level[0].view(len(anchors), -1, height, width)
        demand_finite(cells[:, 4])
        least = math.log(confidence / (1 - confidence))
        if level.device.type == "cpu" and level.dtype == torch.float32:
            passing = np.flatnonzero(cells[:, 4].numpy() > least)
            anchor, y, x = np.unravel_index(passing, (len(anchors), height, width))
            logits = cells.numpy()[anchor, :, y, x]
        else:
            passed = torch.nonzero(cells[:, 4] > least, as_tuple=True)
            logits = cells[passed[0], :, passed[1], passed[2]].float().cpu().numpy()
            anchor, y, x = (part.cpu().numpy() for part in passed)
        demand_finite(torch.from_numpy(logits))
        places = np.empty((len(logits), 5), np.float32)
        places[:, 0], places[:, 1], places[:, 2:4], places[:, 4] = x, y, anchors[anchor], STRIDES[index]
        return logits, places

    def _decode(self, logits: Floats, places: Floats, wanted: Sequence[int]) -> Floats:
        """Logits [N, outputs] to rows of x y w h, class scores, coefficients.

        The formulas are YOLOv5's: xy = (2 s - 0.5 + cell) * stride, wh = (2 s) ** 2 * anchor, s the sigmoid.
        """
        s = _sigmoid(logits[:, :5])
        rows = np.zeros((len(s), 4 + len(self.names) + self._masks), np.float32)
        rows[:, :2] = (2 * s[:, :2] - 0.5 + places[:, :2]) * places[:, 4:]
        rows[:, 2:4] = (2 * s[:, 2:4]) ** 2 * places[:, 2:4]
        classes = np.array(wanted, np.int64)
        rows[:, 4 + classes] = _sigmoid(logits[:, 5 + classes]) * s[:, 4:]
        if self._masks:
            rows[:, -self._masks :] = logits[:, -self._masks :]
        return rows


def _sigmoid(logits: Floats) -> Floats:
    # The bound, below which it is nothing to float32, keeps the exponential finite.
    answer: Floats = 1 / (1 + np.exp(-np.maximum(logits, np.float32(-80))))
    return answer


def class_names(checkpoint: Checkpoint, pickled: Record, classes: int) -> tuple[str, ...]:
    """The names that a checkpoint gives its classes. Raises ModelError where they are not that many."""
    names = pickled.get("names")
    names = [names[key] for key in sorted(names)] if isinstance(names, dict) else names
    if not isinstance(names, list) or len(names) != classes:
        raise ModelError(f"{checkpoint.path}: {classes} classes, but the names are {names!r}")
    return tuple(map(str, names))
