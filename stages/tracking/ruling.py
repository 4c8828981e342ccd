"""Ruling: what the rules say of everybody in one frame, and which pixels they speak of; knows no field of a stage."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import partial
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from models.classes import IDENTITY
from pipeline.frame import KEPT, Arrays, Frame, Image
from stages.box import Box
from stages.rules import NOBODY, UNKNOWN, Rules, Somebody
from stages.segmentation.labels import MOST
from stages.tracking import doubts, match, stamps
from stages.tracking.crowd import Crowd
from stages.tracking.pairing import Pairs, sure

GROWN = 0.25  # of a face's or a plate's sides, at every side: so much is covered of one that lies over who is kept

TURNS, GONE, INDEX = range(3)  # of `ruled`
NOW, ONCE = 1, 2  # who is kept, and who was

Part = tuple[Box, Image]


class Ruling:
    """What is said of the tracks (`tracks`, by rows of the crowd's table) and of rows that are too many to be followed
    (`loose`): see `Rules.say`.

    `ruled`, lasting memory of three numbers: how often somebody who was kept came to be covered; 1 where one who was
    kept is followed no longer; one more than the index of the last frame that was ruled."""

    def __init__(self, rules: Rules, frame: Frame, crowd: Crowd, found: Pairs, extra: Pairs) -> None:
        self._frame, self._crowd, self._found = frame, crowd, found
        rows, before = frame.found, frame.before
        anew = before["ruled"][INDEX] != before["last"][1] + 1
        certain = doubts.believed(crowd, rules.watched, rows, found, anew=anew)
        shown: dict[int, list[int]] = {}
        for row, at in (*found.items(), *extra.items()):
            shown.setdefault(at, []).append(row)
        row_of = {at: row for row, at in found.items()}
        self.tracks = {
            at: rules.say(self._followed(at, row_of.get(at), shown.get(at, []), at in certain)) for at in crowd.alive()
        }
        loose = [n for n in np.flatnonzero(sure(rows)).tolist() if n not in found]
        self.found = frozenset(crowd.of("id", list(found.values())).astype(int).tolist())
        """Numbers of those found: what comes back to one of them from a later frame is somebody else."""
        self.loose = {row: rules.say(self._stray(row)) for row in loose}

    def _followed(self, at: int, row: int | None, shown: list[int], certain: bool) -> Somebody:
        crowd, rows = self._crowd, self._frame.found
        kind = int(crowd.of("cls", [at])[0])
        if row is not None and (rows["cls"][row] != kind or row >= MOST - 1):
            kind = UNKNOWN
        box = crowd.boxes([at])[0] if row is None else rows["box"][row]
        track, pixels = int(crowd.of("id", [at])[0]), partial(self._pixels, shown, at)
        return Somebody(kind, track, _sides(box), row is not None, certain, pixels)

    def _stray(self, row: int) -> Somebody:
        rows = self._frame.found
        kind = int(rows["cls"][row]) if row < MOST - 1 else UNKNOWN  # the last label may be of many: see `Detection`
        return Somebody(kind, NOBODY, _sides(rows["box"][row]), True, False, partial(self._pixels, [row], None))

    def _pixels(self, shown: Sequence[int], at: int | None) -> list[Part]:
        """All that is masked for somebody: his labels, and the rectangle of what is carried on; none where a label that
        should be there is not."""
        labels, parts = self._frame.labels, []
        for row in shown:
            tight = stamps.label_box(labels, row + 1, self._frame.found["box"][row].astype(float))
            if tight is None:
                return []
            parts.append((tight, (tight.of(labels) == row + 1).view(np.uint8) * np.uint8(255)))
        if at is not None:
            stamp, rect = self._crowd.stamp(at), self._crowd.rect(at)
            carried = cv2.compare(stamp, 1, cv2.CMP_GT) if shown else stamp
            rest = stamps.bounds(carried, rect, labels.shape)
            if rest is not None:
                box = stamps.visible(rest, labels.shape)
                parts.append((box, np.full((box.y1 - box.y0, box.x1 - box.x0), 255, np.uint8)))
        return parts

    def conclude(self, after: Arrays) -> int:
        """Note who is kept for the frame that follows. Another number than in the frame before wherever somebody may be
        covered from now on who stood in the picture in full sight."""
        crowd, ruled, before = self._crowd, after["ruled"], self._frame.before
        turned = crowd.lost()
        ruled[:] = before["ruled"]
        ruled[GONE] |= turned
        for at, bits in self.tracks.items():
            kept = int(crowd.of("kept", [at])[0])
            turned |= kept == NOW and not bits & KEPT
            crowd.note("kept", at, NOW if bits & KEPT else ONCE if kept else 0)
        turned |= bool(ruled[GONE]) and crowd.last_id > before["ids"][0]  # a newcomer may be the one who is gone
        turned |= any(bits & KEPT for bits in self.loose.values())
        ruled[TURNS] += bool(turned)
        ruled[INDEX] = self._frame.index + 1
        return int(ruled[TURNS])


def cover_over(labels: Image, stays: Image, objects: Iterable[np.void], everybody: bool, mask: Image) -> None:
    """Mask the boxes of those who are covered also where the labels are those of somebody who stays (`stays`: 255 for
    them): a face in a person has left its pixels to whichever scored better. Not `everybody`: of faces and plates."""
    if not stays.any():
        return
    for one in objects:
        own = one["cls"] in IDENTITY
        if one["flags"] & KEPT or not (own or everybody):
            continue
        box = match.swell(one["box"][None].astype(float), GROWN if own else 0.0)[0]
        area = stamps.visible(box, mask.shape)
        if area.of(mask).size:
            view = area.of(mask)
            cv2.bitwise_or(view, cv2.LUT(np.ascontiguousarray(area.of(labels)), stays), dst=view)


def _sides(box: NDArray[Any]) -> tuple[float, float, float, float]:
    x0, y0, x1, y1 = (float(side) for side in box)
    return x0, y0, x1, y1
