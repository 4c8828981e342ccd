"""YoloSegmenter: a picture in, instances out; owns the order of the steps between them, for every family of YOLO."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from models import engines, weights
from models.base import Image, Instances, ModelError, ModelInfo, Patch
from models.device import Precision
from models.engines.torch_engine import TorchEngine
from models.finite import demand_finite
from models.letterbox import LEAST, STEP, Letterbox
from models.masks import cut_patch
from models.restricted_pickle import Checkpoint, Record, read_checkpoint
from models.suppress import suppress
from models.ultralytics_seg import Ultralytics
from models.warming import slowest_step
from models.yolo_anchored import Anchored
from models.yolo_dense import Dense
from models.yolo_device import OnDevice, Wish


class Family(Protocol):
    """What sets one kind of YOLO apart from the others."""

    kind: str  # for the engines' caches: changes with the network's outputs
    network: nn.Module  # float RGB 0..1 [B, 3, H, W] to tensors, the last prototype masks [B, 32, H / 4, W / 4]
    names: tuple[str, ...]

    def candidates(self, outputs: Sequence[Tensor], wanted: Sequence[int], confidence: float) -> Tensor:
        """The boxes that may pass, before overlapping ones are suppressed: float32 [1, 4 + classes + 32, N] on the
        processor, of x y w h in pixels of the canvas, class scores and mask coefficients. Raises FloatingPointError
        where a value that decides what passes, or one of what does, is not finite."""
        ...

    def dense(self, canvas: tuple[int, int], place: torch.device) -> Dense:
        """The same for a canvas of that height and width, in shapes that never change."""
        ...


class YoloSegmenter:
    """One network on one engine, one picture at a time. Follows `models.base.Segmenter`."""

    def __init__(
        self,
        *,
        classes: Sequence[str],
        weights_file: str = "yolov5s-seg",
        confidence: float = 0.25,
        iou: float = 0.45,
        contour: float = 0.5,
        size: int = 640,
        engine: engines.Name = "auto",
        device: str = "auto",
        precision: Precision = "auto",
    ) -> None:
        """`weights_file` is a name in `models.weights` or a path; `size` the network's long side, a multiple of 32;
        `contour`: see `models.masks`.

        `engine`, `device`, `precision`: see `models.engines`. Raises ModelError: weights missing or not of this kind,
        an unknown class, a bad size, an engine that is not there.
        """
        if size < LEAST or size % STEP:
            raise ModelError(f"{size = } must be a multiple of {STEP}, at least {LEAST}")
        path = weights.locate(weights_file)
        self._family = read_family(path)
        self.names = self._family.names
        self.tune(classes=classes, confidence=confidence, iou=iou)
        checksum = weights.sha256(path)
        key = f"{self._family.kind}-{checksum}"
        self._engine = engines.load_engine(
            self._family.network, engine=engine, device=device, precision=precision, key=key
        )
        self._size, self._contour = size, contour
        self._fit = Letterbox.fit(size, size, size)
        self._canvas = self._fit.canvas()
        ran = self._engine.device, self._engine.precision, self._engine.name, self._engine.note
        self.info = ModelInfo(weights_file, str(path), checksum, *ran)
        self._labels = self._on_gpu()

    def tune(self, *, classes: Sequence[str], confidence: float, iou: float) -> None:
        """What to look for from the next picture on. Raises ModelError for an unknown class; then nothing changes."""
        self._wanted = [class_index(self.names, name) for name in classes]
        self._confidence, self._iou = confidence, iou

    def segment(self, image: Image) -> Instances:
        """`image` is uint8 [H, W, 3] BGR. Raises FloatingPointError where the network's output is not finite."""
        self._adapt(*image.shape[:2])
        self._fit.draw(image, self._canvas)
        return self._assemble(self._engine(self._canvas))

    @property
    def label(self) -> Callable[..., Instances | None] | None:
        """As in `models.base.Labelling` where the network runs on a GPU, else None."""
        return self._label if self._labels is not None else None

    def run_bare(self, image: Image) -> None:
        """The network alone, over what it was shown last, for a picture of that size: to compare with."""
        self._adapt(*image.shape[:2])
        self._engine(self._canvas)

    def _on_gpu(self) -> OnDevice | None:
        engine = self._engine
        if not isinstance(engine, TorchEngine) or not engine.device.startswith("cuda"):
            return None
        place = torch.device(engine.device)
        return OnDevice(engine.on_device, self._family, place, size=self._size, contour=self._contour)

    def _label(self, image: Image, out: Image, *, sure: float, grow: int) -> Instances | None:
        assert self._labels is not None
        return self._labels.label(image, out, Wish(self._wanted, self._confidence, self._iou, sure), grow)

    def _adapt(self, height: int, width: int) -> None:
        if (height, width) != (self._fit.height, self._fit.width):
            self._fit = Letterbox.fit(height, width, self._size)
            self._canvas = self._fit.canvas()

    def warm_up(self, height: int, width: int) -> float:
        """See `models.base`."""
        return slowest_step(self.segment, height, width)

    @torch.inference_mode()
    def _assemble(self, outputs: Sequence[Tensor]) -> Instances:
        demand_finite(outputs[-1])
        proposed = self._family.candidates(outputs, self._wanted, self._confidence)[0].T.numpy()
        rows = suppress(proposed, self._wanted, len(self.names), self._confidence, self._iou)
        boxes = self._fit.undo_boxes(rows[:, :4])
        patches = self._patches(outputs[-1], rows, boxes)
        # As Ultralytics: without a pixel it is none.
        shown = np.array([patch.mask.max(initial=0) for patch in patches], bool)
        rows, boxes = rows[shown], boxes[shown]
        kept = (patch for patch, some in zip(patches, shown, strict=True) if some)
        return Instances(boxes, rows[:, 4], rows[:, 5].astype(np.int64), tuple(kept))

    def _patches(self, prototypes: Tensor, rows: NDArray[np.float32], boxes: NDArray[np.float32]) -> list[Patch]:
        if not len(rows):
            return []
        field = prototypes[0].cpu().float().numpy()
        return [cut_patch(field, row[6:], box, self._fit, self._contour) for row, box in zip(rows, boxes, strict=True)]


