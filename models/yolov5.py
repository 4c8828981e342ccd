"""Yolov5Segmenter: a picture in, instances out; owns the order of the steps between them."""

from __future__ import annotations

import difflib
import math
import time
from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np
import torch
from torch import Tensor

from models import weights
from models.base import Image, Instances, ModelError, ModelInfo
from models.device import Precision, choose, to_channels_last
from models.letterbox import LEAST, STEP, Letterbox
from models.masks import cut_patch
from models.nms import suppress
from models.restricted_pickle import Record, read_checkpoint
from models.yolov5_seg import STRIDES, Raw, YoloV5Seg


class Yolov5Segmenter:
    """YOLOv5-seg on one device, one picture at a time. Follows `models.base.Segmenter`."""

    def __init__(
        self,
        *,
        classes: Sequence[str],
        weights_file: str = "yolov5s-seg",
        confidence: float = 0.25,
        iou: float = 0.45,
        size: int = 640,
        device: str = "auto",
        precision: Precision = "auto",
    ) -> None:
        """`weights_file` is a name in `models.weights` or a path; `size` the network's long side, a multiple of 32.

        `precision` auto is bfloat16 where the device multiplies it much faster, else float32. Raises ModelError:
        weights missing or not of this kind, an unknown class, a bad size.
        """
        if size < LEAST or size % STEP:
            raise ModelError(f"{size = } must be a multiple of {STEP}, at least {LEAST}")
        path = weights.locate(weights_file)
        self._device, self._dtype = choose(device, precision)
        network, self.names = _load(path)
        self._wanted = [class_index(self.names, name) for name in classes]
        self._anchors = [
            each * stride for each, stride in zip(network.head.anchors.to(self._device), STRIDES, strict=True)
        ]
        self._masks, self._outputs = network.head.masks, 5 + network.head.classes
        network.fuse().to(self._device, self._dtype)
        self._network = to_channels_last(network)
        self._confidence, self._iou, self._size = confidence, iou, size
        self._fit = Letterbox.fit(size, size, size)
        self._canvas = self._fit.canvas()
        digits = str(self._dtype).removeprefix("torch.")
        self.info = ModelInfo(weights_file, str(path), weights.sha256(path), str(self._device), digits)

    @torch.inference_mode()
    def segment(self, image: Image) -> Instances:
        """`image` is uint8 [H, W, 3] BGR. Raises FloatingPointError where the network's output is not finite."""
        height, width = image.shape[:2]
        if (height, width) != (self._fit.height, self._fit.width):
            self._fit = Letterbox.fit(height, width, self._size)
            self._canvas = self._fit.canvas()
        self._fit.draw(image, self._canvas)
        return self._assemble(self._network(self._to_input(self._canvas)))

    def warm_up(self, height: int, width: int) -> float:
        """Run on grey pictures until steady; return the seconds of the slowest step after the first."""
        image = np.full((height, width, 3), 127, np.uint8)
        seconds = []
        for _ in range(3):
            started = time.perf_counter()
            self.segment(image)
            seconds.append(time.perf_counter() - started)
        return max(seconds[1:])

    def _to_input(self, canvas: Image) -> Tensor:
        """uint8 [H, W, 3] BGR to RGB 0..1 [1, 3, H, W], channels last."""
        pixels = torch.from_numpy(cv2.cvtColor(canvas, cv2.COLOR_BGR2RGB)).to(self._device)
        return pixels.to(self._dtype).div_(255).permute(2, 0, 1)[None]

    def _assemble(self, raw: Raw) -> Instances:
        if not all(bool(torch.isfinite(part.sum())) for part in (*raw.levels, raw.prototypes)):
            raise FloatingPointError("the segmentation network's output is not finite")
        found = [self._candidates(level, index) for index, level in enumerate(raw.levels)]
        rows = torch.cat(found).cpu().numpy()
        boxes, scores, classes = rows[:, :4], rows[:, 4], rows[:, 5].astype(np.int64)
        keep = suppress(boxes, scores, classes, self._iou)
        boxes = self._fit.undo_boxes(boxes[keep])
        prototypes = raw.prototypes[0].permute(1, 2, 0).float().contiguous().cpu().numpy()
        patches = (cut_patch(prototypes, row[6:], box, self._fit) for row, box in zip(rows[keep], boxes, strict=True))
        return Instances(boxes, scores[keep], classes[keep], tuple(patches))

    def _candidates(self, level: Tensor, index: int) -> Tensor:
        """Decode one stride's output [1, anchors * outputs, h, w]: rows of box (4), score, class, coefficients (32).

        Only the wanted classes compete, and only where the objectness alone passes is anything decoded.
        The formulas are YOLOv5's: xy = (2 s - 0.5 + cell) * stride, wh = (2 s) ** 2 * anchor, s the sigmoid.
        """
        _, _, height, width = level.shape
        cells = level[0].view(len(self._anchors[index]), -1, height, width)
        threshold = math.log(self._confidence / (1 - self._confidence))
        anchor, y, x = torch.nonzero(cells[:, 4] > threshold, as_tuple=True)
        logits = cells[anchor, :, y, x].float()
        s = logits[:, : self._outputs].sigmoid()
        best, which = s[:, [5 + wanted for wanted in self._wanted]].max(1)
        scores = best * s[:, 4]
        centre = (2 * s[:, :2] - 0.5 + torch.stack((x, y), 1)) * STRIDES[index]
        half = (2 * s[:, 2:4]) ** 2 * self._anchors[index][anchor] / 2
        classes = torch.tensor(self._wanted, device=level.device)[which]
        boxes = torch.cat((centre - half, centre + half), 1)
        rows = torch.cat((boxes, scores[:, None], classes[:, None], logits[:, -self._masks :]), 1)
        return rows[scores > self._confidence]


def class_index(names: Sequence[str], name: str) -> int:
    """Where `name` stands among a model's classes. Raises ModelError with the close matches."""
    if name in names:
        return list(names).index(name)
    close = difflib.get_close_matches(name, names, 3, 0.5)
    meant = f" (did you mean {' or '.join(map(repr, close))}?)" if close else ""
    raise ModelError(f"the model knows no class {name!r}{meant}")


def _load(path: Path) -> tuple[YoloV5Seg, tuple[str, ...]]:
    checkpoint = read_checkpoint(path)
    root = checkpoint.root if isinstance(checkpoint.root, dict) else {}
    module = root.get("ema") or root.get("model")
    if not isinstance(module, Record):
        raise ModelError(f"{path}: no model in this checkpoint")
    names = module.get("names")
    names = list(names.values()) if isinstance(names, dict) else names
    network = YoloV5Seg(checkpoint.state_dict(module))
    if not isinstance(names, list) or len(names) != network.head.classes:
        raise ModelError(f"{path}: {network.head.classes} classes, but the names are {names!r}")
    return network, tuple(map(str, names))
