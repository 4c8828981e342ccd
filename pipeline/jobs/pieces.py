"""Pieces: where a video is cut, and what comes before each piece to warm up what remembers. Pure arithmetic."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction

import numpy as np

from pipeline.jobs.index import Index

EVERY = Fraction(1)  # seconds between the single pictures of a lead


@dataclass(frozen=True)
class Piece:
    """A segment of a video. Time stamps are ticks of the index; those from `first` up to `stop` (None: to the end) are
    its own pictures, `frames` of them; the `lead` pictures from `lead_from` up to `first` come before them, the `tail`
    pictures up to `tail_stop` (None: to the end) behind them, and both are only looked at. Of the lead up to `dense`
    there are but single pictures of a longer time, at the time stamps `sparse`; from there on all."""

    index: int
    first: int
    stop: int | None
    frames: int
    lead_from: int
    lead: int
    tail: int = 0
    tail_stop: int | None = None
    sparse: tuple[int, ...] = ()
    dense: int | None = None

    def wants(self, pts: int) -> bool:
        """Whether a picture from `lead_from` on is one of those."""
        return self.dense is None or pts >= self.dense or pts in self.sparse


def pieces(
    index: Index, cuts: Sequence[int], preroll: Fraction, tail: int = 0, reach: Fraction = Fraction(0)
) -> list[Piece]:
    """The pieces between `cuts`, the time stamps at which one begins; the first one begins at the first picture. The
    lead is `preroll` seconds, and before that a picture for each second up to `reach` seconds before the piece; `tail`
    is as many pictures as stages look ahead."""
    pts = index.pts
    begins = sorted({int(pts[0]), *(int(cut) for cut in cuts if pts[0] < cut <= pts[-1])})
    places = [int(np.searchsorted(pts, begin)) for begin in begins]
    made = []
    for number, (begin, at) in enumerate(zip(begins, places, strict=True)):
        behind = places[number + 1] if number + 1 < len(places) else len(pts)
        warm = int(np.searchsorted(pts, begin - math.floor(preroll / index.time_base)))
        stop = begins[number + 1] if number + 1 < len(begins) else index.stop
        over = min(behind + tail, len(pts))
        tail_stop = int(pts[over]) if over < len(pts) else index.stop
        sparse = _sparse(index, warm, begin - math.floor(reach / index.time_base))
        made.append(
            Piece(
                number,
                begin,
                stop,
                behind - at,
                sparse[0] if sparse else int(pts[warm]),
                len(sparse) + at - warm,
                over - behind,
                tail_stop,
                sparse,
                int(pts[warm]) if sparse else None,
            )
        )
    return made


def _sparse(index: Index, warm: int, since: int) -> tuple[int, ...]:
    """Time stamps of a picture for each second before the one at place `warm`, none before `since`."""
    pts, step = index.pts, EVERY / index.time_base
    count = math.floor((int(pts[warm]) - max(since, int(pts[0]))) / step)
    wanted = [float(pts[warm] - number * step) for number in range(count, 0, -1)]
    places = np.unique(np.searchsorted(pts, np.array(wanted, float)))
    return tuple(int(pts[place]) for place in places if place < warm)


def cuts_by_time(index: Index, seconds: Fraction) -> list[int]:
    """A cut about every so many seconds: at the key frame next to each, where one is nearer than half of it; else at
    the picture."""
    step = seconds / index.time_base
    start, end = int(index.pts[0]), int(index.pts[-1])
    found: list[int] = []
    wanted = start + step
    while wanted < end:
        key = _nearest(index, wanted)
        cut = key if abs(key - wanted) < step / 2 else int(index.pts[np.searchsorted(index.pts, float(wanted))])
        if not found or cut > found[-1]:
            found.append(cut)
        wanted += step
    while found and end - found[-1] < step / 4:  # a remainder so short is no piece of its own
        found.pop()
    return found


def _nearest(index: Index, wanted: Fraction) -> int:
    at = int(np.searchsorted(index.keys, float(wanted)))
    around = index.keys[max(0, at - 1) : at + 1]
    return int(min(around, key=lambda key: abs(int(key) - wanted)))


def cuts_by_scene(index: Index, scenes: Sequence[int], seconds: Fraction) -> list[int]:
    """A cut at each of `scenes` (time stamps), but no piece shorter than a quarter of `seconds`; one that would be
    longer than four times that is cut by time."""
    step = seconds / index.time_base
    found: list[int] = []
    last = int(index.pts[0])
    for scene in [*scenes, int(index.pts[-1]) + 1]:
        while scene - last > 4 * step:
            last = int(index.pts[np.searchsorted(index.pts, float(last + step))])
            found.append(last)
        if scene - last >= step / 4 and scene <= index.pts[-1]:
            found.append(scene)
            last = scene
    return found
