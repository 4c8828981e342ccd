"""Tracking: from what was found in each frame by itself to objects and a mask that go on in time."""

from __future__ import annotations

from typing import ClassVar

import cv2
import numpy as np
from pydantic import PrivateAttr

from pipeline.frame import HELD, KEPT, LOW, OBJECT, Frame, FrameSpec, Image, Layout, Table
from pipeline.stage import live
from stages.box import tight_box
from stages.rules import RuleList, Rules
from stages.segmentation.growth import grow_mask
from stages.tracking import shapes, stamps, unseen
from stages.tracking.ahead import Ahead
from stages.tracking.choosing import Choosing
from stages.tracking.crowd import Crowd
from stages.tracking.flow import Motion, changed_by, whole_motion
from stages.tracking.pairing import Pairs, at_border, pair, pieces, stirred, sure
from stages.tracking.ruling import Ruling, cover_over
from stages.zones import fingerprint

DOUBT = 0.5  # evidence below this is worth no holding; from one more on all of it


class Tracking(Choosing):
    """Gives every object a number and writes the union of the masks of those that are removed, also where one is not
    found for some frames.

    Masks move with what they show, and a limb that is missing in one frame stays. Somebody who was seen but once and
    hardly is not held. Without a detector's look (see `every` of segmentation) masks are moved on.
    """

    reads: ClassVar[tuple[str, ...]] = ("image", "found", "labels")
    writes: ClassVar[tuple[str, ...]] = ("objects", "mask")
    stateful: ClassVar[bool] = True
    looks_ahead: ClassVar[bool] = True

    hold: float = live(
        default=1.0, ge=0, le=30, description="seconds for which what is no longer found stays masked and followed"
    )
    carry: int = live(
        default=1, ge=0, le=30, description="looks for which a limb stays in the mask after it was last found"
    )

    rules: RuleList = live(
        default=[],
        description="of who is removed, whom to keep in the picture all the same and whom to cover in which way:"
        " [{when: {class: [face], zone: [[x, y], ...], track: [3], min_size: 40, max_size: 90}, do: keep}]; the first"
        " that fits counts; `do` may be keep or an effect of `cover`",
    )

    hold_all: bool = live(
        default=False,
        description="hold everything that long, also what was found but once and hardly; for privacy, where it is"
        " better to cover nobody for a while than to show somebody",
    )

    _motion: Motion = PrivateAttr()
    _ahead: Ahead = PrivateAttr()
    _rate: float = PrivateAttr(default=30.0)

    def memory(self, spec: FrameSpec) -> Layout:
        """Everybody who is followed; `small`: the last picture, reduced; `last`: 1 where there was one, its index;
        `ruled`: see `Ruling`."""
        small = Motion(spec.height, spec.width).size
        own: Layout = {"small": (small, "u1"), "last": ((2,), "i8"), "ruled": ((3,), "i8")}
        return Crowd.memory() | unseen.memory() | own

    def setup(self, spec: FrameSpec) -> None:
        self._motion, self._rate = Motion(spec.height, spec.width), float(spec.rate)
        self.changed(frozenset({"hold_all"}))

    def changed(self, fields: frozenset[str]) -> None:
        if "hold_all" in fields:
            self._ahead = Ahead(self._motion, everything=self.hold_all)

    def process(self, frame: Frame) -> None:
        """Write `objects` and `mask`. Depends on nothing but the frame, its `before` and its `later`."""
        crowd, rows = Crowd(frame.before, frame.after), frame.found
        self._motion.reduce(frame.image, frame.after["small"])
        unseen.note(frame)
        self._go_on(frame, crowd)
        found: Pairs = {}
        extra: Pairs = {}
        if frame.looked:
            expected = crowd.boxes(crowd.alive())
            found = pair(crowd, rows)
            extra = pieces(crowd, rows, found, expected)
            self._begin(frame, crowd, found, extra)
            for row, at in (*found.items(), *extra.items()):
                box = rows["box"][row].astype(float)
                shapes.renew(crowd, at, frame.labels, row + 1, box, self.carry if sure(rows)[row] else None)
        weak = [at for row, at in found.items() if rows["flags"][row] & LOW]
        beside = self._ahead.add(frame, crowd, frame.mask.shape, weak) if frame.later else []
        self._end(crowd, frame.mask.shape)
        ruling = self._ruled(frame, crowd, found, extra)
        goes = {at: self._goes(crowd, at, ruling) for at in crowd.alive()}
        shown = self._shown(rows, found, extra, goes, ruling)
        _paint(frame.labels, shown, len(rows), frame.mask)
        objects = self._objects(frame, crowd, found, goes, ruling, shown)
        followed = crowd.of("id", list(goes)).astype(int).tolist()
        going = dict(zip(followed, goes.values(), strict=True))
        for track, stamp, rect in beside:
            if going.get(track, self.removed(track)) or (ruling is not None and track in ruling.found):
                stamps.draw(stamp, rect, frame.mask)
        if not self.removes_all or self.rules:
            self._close(frame, found, extra, goes, shown, objects)
        said = self.choice(int(frame.planes["found"]["choice"][0]), followed, crowd.last_id)
        if ruling is not None:
            said = fingerprint(said, self.rules, ruling.conclude(frame.after))
        self.conclude(frame, np.array(objects, OBJECT), said)
        frame.planes["objects"]["skipped"][0] = unseen.is_unseen(frame)

    def _go_on(self, frame: Frame, crowd: Crowd) -> None:
        known, last = frame.before["last"].tolist()
        frame.after["last"][:] = 1, frame.index
        if not known or not (crowd.alive() or frame.behind):
            return
        was, now = frame.before["small"], frame.after["small"]
        flow = self._motion.between(was, now)
        if not self._motion.same_scene(was, now, flow):
            crowd.clear()
            unseen.forget(frame)
        elif crowd.alive():
            shapes.go_on(crowd, self._motion, was, now, flow, max(1, frame.index - last), frame.mask.shape)

    def _begin(self, frame: Frame, crowd: Crowd, found: Pairs, taken: Pairs) -> None:
        """Tracks for what was surely found and for who enters the picture, hardly seen as yet."""
        rows, is_sure = frame.found, sure(frame.found)
        entering = self._entering(frame, [n for n in np.flatnonzero(~is_sure).tolist() if n not in (*found, *taken)])
        for row in [*(n for n in np.flatnonzero(is_sure).tolist() if n not in found), *entering]:
            at = crowd.begin(rows[row], float(rows[row]["score"]) if is_sure[row] else 0.0)
            if at is not None:
                found[row] = at

    def _entering(self, frame: Frame, loose: list[int]) -> list[int]:
        """Those at the picture's edge where more stirs than elsewhere."""
        height, width = frame.mask.shape
        boxes = frame.found["box"].astype(float)
        near = [row for row in loose if at_border(boxes[row], width, height)]
        if not near or not frame.before["last"][0]:
            return []
        was, now = frame.before["small"], frame.after["small"]
        change = changed_by(was, now, whole_motion(self._motion.between(was, now)))
        return [row for row in near if stirred(change, boxes[row] / self._motion.scales)]

    def _end(self, crowd: Crowd, shape: tuple[int, ...]) -> None:
        """No longer follow those who were missed for too long for how well they were known, and those who left."""
        for at in crowd.alive():
            missed, evidence = (float(crowd.of(field, [at])[0]) for field in ("missed", "evidence"))
            if not missed:
                continue
            known = 1.0 if self.hold_all else min(1.0, max(0.0, evidence - DOUBT))
            allowed = self.hold * self._rate * known
            left = [shapes.left(place, shape) for place in (crowd.boxes([at])[0], crowd.rect(at))]  # may be; seen to be
            if missed > allowed or (all(left) if self.hold_all else any(left)):
                crowd.end(at)

    def _ruled(self, frame: Frame, crowd: Crowd, found: Pairs, extra: Pairs) -> Ruling | None:
        if not self.rules:
            frame.after["ruled"][:] = frame.before["ruled"]
            return None
        return Ruling(Rules(self.rules, frame.mask.shape), frame, crowd, found, extra)

    def _goes(self, crowd: Crowd, at: int, ruling: Ruling | None) -> bool:
        """Whether somebody is removed."""
        ruled_out = ruling is not None and ruling.tracks[at] & KEPT
        return not ruled_out and self.removed(int(crowd.of("id", [at])[0]))

    def _shown(self, rows: Table, found: Pairs, extra: Pairs, goes: dict[int, bool], ruling: Ruling | None) -> Image:
        """For each label 255 where its pixels are to be masked, else 0."""
        shown = np.zeros(256, np.uint8)
        if self.remove == "all":  # more than can be followed, too
            shown[1 : len(rows) + 1] = np.where(sure(rows), 255, 0)
        for row, bits in ruling.loose.items() if ruling is not None else ():
            if bits & KEPT:
                shown[row + 1] = 0
        for row, at in (*found.items(), *extra.items()):
            shown[row + 1] = 255 if goes.get(at, self.remove == "all") else 0  # a part of who has just been ended
        return shown

    def _objects(
        self, frame: Frame, crowd: Crowd, found: Pairs, goes: dict[int, bool], ruling: Ruling | None, shown: Image
    ) -> list[np.void]:
        """The rows of all that is known to be there. What of somebody no label shows now is drawn into the mask."""
        rows, row_of = frame.found, {at: row for row, at in found.items()}
        objects = []
        for at, gone in goes.items():
            objects.append(_object(crowd, at, rows, row_of.get(at), frame.mask.shape))
            if gone:
                shapes.draw(crowd, at, at in row_of, frame.mask)
            objects[-1]["flags"] |= KEPT if not gone else ruling.tracks[at] if ruling is not None else 0
        for row in np.flatnonzero(sure(rows)).tolist():  # more than can be followed
            if row not in found:
                objects.append(rows[row].copy())
                objects[-1]["track"] = crowd.next_id()
                gone = bool(shown[row + 1])
                objects[-1]["flags"] |= KEPT if not gone else ruling.loose[row] if ruling is not None else 0
        return objects

    def _close(
        self, frame: Frame, found: Pairs, extra: Pairs, goes: dict[int, bool], shown: Image, objects: list[np.void]
    ) -> None:
        """Cover also what of those who are removed lies over who stays."""
        count = len(frame.found)
        stays = np.zeros(256, np.uint8)
        stays[1 : count + 1] = np.where(sure(frame.found), ~shown[1 : count + 1], 0)
        for row, at in (*found.items(), *extra.items()):
            stays[row + 1] = 0 if goes.get(at, self.remove == "all") else 255
        cover_over(frame.labels, stays, objects, bool(self.rules), frame.mask)
        _overlap(frame.labels, shown, count, frame.mask, self.overlap)


