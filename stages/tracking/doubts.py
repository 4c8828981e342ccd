"""Doubts: whether a track's number is still the one's to whom it was given; knows no rule.

Numbers go on from place to place: where two of a kind cross, or one is out of sight while another comes, the number may
pass to a stranger. Who is kept in the picture by his number is therefore covered

- while another of his kind lies noticeably over his box (`NEAR`), and until both were found apart from each other in
  `APART` frames, if both were found in every frame in which they met;
- for as long as he is followed, if one of the two was not found in one of these frames, or came near (`REACH`) while
  one of them was not found: then nobody can say who is who;
- the same where he was not found in `LAPSE` frames in a row;
- in every frame in which he is not found himself.

Such a doubt ends when his number is no longer asked for: whoever looks at the picture may then give it anew.
"""

from __future__ import annotations

from collections.abc import Collection

import numpy as np
from numpy.typing import NDArray

from pipeline.frame import Table
from stages.tracking import match
from stages.tracking.crowd import Crowd
from stages.tracking.pairing import Pairs, sure

NEAR = 0.1  # of the smaller box's area, both larger by WIDER
WIDER = 0.1  # of a box's sides
REACH = 0.5  # of a box's sides: as far as somebody comes in the frames in which nobody sees him
APART = 3  # frames
LAPSE = 5  # frames
LOST = -1.0  # a doubt that does not end

Floats = NDArray[np.float64]


def believed(crowd: Crowd, numbers: Collection[int], rows: Table, found: Pairs, *, anew: bool) -> set[int]:
    """Whose number is surely his own in this frame: rows of the crowd's table, of those with these `numbers`.

    Goes on from what was noted in the frame before, unless rules are asked `anew`."""
    alive = crowd.alive()
    row_of = {at: row for row, at in found.items()}
    ids = crowd.of("id", alive).astype(int).tolist()
    certain = set()
    for at, track in zip(alive, ids, strict=True):
        asked = track in numbers
        if anew or not asked:
            crowd.note("doubt", at, 0)
            crowd.note("lapse", at, 0)
        if asked and _is_himself(crowd, at, alive, rows, row_of) and at in row_of:
            certain.add(at)
    return certain


def _is_himself(crowd: Crowd, at: int, alive: list[int], rows: Table, row_of: dict[int, int]) -> bool:
    """Note what this frame says, and tell whether there is no doubt left."""
    doubt, lapse = (float(crowd.of(field, [at])[0]) for field in ("doubt", "lapse"))
    lapse = 0 if at in row_of else lapse + 1
    crowd.note("lapse", at, lapse)
    met, blind = _meets(crowd, at, alive, rows, row_of)
    if doubt == LOST or lapse >= LAPSE or blind:
        doubt = LOST
    elif met:
        doubt = APART
    elif doubt > 0 and at in row_of:
        doubt -= 1
    crowd.note("doubt", at, doubt)
    return doubt == 0


def _meets(crowd: Crowd, at: int, alive: list[int], rows: Table, row_of: dict[int, int]) -> tuple[bool, bool]:
    """Whether another of his kind lies over him, and whether one came near while he or that one was not found."""
    mine, kind = _places(crowd, at, rows, row_of), crowd.of("cls", [at])[0]
    met = blind = False
    for other in alive:
        if other == at or crowd.of("cls", [other])[0] != kind:
            continue
        near = _common(mine, _places(crowd, other, rows, row_of), WIDER)
        seen = at in row_of and other in row_of
        met |= seen and near
        blind |= not seen and _common(mine, _places(crowd, other, rows, row_of), REACH)
    loose = [n for n in np.flatnonzero(sure(rows)).tolist() if n not in row_of.values() and rows["cls"][n] == kind]
    if loose and _common(mine, rows["box"][loose].astype(float), WIDER):
        met = True
    return met, blind


def _places(crowd: Crowd, at: int, rows: Table, row_of: dict[int, int]) -> Floats:
    """Boxes [N, 4] of where somebody is, or may be."""
    if at in row_of:
        return rows["box"][[row_of[at]]].astype(float)
    return np.stack((crowd.boxes([at])[0], crowd.rect(at)))


def _common(ones: Floats, others: Floats, wider: float) -> bool:
    """Whether one of these boxes lies noticeably over one of those, all of them larger by a share of their sides."""
    ones, others = match.swell(ones, wider), match.swell(others, wider)
    least = np.minimum(match.areas(ones)[:, None], match.areas(others)[None])
    return bool((match.intersections(ones, others) > NEAR * least).any())
