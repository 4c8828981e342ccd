"""The protocols that model adapters follow: shapes and colour order are fixed here."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

Image = NDArray[np.uint8]
Crop = tuple[Image, Image]
"""A part of a picture, uint8 [h, w, 3] BGR, and the hole in it, uint8 [h, w] (255: fill)."""


Memory = Mapping[str, NDArray[Any]]
"""What a model remembers from frame to frame: arrays by name."""
MemoryLayout = dict[str, tuple[tuple[int, ...], str]]
"""Their shapes and kinds of number."""


class ModelError(Exception):
    """A model could not be loaded: one line that says what is missing and where it is looked for."""


@dataclass(frozen=True, slots=True)
class ModelInfo:
    """What runs: for reports. `checksum` is the SHA-256 of the weights file, empty for classical methods; `note` says
    why something faster does not run, empty where nothing does."""

    name: str
    source: str = ""
    checksum: str = ""
    device: str = "cpu"
    precision: str = "float32"
    engine: str = ""
    note: str = ""

    def facts(self) -> dict[str, str]:
        return asdict(self)


@dataclass(frozen=True, slots=True)
class Patch:
    """A mask inside its box: uint8 [h, w] of 0 and 255, its left upper corner at (x, y) of the picture."""

    x: int
    y: int
    mask: Image


@dataclass(frozen=True, slots=True)
class Instances:
    """What a segmenter found, best first: boxes float32 [N, 4] (x0 y0 x1 y1, pixels), scores float32 [N],
    classes int [N], and one patch for each."""

    boxes: NDArray[np.float32]
    scores: NDArray[np.float32]
    classes: NDArray[np.int64]
    patches: tuple[Patch, ...]

    def __len__(self) -> int:
        return len(self.scores)

    def paint(self, out: Image) -> None:
        """Set `out` (uint8 [H, W]) to 255 wherever any patch covers, 0 elsewhere."""
        out[:] = 0
        for patch in self.patches:
            height, width = patch.mask.shape
            view = out[patch.y : patch.y + height, patch.x : patch.x + width]
            np.maximum(view, patch.mask, out=view)


@dataclass(frozen=True, slots=True)
class Detections:
    """What a detector found, best first: boxes float32 [N, 4] (x0 y0 x1 y1, pixels, within the picture), scores
    float32 [N], classes int [N], landmarks float32 [N, 5, 2] (x y; NaN where it knows none): of a face the eyes, the
    nose, the corners of the mouth."""

    boxes: NDArray[np.float32]
    scores: NDArray[np.float32]
    classes: NDArray[np.int64]
    landmarks: NDArray[np.float32]

    def __len__(self) -> int:
        return len(self.scores)


class Detector(Protocol):
    """Finds where things are, without their outlines."""

    info: ModelInfo
    names: tuple[str, ...]

    def detect(self, image: Image, confidence: float) -> Detections:
        """What scores above `confidence`; `image` is uint8 [H, W, 3] BGR and is not changed. Raises FloatingPointError
        where the network's answer is not finite."""
        ...

    def warm_up(self, height: int, width: int) -> float:
        """Run on pictures of that size until steady; return the slowest later step in seconds."""
        ...


class Segmenter(Protocol):
    """Finds the instances of the wanted classes."""

    info: ModelInfo
    names: tuple[str, ...]

    def segment(self, image: Image) -> Instances:
        """`image` is uint8 [H, W, 3] BGR and is not changed."""
        ...

    def tune(self, *, classes: Sequence[str], confidence: float, iou: float) -> None:
        """What to look for from the next picture on. Raises ModelError for an unknown class; then nothing changes."""
        ...

    def warm_up(self, height: int, width: int) -> float:
        """Run on pictures of that size until steady; return the slowest later step in seconds."""
        ...


class Labelling(Segmenter, Protocol):
    """A segmenter that makes label maps where its network runs, without a patch for each instance."""

    def label(self, image: Image, out: Image, *, sure: float, grow: int) -> Instances | None:
        """The instances of `image` uint8 [H, W, 3] BGR, without patches, at most 255; and `out` (uint8 [H, W]) set to n
        wherever the n-th is, grown by `grow` pixels, else 0. Who scores at least `sure` keeps all of its own pixels.

        None where it takes `segment` to get that exactly; then `out` is as it was. `out` may be anything after
        FloatingPointError, raised where the network's output is not finite."""
        ...


class Promptable(Protocol):
    """Cuts out what is pointed at, of whatever class."""

    info: ModelInfo

    def cut(self, image: Image, box: NDArray[np.float32]) -> Image:
        """uint8 [H, W] of 0 and 255 from `image`, uint8 [H, W, 3] BGR, and x0 y0 x1 y1 in its pixels. Raises
        FloatingPointError where the network's answer is not finite."""
        ...

    def warm_up(self) -> float:
        """Run once; return the seconds of a later step."""
        ...


class Matter(Protocol):
    """Says how much of each pixel is foreground, frame after frame.

    What it remembers lies in arrays that are handed to it, as `memory` of its class describes them: so a frame can be
    done again, by another process."""

    info: ModelInfo

    def matte(
        self, image: Image, mask: Image | None, before: Memory, after: Memory, alpha: Image, colours: Image
    ) -> None:
        """Write `alpha`, uint8 [H, W], and `colours`, uint8 [H, W, 3] BGR, those of the foreground alone, not weighed.

        `image` is uint8 [H, W, 3] BGR; `mask` uint8 [H, W] of 0 and 255, for one that refines it. `before` is as the
        last frame left `after`, or all zero where there was none. Raises FloatingPointError where the network's answer
        is not finite."""
        ...

    def warm_up(self, height: int, width: int) -> float:
        """Run on pictures of that size until steady; return the slowest later step in seconds."""
        ...


class Inpainter(Protocol):
    """Invents what is behind a hole."""

    info: ModelInfo

    def window(self, height: int, width: int) -> tuple[int, int]:
        """The size, nowhere smaller than that, of a crop that costs no more: so it may as well hold more of the
        picture."""
        ...

    def cost(self, height: int, width: int) -> float:
        """About how many seconds a crop of that size takes on this machine: measured by `warm_up`, guessed before."""
        ...

    def inpaint(self, image: Image, hole: Image) -> Image:
        """`image` uint8 [h, w, 3] BGR, `hole` uint8 [h, w] (255: fill); a new picture of exactly that size.

        What it holds outside the hole is of no account. Raises FloatingPointError where the result is not finite."""
        ...

    def inpaint_many(self, crops: Sequence[Crop]) -> Iterator[tuple[int, Image | None]]:
        """The same for several crops: the index of each with its picture, or None where that is not finite; in any
        order, as they are done. No crop's picture depends on the other crops."""
        ...

    def warm_up(self, *, every: bool = True) -> float:
        """Run until steady, at `every` size that it works at or at the likeliest alone: the others are made ready when
        they are first needed. Return about how many seconds a crop takes at most."""
        ...
