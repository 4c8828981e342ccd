"""OnnxDetector: any detector of the YOLO family from an ONNX file of one's own: a picture in, detections out."""

from __future__ import annotations

from typing import Any

import cv2
from numpy.typing import NDArray

from models import weights
from models.base import Detections, Image, ModelError, ModelInfo
from models.classes import ours
from models.device import Precision
from models.engines import Name
from models.engines.base import first_line
from models.engines.onnx_file import Header, read, start
from models.letterbox import LEAST, STEP, Letterbox
from models.own import read_own
from models.proposals import detections
from models.warming import slowest_step
from models.yolo_layouts import Layout, Proposals, recognise

SMALL = 2.0  # pixels: boxes that all lie within them are shares of the picture


class OnnxDetector:
    """Follows `models.base.Detector`. `names` are ours where the file has another word for the same thing."""

    def __init__(
        self,
        file: str,
        *,
        size: int = 640,
        engine: Name = "auto",
        device: str = "auto",
        precision: Precision = "auto",
    ) -> None:
        """`file`: see `models.own`; `size`: the canvas's long side where the file leaves it open. Raises ModelError: no
        such file, a network of another kind, no names of classes."""
        path, own = weights.locate(file), read_own(file)
        self._header, content = read(path)
        self._size, self._step = size, max(STEP, self._header.stride)
        said = own.names or self._header.names
        if not said:
            raise ModelError(f"{path} does not say what it finds; next: say it, as {path.name}#names=plate")
        if self._header.names and len(said) != len(self._header.names):
            raise ModelError(f"{path}: {len(self._header.names)} classes, but {len(said)} names")
        self.names = tuple(map(ours, said))
        self._runner, note = start(path, content, engine=engine, device=device, precision=precision)
        self._fit, self._canvas = self._fitted(size, size)
        try:
            self._layout = _layout(self._run(), self._fit, self._header, len(said))
        except Exception as error:  # engines' errors share no class
            why = str(error) if isinstance(error, ModelError | FloatingPointError) else first_line(error)
            raise ModelError(f"{path}: {why}") from error
        ran = self._runner.device, "float32", self._runner.name, note
        self.info = ModelInfo(path.name, str(path), weights.sha256(path), *ran)

    def detect(self, image: Image, confidence: float) -> Detections:
        """What is found in `image` uint8 [H, W, 3] BGR. Raises FloatingPointError where the network's answer is not of
        its own shape, not finite, or no box in the picture."""
        height, width = image.shape[:2]
        if (height, width) != (self._fit.height, self._fit.width):
            self._fit, self._canvas = self._fitted(height, width)
        self._fit.draw(image, self._canvas)
        found = self._layout.read(self._run(), (self._fit.out_height, self._fit.out_width))
        if self._layout.kind == "sorted":  # nothing was found on grey, so nothing could be told before
            _demand_pixels(found, confidence)
        return detections(found.boxes, found.scores, found.landmarks, self._fit, confidence)

    def warm_up(self, height: int, width: int) -> float:
        """See `models.base`."""
        return slowest_step(lambda image: self.detect(image, 0.5), height, width)

    def _fitted(self, height: int, width: int) -> tuple[Letterbox, Image]:
        wanted = self._header.height, self._header.width
        if all(wanted):
            fit = Letterbox.within(height, width, *wanted)
        else:
            fit = Letterbox.fit(height, width, max(LEAST, -(-self._size // self._step) * self._step), self._step)
        return fit, fit.canvas()

    def _run(self) -> list[NDArray[Any]]:
        """The network over the canvas: RGB of 0 to 1."""
        pixels = cv2.dnn.blobFromImage(self._canvas, 1 / 255, swapRB=True)
        return self._runner(pixels.astype(self._header.dtype, copy=False))


def _demand_pixels(found: Proposals, confidence: float) -> None:
    """Raises FloatingPointError where all that passes would lie in the canvas's corner."""
    boxes = found.boxes[(found.scores > confidence).any(1)]
    if len(boxes) and float((boxes[:, :2] + boxes[:, 2:] / 2).max()) <= SMALL:
        raise FloatingPointError(f"its boxes, as {boxes[0].tolist()} (x y w h), are shares of the picture, not pixels")


def _layout(outputs: list[NDArray[Any]], fit: Letterbox, header: Header, classes: int) -> Layout:
    """The layout of what came for a grey picture, which must read well. Raises ModelError, FloatingPointError."""
    canvas = fit.out_height, fit.out_width
    layout = recognise([part.shape for part in outputs], canvas, classes, header.points)
    found = layout.read(outputs, canvas)
    if layout.kind != "sorted" and float(found.boxes[:, :2].max()) <= SMALL:
        raise ModelError("its boxes are shares of the picture, not pixels of its input; next: export it with pixels")
    return layout
