"""Cover: the result of a privacy pipeline: the picture, with an effect in the place of everything in the mask."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace
from typing import Annotated, ClassVar

import cv2
import numpy as np
from numpy.typing import NDArray
from pydantic import Field, PrivateAttr, ValidationInfo, field_validator
from pydantic_core import PydanticCustomError

from models.base import ModelError
from models.registry import load_detector
from pipeline.errors import RunError, SetupError
from pipeline.frame import Frame, FrameSpec, Image
from pipeline.stage import Transform, live
from stages.box import tight_box
from stages.privacy.drawing import Scene, Shop, draw
from stages.privacy.effects import MOST_CELLS
from stages.privacy.faces import Drawn, Finder, read_sources
from stages.privacy.kinds import AVERAGED, Effect, wished
from stages.privacy.removal import PLANE
from stages.privacy.stickers import load_sticker
from stages.privacy.templates import Templates
from stages.privacy.watermark import Watermark

# In 80 characters, which is what the command line shows of it.
_TOO_WEAK = "{value} is weak for {effect}, not 1 to {most}: networks know faces by 6; or allow_weak: true"
_NO_PLANE = (
    "effect: remove needs, between tracking and this stage, a stage `uses: stages.privacy:Backdrop` (or"
    " stages.inpainting:Plate), and behind that one `uses: stages.privacy:Removal`; as in privacy-remove"
)
SURE = 0.5  # score of a face in a picture of one
Level = Annotated[int, Field(ge=0, le=255)]


class Cover(Transform):
    """Covers what is in the mask. What it cannot prove to be covered it does not let out: it raises, and the frame goes
    out blank.

    What is masked and near no object is covered in the plain colour, whatever the effect; and so is an object whose
    effect has nothing to show: no corners of a plate, no face, nothing removed.
    """

    reads: ClassVar[tuple[str, ...]] = ("image", "objects", "mask")
    may_read: ClassVar[tuple[str, ...]] = (PLANE,)
    writes: ClassVar[tuple[str, ...]] = ("clean",)

    effect: Effect = live(
        default="solid",
        description="solid: a plain colour, of which nothing can be got back; silhouette: a colour for each track;"
        " mosaic, blur: few large cells, sharp or smooth, in which some likeness stays; remove: what is behind it, by"
        " the stages stages.privacy:Backdrop and stages.privacy:Removal; template: a drawn plate on plates; face: a"
        " face of nobody on faces; sticker: a picture",
    )
    color: Annotated[list[Level], Field(min_length=3, max_length=3)] = live(
        default=[0, 0, 0], description="red, green, blue of the plain colour, each 0 to 255"
    )
    allow_weak: bool = live(default=False, description="take more cells, by which people can be recognised")
    cells: int = live(
        default=4,
        ge=1,
        le=64,
        description="of mosaic and blur: along an object's longer side; 5 at most: networks that know who may be there"
        " recognise faces of 6 (McPherson, Shokri, Shmatikov, 2016)",
    )
    template: str = Field(
        default="auto",
        description="of plates: eu, eu-yellow, uk, us, jp, kr, blank, or a picture file; auto: eu, or us on short ones",
    )
    faces: str = Field(
        default="",
        description="a folder of pictures with one face each, of people who agreed to it; none: drawn ones. Beside"
        " NAME.png, NAME.json may say where it is: eyes, nose, corners of the mouth, as"
        ' {"landmarks": [[x, y], ...]}',
    )
    sticker: str = Field(default="", description="a picture file, which may be transparent in parts; none: a smile")
    watermark: Annotated[str, Field(max_length=40, pattern=r"^[ -~]*$")] = live(
        default="", description="a word in the corner of every picture, as Protected; letters of ASCII"
    )

    _spec: FrameSpec = PrivateAttr()
    _flat: Image = PrivateAttr()
    _drawn: Image = PrivateAttr()
    _covered: Image = PrivateAttr()
    _shop: Shop = PrivateAttr()
    _mark: Watermark = PrivateAttr()
    _has_removed: bool = PrivateAttr(default=True)  # unless a frame came without it

    @field_validator("cells")
    @classmethod
    def _strong_enough(cls, value: int, info: ValidationInfo) -> int:
        """See `effects.MOST_CELLS` for the ground."""
        effect = info.data.get("effect")
        if effect in AVERAGED and value > MOST_CELLS and not info.data.get("allow_weak"):
            facts = {"value": value, "effect": effect, "most": MOST_CELLS}
            raise PydanticCustomError("weak", _TOO_WEAK, facts)
        return value

    def lacks(self, planes: Collection[str]) -> str:
        return "" if self.effect != "remove" or PLANE in planes else _NO_PLANE

    def setup(self, spec: FrameSpec) -> None:
        """Draw or read what is to be shown. Raises SetupError."""
        self._spec = spec
        self._flat, self._drawn, self._covered = (np.zeros((spec.height, spec.width, 3), np.uint8) for _ in range(3))
        sources = read_sources(self.faces, self._face_finder) if self.faces else Drawn()
        self._shop = Shop(self._flat[0, 0], self.cells, sources, Templates(self.template), load_sticker(self.sticker))
        self.changed(frozenset())

    def changed(self, fields: frozenset[str]) -> None:
        """Raises RunError where nothing is removed that could be shown."""
        if self.effect == "remove" and not self._has_removed:
            raise RunError(f"cover: {_NO_PLANE}")
        self._flat[:] = self.color[::-1]
        # What a rule wants may be more than this stage was asked for when its options were looked at.
        cells = self.cells if self.allow_weak else min(self.cells, MOST_CELLS)
        self._shop = replace(self._shop, plain=self._flat[0, 0], cells=cells)
        self._mark = Watermark(self.watermark, self._spec.height, self._spec.width)

    def process(self, frame: Frame) -> None:
        """Write `clean`. Raises RunError where something would show that is to be covered."""
        _check(frame)
        self._has_removed = PLANE in frame.planes
        hidden = whole_blocks(frame.mask)
        box = tight_box(hidden)
        shown = frame.image
        if box is not None:
            box.of(self._drawn)[:] = box.of(self._flat)
            self._draw(frame, hidden)
            shown = self._covered
            np.copyto(shown, frame.image)
            cover(shown, self._drawn, hidden)
            prove(shown, self._drawn, hidden, frame.mask)
        np.copyto(frame.clean, shown)  # which sinks can see at any moment: never what is not proved yet
        self._mark.put(frame.clean)

    def _draw(self, frame: Frame, hidden: Image) -> None:
        wishes = wished(frame.objects, self.effect)
        if wishes:
            scene = Scene(frame.image, frame.mask, hidden, frame.planes.get(PLANE))
            if plain := draw(wishes, scene, self._shop, self._drawn):
                self.context.count("plain_instead", plain)

    def _face_finder(self) -> Finder:
        """What finds the landmarks in pictures that come without. Raises SetupError."""
        try:
            detector = load_detector("centerface")
        except ModelError as error:
            raise SetupError(f"faces: {self.faces}: pictures without landmarks beside them ({error})") from error

        def find(picture: Image) -> NDArray[np.float32] | None:
            found = detector.detect(picture, SURE)
            return found.landmarks[int(np.argmax(found.scores))] if len(found.scores) else None

        return find


def whole_blocks(mask: Image) -> Image:
    """255 in every block of two by two pixels of which any is masked, else 0: those share their colour in most videos,
    and what is shown beside a mask would be tinted by what is behind it."""
    height, width = mask.shape
    even = cv2.copyMakeBorder(mask, 0, height % 2, 0, width % 2, cv2.BORDER_CONSTANT, value=0)
    rows = np.maximum(even[0::2], even[1::2])
    blocks = np.maximum(rows[:, 0::2], rows[:, 1::2])
    blocks = (blocks > 0).view(np.uint8) * np.uint8(255)  # `cv2.compare` takes a few pixels for one colour
    full = cv2.resize(blocks, even.shape[::-1], interpolation=cv2.INTER_NEAREST)
    return np.ascontiguousarray(full[:height, :width])


def cover(clean: Image, drawn: Image, hidden: Image) -> None:
    """Put `drawn` into `clean` wherever `hidden` is set."""
    cv2.copyTo(drawn, hidden, clean)


def prove(clean: Image, drawn: Image, hidden: Image, mask: Image) -> None:
    """That every masked pixel is hidden, and every hidden one shows what was drawn, nothing else. Raises RunError."""
    if not (clean.shape[:2] == drawn.shape[:2] == hidden.shape == mask.shape):
        raise RunError(f"cover: {clean.shape = }, {drawn.shape = }, {hidden.shape = }, {mask.shape = } do not fit")
    if cv2.countNonZero(cv2.subtract(mask, hidden)):
        raise RunError("cover: part of the mask was left out")
    if cv2.norm(clean, drawn, cv2.NORM_INF, hidden):
        raise RunError("cover: part of what is masked still shows")


def _check(frame: Frame) -> None:
    """Refuse what cannot be what a stage before this one meant. Raises RunError."""
    if frame.mask.shape != frame.image.shape[:2]:
        raise RunError(f"cover: a mask of {frame.mask.shape} for a picture of {frame.image.shape}")
    if frame.unseen:
        raise RunError("cover: nobody has looked at this frame, and the look that was to do for it never came")
    boxes = frame.objects["box"]
    if not np.isfinite(boxes).all() or (np.abs(boxes) > 1e6).any():
        raise RunError("cover: an object has no finite place")
