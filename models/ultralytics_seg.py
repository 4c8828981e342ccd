"""YOLOv8, YOLO11, YOLO26 segmentation and their like: Ultralytics' own network of a checkpoint, and what it means.

The checkpoint pickles a whole module; only plan, names, flags and tensors are taken, and a network is built anew.
"""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from copy import deepcopy
from functools import lru_cache
from textwrap import shorten
from typing import Any

import torch
from torch import Tensor, nn

from models.base import ModelError
from models.blocks import LAYERS, Segment, Segment26, SegmentationModel
from models.finite import demand_finite
from models.masks import RATIO
from models.restricted_pickle import Checkpoint, Record
from models.yolo_anchored import STRIDES, class_names
from models.yolo_dense import Dense, DenseUltralytics
from models.yolo_pickled import follow

_ACTIVATION = re.compile(r"(torch\.)?nn\.[A-Za-z0-9]+\([\d.]*\)")


class Ultralytics:
    """A family whose boxes are distances from cell centres. Follows `models.yolo.Family`.

    All classes compete for a box and the wanted are picked afterwards, as in Ultralytics' own predictor.
    """

    kind = "ultralytics-1"

    def __init__(self, checkpoint: Checkpoint, pickled: Record) -> None:
        """Raises ModelError where plan, tensors or names do not fit."""
        model, self.names = rebuilt(checkpoint, pickled, SegmentationModel, "segmentation")
        head = model.model[-1]
        if not isinstance(head, Segment):
            raise ModelError(f"{checkpoint.path}: the last layer is {type(head).__name__}, which finds no masks")
        self._bins = int(head.reg_max)
        model.model[-1] = Undecoded(head)
        self.network: nn.Module = model

    def candidates(self, outputs: Sequence[Tensor], wanted: Sequence[int], confidence: float) -> Tensor:
        """See `models.yolo.Family`. Only the boxes of which some class passes are decoded."""
        boxes, scores, coefficients, prototypes = (part[0] for part in outputs)
        demand_finite(scores)
        best = scores.amax(0)
        passing = torch.nonzero(best > math.log(confidence / (1 - confidence)))[:, 0]
        boxes, scores, coefficients = (part[:, passing].float().cpu() for part in (boxes, scores, coefficients))
        demand_finite(torch.cat((boxes, coefficients)))
        centres, strides = (part[passing.cpu()].T for part in cells(*prototypes.shape[1:]))
        low, high = (corners(boxes, centres, self._bins) * strides).chunk(2)
        return torch.cat(((low + high) / 2, high - low, scores.sigmoid(), coefficients))[None]

    def dense(self, canvas: tuple[int, int], place: torch.device) -> Dense:
        """See `models.yolo.Family`."""
        return DenseUltralytics(*cells(canvas[0] // RATIO, canvas[1] // RATIO), self._bins, place)


def rebuilt(checkpoint: Checkpoint, pickled: Record, kind: Any, word: str) -> tuple[Any, tuple[str, ...]]:
    """The network of a checkpoint, built anew as one of `kind`, fit to run, and the names of its classes. Raises
    ModelError where plan, tensors, names or strides do not fit."""
    plan = safe_plan(checkpoint, pickled.get("yaml"))
    names = class_names(checkpoint, pickled, plan.get("nc", 0))
    try:
        model = kind(plan, ch=plan.get("channels", 3), verbose=False)
        follow(model, pickled)
        model.load_state_dict({name: value.float() for name, value in checkpoint.state_dict(pickled).items()})
    except (ArithmeticError, AssertionError, AttributeError, LookupError, RuntimeError, TypeError, ValueError) as e:
        raise ModelError(f"{checkpoint.path}: no {word} network of Ultralytics: {shorten(str(e), 300)}") from e
    head = model.model[-1]
    if tuple(head.stride.tolist()) != STRIDES:
        raise ModelError(f"{checkpoint.path}: the last layer is {type(head).__name__} of strides {head.stride}")
    model.eval().requires_grad_(False).fuse(verbose=False)
    return model, names


def corners(distances: Tensor, centres: Tensor, bins: int) -> Tensor:
    """Distances [4 * bins, N] of left, top, right, bottom from `centres` [2, N] to x0 y0 x1 y1 [4, N].

    With several bins each distance is the mean of a distribution (Li et al., Generalized Focal Loss, 2020).
    """
    if bins > 1:
        spread = distances.view(4, bins, -1).softmax(1)
        distances = (spread * torch.arange(bins)[:, None]).sum(1)
    return torch.cat((centres - distances[:2], centres + distances[2:]))


@lru_cache(8)
def cells(height: int, width: int) -> tuple[Tensor, Tensor]:
    """The centres [N, 2] (x y, in cells) and strides [N, 1] of all cells of a canvas of [4 * height, 4 * width]."""
    centres, strides = [], []
    for stride in STRIDES:
        y, x = torch.meshgrid(
            torch.arange(4 * height // stride) + 0.5, torch.arange(4 * width // stride) + 0.5, indexing="ij"
        )
        centres.append(torch.stack((x, y), -1).view(-1, 2))
        strides.append(torch.full((x.numel(), 1), float(stride)))
    return torch.cat(centres), torch.cat(strides)


class Undecoded(nn.Module):
    """Ultralytics' head up to the decoding, which half precision would round to whole pixels.

    Gives distances [B, 4 * bins, N], class logits [B, classes, N], coefficients [B, 32, N] and prototypes
    [B, 32, H / 4, W / 4]; N counts the cells of all strides. Of a network with two heads (YOLO26) the one that wants
    its boxes suppressed is used, as by Ultralytics' predictor unless told otherwise.
    """

    def __init__(self, head: Segment) -> None:
        super().__init__()
        self.head, self.i, self.f = head, head.i, head.f  # the last two tell Ultralytics' model what to feed it with

    def forward(self, features: list[Tensor]) -> tuple[Tensor, ...]:
        head = self.head
        raw = head.forward_head(features, **head.one2many)
        prototypes = head.proto(features if isinstance(head, Segment26) else features[0])
        return raw["boxes"], raw["scores"], raw["mask_coefficient"], prototypes


def safe_plan(checkpoint: Checkpoint, plan: Any) -> dict[str, Any]:
    """A copy of a checkpoint's plan, fit to be built from. Raises ModelError.

    Ultralytics evaluates the plan's activation as Python and calls whatever a row names: both are looked at first.
    """
    if not isinstance(plan, dict) or not all(isinstance(plan.get(part), list) for part in ("backbone", "head")):
        raise ModelError(f"{checkpoint.path}: the model in this checkpoint has no plan to build it from")
    activation = plan.get("activation")
    if activation and not (isinstance(activation, str) and _ACTIVATION.fullmatch(activation)):
        raise ModelError(f"{checkpoint.path}: {activation = } is no activation of torch.nn")
    for row in plan["backbone"] + plan["head"]:
        kind = row[2] if isinstance(row, list) and len(row) == 4 else None
        if not isinstance(kind, str) or not (kind in LAYERS or _is_torch_layer(kind)):
            raise ModelError(f"{checkpoint.path}: {shorten(repr(row), 100)} is no layer of a segmentation network")
    return deepcopy(plan)


def _is_torch_layer(kind: str) -> bool:
    layer = getattr(nn, kind.removeprefix("nn."), None)
    return kind.startswith("nn.") and isinstance(layer, type) and issubclass(layer, nn.Module)
