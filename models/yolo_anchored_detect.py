"""YOLOv5 and YOLOv7 that find boxes without masks: the network of a checkpoint, and what its output means."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from models.base import ModelError
from models.restricted_pickle import Checkpoint, Record
from models.yolo_anchored import STRIDES, Anchored
from models.yolo_layouts import Canvas, Proposals

ANCHORED = "models.yolo.DetectionModel", "models.yolo.Model"


class AnchoredDetect(Anchored):
    """Follows `models.yolo_detector.Family`."""

    kind = "yolo-anchored-detect-1"

    def __init__(self, checkpoint: Checkpoint, pickled: Record) -> None:
        """Raises ModelError where plan, tensors or names do not fit, or there are masks."""
        super().__init__(checkpoint, pickled)
        if self._masks:
            raise ModelError(f"{checkpoint.path}: a {pickled.kind} with {self._masks} masks")

    @torch.inference_mode()
    def propose(self, outputs: Sequence[Tensor], canvas: Canvas, confidence: float) -> Proposals:
        """See `models.yolo_detector.Family`."""
        depth = 5 + len(self.names)
        wanted = [
            (1, len(anchors) * depth, canvas[0] // stride, canvas[1] // stride)
            for anchors, stride in zip(self._anchors, STRIDES, strict=True)
        ]
        if [tuple(part.shape) for part in outputs] != wanted:
            raise FloatingPointError(f"the network answers {[tuple(part.shape) for part in outputs]}, not {wanted}")
        found = [self._passing(level, index, confidence) for index, level in enumerate(outputs)]
        logits, places = (np.concatenate(part) for part in zip(*found, strict=True))
        rows = self._decode(logits, places, range(len(self.names)))
        return Proposals(rows[:, :4], rows[:, 4:], np.full((len(rows), 5, 2), np.nan, np.float32))
