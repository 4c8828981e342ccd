"""YOLOv5-seg and YOLOv7-seg: the network of a checkpoint, and what its output means."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor, nn

from models.base import ModelError
from models.restricted_pickle import Checkpoint, Record
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
        found = [self._decode(level, index, wanted, confidence) for index, level in enumerate(outputs[:-1])]
        return torch.cat(found).T[None]

    def _decode(self, level: Tensor, index: int, wanted: Sequence[int], confidence: float) -> Tensor:
        """One stride's output [1, anchors * outputs, h, w] to rows of x y w h, class scores, coefficients.

        The formulas are YOLOv5's: xy = (2 s - 0.5 + cell) * stride, wh = (2 s) ** 2 * anchor, s the sigmoid.
        """
        _, _, height, width = level.shape
        anchors = self._anchors[index]
        cells = level[0].view(len(anchors), -1, height, width)
        anchor, y, x = torch.nonzero(cells[:, 4] > math.log(confidence / (1 - confidence)), as_tuple=True)
        where = torch.stack((anchor, x, y), 1)
        logits, (anchor, cell) = cells[anchor, :, y, x].float().cpu(), where.cpu().tensor_split((1,), 1)
        s = logits[:, : -self._masks].sigmoid()
        centre = (2 * s[:, :2] - 0.5 + cell) * STRIDES[index]
        sides = (2 * s[:, 2:4]) ** 2 * anchors[anchor[:, 0]]
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
