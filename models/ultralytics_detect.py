"""YOLOv8, 10, 11, 26 that find boxes, and faces with landmarks: Ultralytics' network of a checkpoint, and its output.

As in `models.ultralytics_seg` only plan, names, flags and tensors are taken, and a network is built anew.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from models.base import ModelError
from models.blocks import Detect, DetectionModel, Pose, Pose26, PoseModel
from models.finite import demand_finite
from models.restricted_pickle import Checkpoint, Record
from models.ultralytics_seg import cells, corners, rebuilt
from models.yolo_layouts import Canvas, Proposals

KINDS = {"ultralytics.nn.tasks.DetectionModel": DetectionModel, "ultralytics.nn.tasks.PoseModel": PoseModel}
HEADS = "Detect", "v10Detect", "Pose", "Pose26"
FACE = 5  # landmarks


class UltralyticsDetect:
    """Follows `models.yolo_detector.Family`."""

    kind = "ultralytics-detect-1"

    def __init__(self, checkpoint: Checkpoint, pickled: Record) -> None:
        """Raises ModelError where plan, tensors or names do not fit, or the head finds something else."""
        model, self.names = rebuilt(checkpoint, pickled, KINDS[pickled.kind], "detection")
        head = model.model[-1]
        if (layer := type(head).__name__) not in HEADS:
            raise ModelError(f"{checkpoint.path}: the last layer is {layer}, which finds no upright boxes")
        self._bins, self._points = int(head.reg_max), None
        if isinstance(head, Pose) and head.kpt_shape[0] == FACE:
            self._points = int(head.kpt_shape[1])
            # YOLO26 counts from the cell's middle, in its sides; YOLOv8 in halves of them.
            self._reach = 1.0 if isinstance(head, Pose26) else 2.0
        model.model[-1] = Bare(head)
        self.network: nn.Module = model

    @torch.inference_mode()
    def propose(self, outputs: Sequence[Tensor], canvas: Canvas, confidence: float) -> Proposals:
        """See `models.yolo_detector.Family`."""
        boxes, scores = outputs[0][0], outputs[1][0]
        centres, strides = cells(canvas[0] // 4, canvas[1] // 4)
        if boxes.shape != (4 * self._bins, len(centres)) or scores.shape != (len(self.names), len(centres)):
            raise FloatingPointError(f"the network answers {[tuple(part.shape) for part in outputs]} to {canvas}")
        demand_finite(scores)
        passing = torch.nonzero(scores.amax(0) > math.log(confidence / (1 - confidence)))[:, 0]
        picked = [part[0][:, passing].float().cpu() for part in outputs]
        for part in picked:
            demand_finite(part)
        at, steps = centres[passing.cpu()].T, strides[passing.cpu()].T
        low, high = (corners(picked[0], at, self._bins) * steps).chunk(2)
        placed = torch.cat(((low + high) / 2, high - low)).T.numpy()
        return Proposals(placed, picked[1].sigmoid().T.numpy(), self._landmarks(picked[2:], at, steps))

    def _landmarks(self, points: list[Tensor], at: Tensor, steps: Tensor) -> NDArray[np.float32]:
        if self._points is None:
            return np.full((at.shape[1], FACE, 2), np.nan, np.float32)
        raw = points[0].view(FACE, self._points, -1)[:, :2]
        placed = (raw * self._reach + at - (self._reach - 1) / 2) * steps
        return placed.permute(2, 0, 1).numpy()


class Bare(nn.Module):
    """Ultralytics' head up to the decoding: distances [B, 4 * bins, N], class logits [B, classes, N], and of one that
    finds key points those [B, points * values, N]; N counts the cells of all strides."""

    def __init__(self, head: Detect) -> None:
        super().__init__()
        self.head, self.i, self.f = head, head.i, head.f  # the last two tell Ultralytics' model what to feed it with

    def forward(self, features: list[Tensor]) -> tuple[Tensor, ...]:
        head = self.head
        branch = head.one2many
        if branch["box_head"] is None:  # of two heads the other was taken out
            branch = head.one2one
        raw = head.forward_head(features, **branch)
        return tuple(raw[name] for name in ("boxes", "scores", "kpts") if name in raw)
