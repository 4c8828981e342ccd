"""Target: the mask of what the user points at, followed through the video; owns its configuration and what it shows."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar, Literal

import cv2
import numpy as np
from pydantic import Field, PrivateAttr, field_validator

from models.base import ModelError, Patch, Segmenter
from models.registry import load_promptable, load_segmenter, weights_needed
from pipeline.errors import SetupError
from pipeline.frame import OBJECT, Frame, FrameSpec, Image, Layout
from pipeline.stage import live
from stages.network import OnNetwork
from stages.segmentation.growth import grow_mask
from stages.target.candidates import Sight, from_planes, joined, within
from stages.target.closer import CloseLook
from stages.target.memory import TARGETS, WAITING, Goal
from stages.target.scene import Scene
from stages.target.small import Small
from stages.target.thing import ColourCutter
from stages.target.tracker import Tracker
from stages.target.wishes import Wish, inside_picture, parse_wish
from stages.zones import Zoned, fingerprint


class Target(Zoned, OnNetwork):
    """Follows what was pointed at, through occlusion, changes of size and a moving camera; never looks ahead."""

    reads: ClassVar[tuple[str, ...]] = ("image", "found", "labels")
    writes: ClassVar[tuple[str, ...]] = ("objects", "mask")
    stateful: ClassVar[bool] = True

    targets: list[str] = Field(
        default=[],
        max_length=TARGETS,
        description="what to follow: x,y,w,h@frame in pixels, or class:number@frame by score, as car:2@10",
    )
    model: str = Field(
        default="yolov7-seg", description="looks again, closely, at each target; knows the classes of `segmentation`"
    )
    confidence: float = live(default=0.1, gt=0, lt=1, description="what is scored below this is ignored there")
    iou: float = live(default=0.45, gt=0, le=1, description="boxes of one class that overlap more are one object")
    size: int = Field(default=384, ge=64, le=4096, multiple_of=32, description="long side of that look, pixels")
    promptable: Literal["sam2", "mobile_sam"] | None = Field(
        default=None, description="the model that cuts out what no detector knows; none: its colours do"
    )
    grow: int = live(default=8, ge=0, le=256, description="pixels by which the mask is dilated")
    hold: int = live(default=15, ge=0, le=1000, description="frames for which a mask is moved on that nobody confirms")

    _tracker: Tracker = PrivateAttr()
    _looker: Segmenter = PrivateAttr()
    _missing: tuple[str, ...] = PrivateAttr(default=())

    @field_validator("targets")
    @classmethod
    def _readable(cls, value: list[str]) -> list[str]:
        for text in value:
            parse_wish(text)
        return value

    def weights_needed(self) -> list[str]:
        """What is fetched before a run."""
        prompted = weights_needed("prompt", self.promptable) if self.promptable else []
        return weights_needed("segment", self.model, self.weights) + prompted

    def memory(self, spec: FrameSpec) -> Layout:
        """Who is followed, and the former picture."""
        return Tracker.layout(Small(spec.height, spec.width))

    def setup(self, spec: FrameSpec) -> None:
        """Hold every target against the stream and load what looks. Raises SetupError."""
        wishes = [parse_wish(text) for text in self.targets]
        _check(wishes, spec)
        try:
            segmenter = self._segmenter([wish.name for wish in wishes if wish.name])
            cutter = load_promptable(self.promptable, device=self.device) if self.promptable else None
        except ModelError as error:
            raise SetupError(str(error)) from error
        closer, self._looker = CloseLook(segmenter), segmenter
        self.context.model(**segmenter.info.facts())
        self.context.warmed(closer.warm_up(spec.height, spec.width))
        if cutter is not None:
            self.context.model(**cutter.info.facts())
            self.context.warmed(cutter.warm_up())
        small, tell = Small(spec.height, spec.width), self.context.note
        self._tracker = Tracker(small, wishes, segmenter.names, closer, cutter or ColourCutter(), tell)

    def changed(self, fields: frozenset[str]) -> None:
        """Takes over the thresholds."""
        self._looker.tune(classes=self._looker.names, confidence=self.confidence, iou=self.iou)

    def _segmenter(self, named: list[str]) -> Segmenter:
        """Ready to find everything that it knows. Raises ModelError, also where a class in `named` is none of these."""
        segmenter = load_segmenter(
            self.model,
            classes=named,
            weights_file=self.weights,
            confidence=self.confidence,
            iou=self.iou,
            size=self.size,
            engine=self.engine,
            device=self.device,
            precision=self.precision,
        )
        segmenter.tune(classes=segmenter.names, confidence=self.confidence, iou=self.iou)
        return segmenter

    def process(self, frame: Frame) -> None:
        """Write `objects` and `mask`. Depends on nothing but the frame and its `before`. Raises RunError where there is
        nothing of a class that was asked for."""
        sight = Sight(frame.image, self._tracker.small)
        seen = from_planes(frame, sight)
        lasting = frame.before, frame.after
        state, scene = self._tracker.step(frame.index, sight, seen, *lasting, self.hold, looked=frame.looked)
        goals = zip(self.targets, state.goals, strict=True)
        self._missing = tuple(text for text, goal in goals if goal.state == WAITING)
        frame.mask[:] = 0
        rows = []
        for at, goal in enumerate(state.goals):
            if self._paint(at, goal, scene, frame.mask):
                rows.append(_row(at, goal, sight))
        grow_mask(frame.mask, self.grow)
        self.conclude(frame, np.array(rows, OBJECT), fingerprint([goal.state != WAITING for goal in state.goals]))

    def close(self) -> None:
        """Say which targets have never come into sight: a stream may end before a target's frame."""
        for text in self._missing:
            self.context.note(f"target {text}: not there before the run ended; nothing was removed for it")
            self.context.error("targets never there")

    def _paint(self, at: int, goal: Goal, scene: Scene, out: Image) -> bool:
        """Add a target's mask to `out`; whether there is anything to be seen of it."""
        mine = [one.fine for (owner, _), one in scene.taken.items() if owner == at]
        if not mine:
            return False
        whole = joined(mine)
        through = self._tracker.see_through(at, goal, scene)
        if through is not None:
            shining = within(scene.sight.small.enlarge(through), whole)
            whole = Patch(whole.x, whole.y, cv2.subtract(whole.mask, shining))
        view = within(out, whole)
        np.maximum(view, whole.mask, out=view)
        return bool(whole.mask.any())


def _row(at: int, goal: Goal, sight: Sight) -> np.void:
    """A target as a row of `objects`: its number from 0, its chief part's class, the box around all parts."""
    row = np.zeros(1, OBJECT)
    row["track"], row["cls"], row["score"] = at, goal.parts[0].cls, goal.parts[0].score
    row["box"], row["landmarks"] = sight.small.full_box(goal.box), np.nan
    return row[0]  # type: ignore[no-any-return]


def _check(wishes: Sequence[Wish], spec: FrameSpec) -> None:
    """Raises SetupError where this stream cannot have it."""
    if not wishes:
        raise SetupError("no target: say what to follow with --target x,y,w,h@frame or --target class:number@frame")
    for wish in wishes:
        if wish.box is not None and inside_picture(wish, spec.height, spec.width) is None:
            raise SetupError(f"target {wish.text!r}: outside the picture, which is {spec.width}x{spec.height} pixels")
        whole = spec.start is None and spec.end is None  # a part of a file has about so many
        if whole and spec.declared_frames is not None and wish.frame >= spec.declared_frames:
            raise SetupError(
                f"target {wish.text!r}: there is no frame {wish.frame}: the input has {spec.declared_frames}, from 0"
            )