def _paint(labels: Image, shown: Image, count: int, mask: Image) -> None:
    """Write into `mask` what `shown` says of each of the labels, 1 to `count`."""
    if shown[1 : count + 1].all():  # as nearly always, and six times as fast
        cv2.threshold(labels, 0, 255, cv2.THRESH_BINARY, dst=mask)
    elif not shown.any():
        mask[:] = 0
    else:
        cv2.LUT(labels, shown, dst=mask)


def _overlap(labels: Image, shown: Image, count: int, mask: Image, pixels: int) -> None:
    """Grow `mask` by so many pixels over what stays: labels are grown where nobody else is, and the rim over who stays
    would be missing."""
    tight = tight_box(mask)
    if tight is None or shown[1 : count + 1].all():
        return
    area = tight.grown(pixels, *mask.shape)
    grown, stays = area.of(mask).copy(), np.zeros(256, np.uint8)
    stays[1 : count + 1] = ~shown[1 : count + 1]
    grow_mask(grown, pixels)
    cv2.bitwise_and(grown, cv2.LUT(area.of(labels), stays), dst=grown)
    cv2.bitwise_or(area.of(mask), grown, dst=area.of(mask))


def _object(crowd: Crowd, at: int, rows: Table, row: int | None, shape: tuple[int, ...]) -> np.void:
    """A row of `objects`: what was found, or where somebody must be."""
    if row is not None:
        known: np.void = rows[row].copy()
    else:
        known = np.zeros(1, OBJECT)[0]
        known["cls"], known["score"] = crowd.of("cls", [at])[0], crowd.of("score", [at])[0]
        known["box"] = np.clip(crowd.boxes([at])[0], 0, np.array([shape[1], shape[0]] * 2))
        known["flags"], known["landmarks"] = HELD, np.nan
    known["track"] = crowd.of("id", [at])[0]
    return known
