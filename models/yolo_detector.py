"""YoloDetector: a YOLO checkpoint that finds boxes: a picture in, detections out; nothing pickled in it is run."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Protocol

from torch import Tensor, nn

from models import engines, weights
from models.base import Detections, Image, ModelError, ModelInfo
from models.classes import ours
from models.device import Precision
from models.letterbox import LEAST, STEP, Letterbox
from models.own import read_own
from models.proposals import detections
from models.ultralytics_detect import KINDS, UltralyticsDetect
from models.warming import slowest_step
from models.yolo import read_module
from models.yolo_anchored_detect import ANCHORED, AnchoredDetect
from models.yolo_layouts import Canvas, Proposals


class Family(Protocol):
    """What sets one kind of YOLO apart from the others."""

    kind: str  # for the engines' caches: changes with the network's outputs
    network: nn.Module  # float RGB 0..1 [B, 3, H, W] to tensors, before anything is decoded
    names: tuple[str, ...]

    def propose(self, outputs: Sequence[Tensor], canvas: Canvas, confidence: float) -> Proposals:
        """What may score above `confidence` on a canvas of that height and width. Raises FloatingPointError where the
        outputs are of another shape, or a value that decides what passes, or one of what does, is not finite."""
        ...


class YoloDetector:
    """Follows `models.base.Detector`. `names` are ours where the file has another word for the same thing."""

    def __init__(
        self,
        file: str,
        *,
        size: int = 640,
        engine: engines.Name = "auto",
        device: str = "auto",
        precision: Precision = "auto",
    ) -> None:
        """`file`: see `models.own`; `size`: the canvas's long side, a multiple of 32. Raises ModelError: no such file,
        no network of this kind, other names than it has classes, an engine that is not there."""
        if size < LEAST or size % STEP:
            raise ModelError(f"{size = } must be a multiple of {STEP}, at least {LEAST}")
        path, own = weights.locate(file), read_own(file)
        self._family = read_family(path)
        said = own.names or self._family.names
        if len(said) != (count := len(self._family.names)):
            raise ModelError(f"{path}: {count} classes, but names={','.join(said)} are {len(said)}")
        self.names = tuple(map(ours, said))
        checksum = weights.sha256(path)
        self._engine = engines.load_engine(
            self._family.network,
            engine=engine,
            device=device,
            precision=precision,
            key=f"{self._family.kind}-{checksum}",
        )
        self._size = size
        self._fit = Letterbox.fit(size, size, size)
        self._canvas = self._fit.canvas()
        ran = self._engine.device, self._engine.precision, self._engine.name, self._engine.note
        self.info = ModelInfo(path.name, str(path), checksum, *ran)

    def detect(self, image: Image, confidence: float) -> Detections:
        """What is found in `image` uint8 [H, W, 3] BGR. Raises FloatingPointError where the network's answer is not
        finite, or no box in the picture."""
        if image.shape[:2] != (self._fit.height, self._fit.width):
            self._fit = Letterbox.fit(image.shape[0], image.shape[1], self._size)
            self._canvas = self._fit.canvas()
        self._fit.draw(image, self._canvas)
        canvas = self._fit.out_height, self._fit.out_width
        found = self._family.propose(self._engine(self._canvas), canvas, confidence)
        return detections(found.boxes, found.scores, found.landmarks, self._fit, confidence)

    def warm_up(self, height: int, width: int) -> float:
        """See `models.base`."""
        return slowest_step(lambda image: self.detect(image, 0.5), height, width)


def read_family(path: Path) -> Family:
    """The network of a checkpoint, whichever family it is of. Raises ModelError where it is of none."""
    checkpoint, module = read_module(path)
    if module.kind in KINDS:
        return UltralyticsDetect(checkpoint, module)
    if module.kind in ANCHORED:
        return AnchoredDetect(checkpoint, module)
    raise ModelError(f"{path}: holds a {module.kind}, not a YOLO detection model (v5, v7, v8, 10, 11, 26)")
