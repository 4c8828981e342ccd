"""Detection: faces, plates and what else identifies somebody, in each frame by itself, for who follows them."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal, TypeVar

import numpy as np
from pydantic import Field, PrivateAttr, ValidationInfo, field_validator
from pydantic_core import PydanticCustomError

from models.base import ModelError, Patch
from models.classes import NAMES
from models.tiles import Tile, layout
from pipeline.errors import SetupError
from pipeline.frame import OBJECT, Frame, FrameSpec
from pipeline.stage import live
from stages.looks import Looks
from stages.network import OnNetwork
from stages.privacy import answers, finders
from stages.privacy.findings import Finding, Shape, joined, outline, to_table, united
from stages.segmentation.labels import MOST, Labeller

SIZES = 640, 1280  # pixels: the long side of a network's input, where the frame's own is smaller or larger
ROOM = 1.6  # frames of more times the network's input are looked at in parts too
PLATE = NAMES.index("plate")

Named = TypeVar("Named", list[str], dict[str, float], dict[str, int])
Score = Annotated[float, Field(gt=0, lt=1)]
Pixels = Annotated[int, Field(ge=0, le=4096)]

_NOBODY = np.zeros(0, OBJECT)


class Detection(OnNetwork):
    """Finds everything of the wanted classes with one or several detectors, also what is hardly seen: that only serves
    to go on with a track. What one detector sees is covered, whatever the others say."""

    writes: ClassVar[tuple[str, ...]] = ("found", "labels")

    detectors: list[str] = Field(
        default=["centerface"],
        min_length=1,
        max_length=8,
        description="what looks, one or several: centerface (faces), plate-search (plates, mostly on vehicles; weak),"
        " plate-cascade (the same without looking for vehicles), a model that segments, for people and what else it"
        " knows (see `cleanplate models list`); or a YOLO model of one's own, FILE.onnx or FILE.pt, or"
        " https://HOST/FILE.onnx#sha256=HEX. Behind # may stand what its classes are called, in its order:"
        " FILE.onnx#names=plate,car",
    )
    classes: list[str] = live(
        default=["face", "plate"], min_length=1, max_length=80, description="what to find of what the detectors know"
    )
    confidence: float = live(default=0.25, gt=0, lt=1, description="what scores below this is ignored")
    low: float = live(
        default=0.1, gt=0, lt=1, description="who is already followed is still seen with this score; see `confidence`"
    )
    scores: dict[str, Score] = live(
        default={}, description="of single classes another `confidence`, as plate: 0.45; they have no `low`"
    )
    min_size: int = live(default=0, ge=0, le=4096, description="pixels: what is less high and less wide is ignored")
    min_sizes: dict[str, Pixels] = live(default={}, description="of single classes another `min_size`, as face: 12")
    grow: float = live(
        default=0.25, ge=0, le=4, description="share of its width and height by which a box is enlarged on every side"
    )
    padding: int = live(default=2, ge=0, le=256, description="pixels by which everything is enlarged after that")
    shape: Literal["auto"] | Shape = live(
        default="auto",
        description="how much of the enlarged box is covered; auto: of faces an ellipse in it, of plates all of it, and"
        " of what a model segments its outline",
    )
    every: int = live(
        default=1, ge=1, le=100, description="look at each so-many-th frame; tracking moves masks on in between"
    )
    size: Literal["auto"] | Annotated[int, Field(ge=64, le=4096, multiple_of=32)] = Field(
        default="auto", description="long side of a network's input, pixels; auto: the frame's, within 640 and 1280"
    )
    tiles: Literal["auto"] | Annotated[int, Field(ge=0, le=6)] = Field(
        default="auto", description="look at so many parts side by side too, for what is small; auto: in large frames"
    )

    _finders: list[finders.Finder] = PrivateAttr()
    _labeller: Labeller = PrivateAttr()
    _parts: tuple[Tile, ...] = PrivateAttr(default=())
    _looks: Looks = PrivateAttr(default_factory=Looks)

    @field_validator("classes", "scores", "min_sizes")
    @classmethod
    def _numbered(cls, value: Named) -> Named:
        if unknown := [name for name in value if name not in NAMES]:
            said = f"no class {unknown[0]!r}: there are face, plate, person, car and others of COCO"
            raise PydanticCustomError("class", "{said}", {"said": said})
        return value

    @field_validator("detectors")
    @classmethod
    def _one_file(cls, value: list[str], info: ValidationInfo) -> list[str]:
        if info.data.get("weights") and len(value) > 1:
            raise PydanticCustomError("weights", "{count} detectors, but `weights` is for one", {"count": len(value)})
        for name in value:
            try:
                finders.check(name)
            except ModelError as error:
                raise PydanticCustomError("detector", "{said}", {"said": str(error)}) from error
        return value

    def weights_needed(self) -> list[str]:
        """What is fetched before a run."""
        return finders.weights_of(self.detectors, self.weights)

    def setup(self, spec: FrameSpec) -> None:
        """Load the models and warm them up on the stream's size. Raises SetupError."""
        size = self._side(max(spec.height, spec.width))
        options = {"engine": self.engine, "device": self.device, "precision": self.precision}
        try:
            self._finders = [finders.load(name, size, self.weights, **options) for name in self.detectors]
        except ModelError as error:
            raise SetupError(str(error)) from error
        self._check_known()
        across = self._across(max(spec.height, spec.width) / size)
        self._parts = tuple(layout(spec.height, spec.width, across)) if across > 1 else ()
        for finder in self._finders:
            self.context.model(**finder.info.facts())
        seconds = sum(finder.warm_up(spec.height, spec.width) for finder in self._finders)
        for part in self._parts:
            seconds += sum(finder.warm_up(part.y1 - part.y0, part.x1 - part.x0) for finder in self._finders)
        self.context.warmed(seconds)
        self._labeller, self._looks = Labeller(spec.height, spec.width), Looks(spec.live)

    def changed(self, fields: frozenset[str]) -> None:
        """Raises SetupError for a class that no detector here knows."""
        self._check_known()

    def _check_known(self) -> None:
        """Of what is asked for, somebody must be able to find each: what nobody looks for goes out as it is."""
        known = frozenset().union(*(finder.classes for finder in self._finders))
        if lacking := [name for name in self.classes if name not in known]:
            raise SetupError(
                f"classes: none of {', '.join(self.detectors)} finds {lacking[0]!r}; add a detector, or leave it out"
            )

    def process(self, frame: Frame) -> None:
        """Write `found` and `labels`. Raises FloatingPointError, ValueError, TypeError where what a model says can be
        no answer."""
        if behind := self._looks.behind(frame, self.every):
            frame.put_found(_NOBODY, skipped=behind)
            frame.labels[:] = 0
            return
        found = self._find(frame)
        patches = [self._outline(one, frame.labels.shape) for one in found]
        if len(found) > MOST:  # more than a label map can tell apart share the last number
            patches[MOST - 1 :] = [joined(patches[MOST - 1 :])]
            found[MOST - 1 :] = [_around(found[MOST - 1 :])]
        sure = sum(map(self._is_sure, found))
        self._labeller.label(patches, sure, self.padding, frame.labels)
        frame.put_found(to_table(found, sure))
        self._looks.done(frame)

    def _find(self, frame: Frame) -> list[Finding]:
        wanted, least = frozenset(self.classes), min(self.low, self.confidence, *self.scores.values())
        found: list[Finding] = []
        for finder in self._finders:
            if finder.classes & wanted:
                found += finders.in_tiles(finder, frame.image, self._parts, wanted, least)
        height, width = frame.labels.shape
        answers.in_picture(found, height, width)
        for one in found:
            np.clip(one.box, 0, (width, height, width, height), out=one.box)
        found = [one for one in found if (one.box[2:] > one.box[:2]).all() and self._counts(one)]
        found = [one for one in united(found) if self._is_large(one)]
        return sorted(found, key=self._is_sure, reverse=True)  # the best of both kinds stay first among theirs

    def _counts(self, one: Finding) -> bool:
        """Whether it is scored well enough to go on with a track at least."""
        return one.score >= self.scores.get(NAMES[one.cls], min(self.low, self.confidence))

    def _is_large(self, one: Finding) -> bool:
        return bool((one.box[2:] - one.box[:2]).max() >= self.min_sizes.get(NAMES[one.cls], self.min_size))

    def _is_sure(self, one: Finding) -> bool:
        return one.score >= self.scores.get(NAMES[one.cls], self.confidence)

    def _outline(self, one: Finding, size: tuple[int, ...]) -> Patch:
        own = one.patch if self.shape == "auto" else None
        if own is not None and not one.boxed:
            return own
        shape = self.shape if self.shape != "auto" else "box" if one.cls == PLATE else "ellipse"
        around = outline(one.box, self.grow, shape, size)
        return around if own is None or not own.mask.size else joined((own, around))

    def _side(self, longest: int) -> int:
        if self.size != "auto":
            return self.size
        return max(SIZES[0], min(SIZES[1], -(-longest // 32) * 32))

    def _across(self, ratio: float) -> int:
        """Tiles side by side for a frame of that many times the network's input; 1 and less: none."""
        if self.tiles != "auto":
            return self.tiles
        return 1 if ratio <= ROOM else 2 if ratio <= 2 * ROOM else 3


def _around(found: list[Finding]) -> Finding:
    """One finding in place of all of them."""
    boxes = np.array([one.box for one in found])
    box = np.concatenate((boxes[:, :2].min(0), boxes[:, 2:].max(0)))
    return Finding(found[0].cls, found[0].score, box, np.full((5, 2), np.nan, np.float32))
