"""YOLOv5-seg and YOLOv7-seg: the network of a checkpoint, and what its output means."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor, nn

from models.base import ModelError
from models.finite import demand_finite
from models.restricted_pickle import Checkpoint, Record
from models.yolo_dense import Dense, DenseAnchored
from models.yolo_graph import Graph

STRIDES = (8, 16, 32)


class Anchored:
    """A family whose boxes are relative to anchors. Follows `models.yolo.Family`.

    Only the wanted classes compete for a box: a person who looks a little more like a dog is a person still.
    """

    kind = "yolo-anchored-1"

    def __init__(self, checkpoint: Checkpoint, pickled: Record) -> None:
        """Raises ModelError where plan, tensors or names do not fit."""
        graph = Graph(checkpoint, pickled)
        head = graph.head
        self.names = class_names(checkpoint, pickled, head.classes)
        self._anchors = [each * stride for each, stride in zip(head.anchors, STRIDES, strict=True)]
        self._masks = head.masks
        self.network: nn.Module = graph.fuse()

    def candidates(self, outputs: Sequence[Tensor], wanted: Sequence[int], confidence: float) -> Tensor:
        """See `models.yolo.Family`. Only where the objectness alone passes is anything decoded."""
        found = [self._passing(level, index, confidence) for index, level in enumerate(outputs[:-1])]
        logits, cell, anchors, strides = (torch.cat(part) for part in zip(*found, strict=True))
        return self._decode(logits, cell, anchors, strides, wanted).T[None]

    def dense(self, canvas: tuple[int, int], place: torch.device) -> Dense:
        """See `models.yolo.Family`."""
        return DenseAnchored(self._anchors, STRIDES, self._masks, canvas, place)

    def _passing(self, level: Tensor, index: int, confidence: float) -> tuple[Tensor, ...]:
        """Of one stride's output [1, anchors * outputs, h, w] the rows of logits that pass; for each its cell x y, the
        sides of its anchor and its stride, in pixels."""
        _, _, height, width = level.shape
        anchors = self._anchors[index]
        cells = level[0].view(len(anchors), -1, height, width)
        demand_finite(cells[:, 4])
        least = math.log(confidence / (1 - confidence))
        if level.device.type == "cpu" and level.dtype == torch.float32:  # torch's threads take longer to be woken
            found = np.nonzero(cells[:, 4].numpy() > least)
            anchor, y, x = map(torch.from_numpy, found)
            logits = torch.from_numpy(cells.numpy()[found[0], :, found[1], found[2]])
        else:
            anchor, y, x = torch.nonzero(cells[:, 4] > least, as_tuple=True)
            logits = cells[anchor, :, y, x].float().cpu()
        demand_finite(logits)
        where = torch.stack((anchor, x, y), 1).cpu()
        return logits, where[:, 1:], anchors[where[:, 0]], torch.full((len(logits), 1), float(STRIDES[index]))

    def _decode(self, logits: Tensor, cell: Tensor, anchors: Tensor, strides: Tensor, wanted: Sequence[int]) -> Tensor:
        """Logits [N, outputs] to rows of x y w h, class scores, coefficients.

        The formulas are YOLOv5's: xy = (2 s - 0.5 + cell) * stride, wh = (2 s) ** 2 * anchor, s the sigmoid.
        """
        s = logits[:, : -self._masks].sigmoid()
        centre = (2 * s[:, :2] - 0.5 + cell) * strides
        sides = (2 * s[:, 2:4]) ** 2 * anchors
        columns = [5 + one for one in wanted]
        scores = torch.zeros(len(s), len(self.names))
        scores[:, wanted] = s[:, columns] * s[:, 4:5]
        return torch.cat((centre, sides, scores, logits[:, -self._masks :]), 1)


def class_names(checkpoint: Checkpoint, pickled: Record, classes: int) -> tuple[str, ...]:
    """The names that a checkpoint gives its classes. Raises ModelError where they are not that many."""
    names = pickled.get("names")
    names = [names[key] for key in sorted(names)] if isinstance(names, dict) else names
    if not isinstance(names, list) or len(names) != classes:
        raise ModelError(f"{checkpoint.path}: {classes} classes, but the names are {names!r}")
    return tuple(map(str, names))
