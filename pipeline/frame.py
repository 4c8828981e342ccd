"""Frame and FrameSpec: what travels through a pipeline, and its fixed layout in memory."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Annotated, Any, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

Image = NDArray[np.uint8]
Table = NDArray[np.void]

MAX_OBJECTS = 256
MAX_SPARED = 32
NUMBERS = 32  # of a plane of numbers
LEAST_BYTES = 1 << 16  # of a plane of bytes, which has two more for each pixel: what no coder of pictures exceeds

# What `flags` of an object say, bit by bit.
LOW = 1  # scored below what makes an object; good only for going on with one that is known
HELD = 2  # nobody found it in this frame: it is where it must be
KEPT = 4  # it is known but stays in the picture: it is not in the mask

# The upper half of `flags`: 0, or 1 and the place among these of what is to be shown instead of the object.
EFFECT_SHIFT = 8
EFFECTS = ("solid", "mosaic", "blur", "silhouette", "remove", "template", "face", "sticker")

OBJECT = np.dtype(
    [
        ("track", "<i4"),  # identity over time, -1 where nothing tracks
        ("cls", "<i2"),
        ("flags", "<u2"),  # LOW, HELD, KEPT; which of EFFECTS from the bit EFFECT_SHIFT on
        ("score", "<f4"),
        ("box", "<f4", (4,)),  # x0 y0 x1 y1, pixels of the frame, x1 and y1 exclusive
        ("landmarks", "<f4", (5, 2)),  # x y, NaN where unknown
    ]
)
OBJECTS = np.dtype(
    [
        ("count", "<u4"),
        ("skipped", "<u4"),  # nobody looked for objects in this frame; the look so many frames before was to do
        ("choice", "<u4"),  # another number from the frame on for which it was newly said what to find or remove
        ("spared", "<u2", (MAX_SPARED, 4)),  # x0 y0 x1 y1: there no pixel changes that is not masked; unused ones: 0
        ("rows", OBJECT, (MAX_OBJECTS,)),
    ]
)


def _short(value: Any) -> Any:
    """Refuse what would take all memory to work out, as the text 1e999999999 would."""
    if isinstance(value, str) and not re.fullmatch(r"-?\d{1,30}([./]\d{1,30})?", value):
        raise ValueError("a short fraction is expected, as 30000/1001")
    return value


Ratio = Annotated[Fraction, BeforeValidator(_short)]


class FrameSpec(BaseModel):
    """What is the same for every frame of a stream: size, clock, where it came from.

    `width` and `height` are pixels as shown (rotation applied). `rate` is the nominal rate in frames/s; the truth is in
    each frame's `pts`, counted in `time_base` seconds. Colour tags are the numbers of ISO/IEC 23091-2 (2: unspecified).
    `rotation` (degrees counterclockwise) and `mirrored` (left to right, after that) are what the source has done.
    `start` and `end` are set where only a part of the source is taken: seconds on the clock of `pts`, which is the
    source's own; frames with start <= pts * time_base < end come out, with the `pts` that they have in the source.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    width: int = Field(ge=1, le=16384)
    height: int = Field(ge=1, le=16384)
    rate: Ratio = Fraction(30)
    time_base: Ratio = Fraction(1, 30)
    source: str = ""
    live: bool = False
    declared_frames: int | None = None
    rotation: int = 0
    mirrored: bool = False
    sample_aspect: Ratio = Fraction(1)
    colorspace: int = 2
    color_range: int = 0
    color_primaries: int = 2
    color_trc: int = 2
    start: Ratio | None = None
    end: Ratio | None = None


@dataclass(frozen=True)
class Plane:
    """One kind of data that every slot holds: its name and its layout for a given frame size. `bytes` are what somebody
    has coded, `numbers` what was measured."""

    name: str
    kind: Literal["color", "gray", "objects", "value", "bytes", "numbers"]

    def shape(self, spec: FrameSpec) -> tuple[int, ...]:
        """[H, W, 3], [H, W] or [1]; of `bytes` and `numbers` [N]."""
        if self.kind == "bytes":
            return (2 * spec.height * spec.width + LEAST_BYTES,)
        if self.kind == "numbers":
            return (NUMBERS,)
        if self.kind in ("objects", "value"):
            return (1,)
        return (spec.height, spec.width, 3) if self.kind == "color" else (spec.height, spec.width)

    @property
    def dtype(self) -> np.dtype[Any]:
        if self.kind == "numbers":
            return np.dtype(np.float32)
        return OBJECTS if self.kind == "objects" else np.dtype(np.uint8)

    def nbytes(self, spec: FrameSpec) -> int:
        return int(np.prod(self.shape(spec))) * self.dtype.itemsize


STANDARD_PLANES: Mapping[str, Plane] = {
    plane.name: plane
    for plane in (
        Plane("image", "color"),  # the picture as decoded, BGR
        Plane("found", "objects"),  # what a detector found in this frame alone, best first
        Plane("labels", "gray"),  # 0: nothing, n: the pixel belongs to row n - 1 of `found`
        Plane("objects", "objects"),  # what is known to be there
        Plane("mask", "gray"),  # 255: to be removed or covered, 0: keep, nothing between
        Plane("filled", "color"),  # the picture with what the plate knew
        Plane("rest", "gray"),  # 255: still to be inpainted
        Plane("clean", "color"),  # the result
        Plane("alpha", "gray"),  # how much of the pixel is foreground: 0 none, 255 all of it
        Plane("foreground", "color"),  # the colour of what is in front, without what is behind it
        Plane("level", "value"),  # how far below its best the inpainter had to work, 0: not at all
    )
}

