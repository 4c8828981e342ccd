"""Pairing: which of what was found goes on with which track, in two rounds; knows no mask.

As in ByteTrack (Zhang et al., ECCV 2022): first what was found surely, then what was hardly seen, which never begins a
track. Boxes are widened before they are compared, as in C-BIoU (Yang et al., WACV 2023), the more the longer nobody saw
the track: small things move by more than their size.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from pipeline.frame import LOW, Table
from stages.tracking import match
from stages.tracking.crowd import Crowd

NEAR, NEAR_LOW = 0.2, 0.3  # least overlap with where a track is expected
WIDER = 0.1  # of a box's sides
WIDER_YET = 0.05, 8  # for each frame that it was missed, but for not more than so many
OTHER_CLASS = 0.7  # factor on the overlap: a detector may change its mind about what a thing is
PART = 0.6  # of a box's area that lies in a track's box: it is a piece of that track
BORDER = 2  # pixels from the picture's edge
STIRRED = 1.4, 4.0  # how much more than the whole picture a place changes where somebody enters: factor, levels

Floats = NDArray[np.float64]
Pairs = dict[int, int]
"""Rows of what was found to rows of the crowd's table."""


def sure(rows: Table) -> NDArray[np.bool_]:
    """Which rows are objects by themselves."""
    return rows["flags"] & LOW == 0  # type: ignore[no-any-return]


def pair(crowd: Crowd, rows: Table) -> Pairs:
    """What was found, to the tracks that it goes on with; their boxes are corrected, or missed is counted."""
    alive = crowd.alive()
    found: Pairs = {}
    if alive and len(rows):
        gain, is_sure = _gain(crowd, alive, rows), sure(rows)
        for wanted, least in ((is_sure, NEAR), (~is_sure, NEAR_LOW)):
            open_to = np.array([at not in found.values() for at in alive])
            for row, column in match.pairs(np.where(wanted[:, None] & open_to, gain, 0), least):
                found[row] = alive[column]
        for row, at in found.items():
            crowd.seen(at, rows[row], bool(is_sure[row]))
    for at in set(alive) - set(found.values()):
        crowd.miss(at)
    return found


def _gain(crowd: Crowd, alive: list[int], rows: Table) -> Floats:
    """Overlap [rows, tracks], with where a track should be by its speed or where its mask was seen to move."""
    boxes = match.swell(rows["box"].astype(float), WIDER)
    share = WIDER + np.minimum(crowd.of("missed", alive), WIDER_YET[1]) * WIDER_YET[0]
    expected = match.swell(crowd.boxes(alive), share)
    gain = np.maximum(match.overlaps(boxes, expected), match.overlaps(boxes, crowd.of("rect", alive)))
    same = rows["cls"][:, None] == crowd.of("cls", alive)[None]
    return np.where(same, gain, gain * OTHER_CLASS)


def pieces(crowd: Crowd, rows: Table, found: Pairs, expected: Floats) -> Pairs:
    """Rows hardly seen that show more of a track: an arm, or the half that a box that is too small has left out.

    `expected`: where everybody alive was expected to be, [N, 4]."""
    alive, loose = crowd.alive(), [n for n in np.flatnonzero(~sure(rows)).tolist() if n not in found]
    if not alive or not loose:
        return {}
    boxes = rows["box"][loose].astype(float)
    shares = []
    for places in (expected, crowd.of("rect", alive)):
        part = match.intersections(boxes, match.swell(places, WIDER)) / np.maximum(match.areas(boxes), 1e-9)[:, None]
        shares.append(np.where(match.overlaps(boxes, places) >= NEAR_LOW, 1, part))
    share = np.maximum(*shares)
    return {row: alive[int(share[n].argmax())] for n, row in enumerate(loose) if share[n].max() >= PART}


def at_border(box: Floats, width: int, height: int) -> bool:
    """Whether a box reaches the picture's edge."""
    return bool((box[:2] <= BORDER).any() or box[2] >= width - BORDER or box[3] >= height - BORDER)


def stirred(change: NDArray[np.uint8], box: Floats) -> bool:
    """Whether there is more change in a box (of the reduced picture) than everywhere."""
    x0, y0 = np.maximum(box[:2], 0).astype(int)
    x1, y1 = np.ceil(box[2:]).astype(int)
    inside = change[y0 : y1 + 1, x0 : x1 + 1]
    return inside.size > 0 and float(inside.mean()) > STIRRED[0] * float(change.mean()) + STIRRED[1]