def read_family(path: Path) -> Family:
    """The network of a checkpoint, whichever family it is of. Raises ModelError where it is of none."""
    checkpoint, module = read_module(path)
    if module.kind == "models.yolo.SegmentationModel":
        return Anchored(checkpoint, module)
    if module.kind == "ultralytics.nn.tasks.SegmentationModel":
        return Ultralytics(checkpoint, module)
    raise ModelError(f"{path}: holds a {module.kind}, not a YOLO segmentation model (v5, v7, v8, 11, 26, ...)")


def read_module(path: Path) -> tuple[Checkpoint, Record]:
    """A checkpoint and the network pickled in it, as inert data. Raises ModelError."""
    checkpoint = read_checkpoint(path)
    root = checkpoint.root if isinstance(checkpoint.root, dict) else {}
    module = root.get("ema") or root.get("model")
    if not isinstance(module, Record):
        raise ModelError(f"{path}: no model in this checkpoint")
    return checkpoint, module


def segments(path: Path) -> bool:
    """Whether a checkpoint's network finds masks. Raises ModelError where there is none in it."""
    return read_module(path)[1].kind.endswith(".SegmentationModel")


def class_index(names: Sequence[str], name: str) -> int:
    """Where `name` stands among a model's classes. Raises ModelError with the close matches."""
    if name in names:
        return list(names).index(name)
    close = difflib.get_close_matches(name, names, 3, 0.5)
    meant = f" (did you mean {' or '.join(map(repr, close))}?)" if close else ""
    raise ModelError(f"the model knows no class {name!r}{meant}")