Arrays = Mapping[str, NDArray[Any]]
Layout = dict[str, tuple[tuple[int, ...], str]]
"""Arrays by name, each with its shape and the word for its kind of number."""


def read_only(array: NDArray[Any]) -> NDArray[Any]:
    """A view of the same memory that refuses to be written."""
    view = array.view()
    view.flags.writeable = False
    return view


@dataclass(slots=True)
class Frame:
    """One frame on loan: valid until `process()` returns; copy to keep.

    The planes are views of shared memory: those that the stage writes are writable, those that it reads are not.
    `before` and `after` are the stage's own lasting memory: read the one, leave the other complete.
    `pool` is what it keeps once: see `Stage.pool`. `finished` and `later` are other frames, to be read only: see Stage.
    """

    planes: Arrays
    index: int = -1
    pts: int = 0
    duration: int = 0
    life: int = 0  # another number than that of the frame before where the source had lost its input in between
    blank: bool = False  # no stage could vouch for it: its planes hold a blank
    rejected: str = ""  # set by a source that found the picture damaged: why
    fresh: bool = False  # set by a source that had lost its input since the frame before
    before: Arrays = field(default_factory=dict)
    after: Arrays = field(default_factory=dict)
    pool: Arrays = field(default_factory=dict)
    finished: Frame | None = None
    later: tuple[Frame, ...] = ()

    @property
    def image(self) -> Image:
        """uint8 [H, W, 3], BGR, as decoded."""
        return self.planes["image"]

    @property
    def mask(self) -> Image:
        """uint8 [H, W], 255 where something is to be removed or covered, else 0."""
        return self.planes["mask"]

    @property
    def filled(self) -> Image:
        """uint8 [H, W, 3], BGR: the picture with what the plate could fill."""
        return self.planes["filled"]

    @property
    def rest(self) -> Image:
        """uint8 [H, W], 255 where the inpainter still has to fill, else 0."""
        return self.planes["rest"]

    @property
    def clean(self) -> Image:
        """uint8 [H, W, 3], BGR: the result."""
        return self.planes["clean"]

    @property
    def alpha(self) -> Image:
        """uint8 [H, W]: how much of the pixel is foreground, 0 none to 255 all of it."""
        return self.planes["alpha"]

    @property
    def foreground(self) -> Image:
        """uint8 [H, W, 3], BGR: the colour of what is in front alone, straight: not weighed by alpha."""
        return self.planes["foreground"]

    @property
    def level(self) -> int:
        """How far below its best the inpainter had to work to keep up, 0: not at all."""
        return int(self.planes["level"][0])

    @property
    def objects(self) -> Table:
        """Structured rows [N] of dtype OBJECT: what is known to be in this frame."""
        return self._rows("objects")

    @property
    def found(self) -> Table:
        """Structured rows [N] of dtype OBJECT: what a detector found in this frame alone, best first."""
        return self._rows("found")

    @property
    def labels(self) -> Image:
        """uint8 [H, W]: 0 nothing, n: the pixel belongs to row n - 1 of `found`."""
        return self.planes["labels"]

    @property
    def looked(self) -> bool:
        """Whether a detector looked at this frame; it may be asked to look at every k-th only."""
        return not self.planes["found"]["skipped"][0]

    @property
    def behind(self) -> int:
        """How many frames ago a detector was to look for this one too; 0: it looked at this one."""
        return int(self.planes["found"]["skipped"][0])

    @property
    def unseen(self) -> bool:
        """Nobody has looked at this frame, and the look that was to do for it has never come."""
        return bool(self.planes["objects"]["skipped"][0])

    @property
    def choice(self) -> int:
        """Another number than in the frame before where it was newly said what is to be removed; 0: nobody says."""
        return int(self.planes["objects"]["choice"][0]) if "objects" in self.planes else 0

    @property
    def spared(self) -> list[tuple[int, int, int, int]]:
        """Boxes x0 y0 x1 y1 in which no stage changes a pixel that is not in the mask."""
        if "objects" not in self.planes:
            return []
        boxes = self.planes["objects"]["spared"][0]
        return [tuple(box) for box in boxes[boxes[:, 2] > 0].tolist()]

    def put_objects(self, rows: Table, *, choice: int = 0, spared: Sequence[tuple[int, int, int, int]] = ()) -> None:
        """Write what is there; of more than MAX_OBJECTS rows the best scored stay."""
        self._put("objects", rows, skipped=0, choice=choice)
        boxes = self.planes["objects"]["spared"][0]
        boxes[:] = 0
        if spared:
            boxes[: len(spared)] = spared

    def put_found(self, rows: Table, *, skipped: int = 0, choice: int = 0) -> None:
        """Write what was found in this frame alone; `skipped`: nobody looked, the look so many frames ago is to do."""
        self._put("found", rows, skipped=skipped, choice=choice)

    def _rows(self, name: str) -> Table:
        table = self.planes[name][0]
        return table["rows"][: int(table["count"])]  # type: ignore[no-any-return]

    def _put(self, name: str, rows: Table, *, skipped: int, choice: int) -> None:
        if len(rows) > MAX_OBJECTS:
            rows = rows[np.argsort(-rows["score"], kind="stable")[:MAX_OBJECTS]]
        table = self.planes[name]
        table["rows"][0, : len(rows)] = rows
        table["count"][0] = len(rows)
        table["skipped"][0] = skipped
        table["choice"][0] = choice
