"""Pieces: where a video is cut, and what comes before each piece to warm up what remembers. Pure arithmetic."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction

import numpy as np

from pipeline.jobs.index import Index


@dataclass(frozen=True)
class Piece:
    """A segment of a video. Time stamps are ticks of the index; those from `first` up to `stop` (None: to the end) are
    its own pictures, `frames` of them; the `lead` pictures from `lead_from` up to `first` come before them, the `tail`
    pictures up to `tail_stop` (None: to the end) behind them, and both are only looked at."""

    index: int
    first: int
    stop: int | None
    frames: int
    lead_from: int
    lead: int
    tail: int = 0
    tail_stop: int | None = None


def pieces(index: Index, cuts: Sequence[int], preroll: Fraction, tail: int = 0) -> list[Piece]:
    """The pieces between `cuts`, the time stamps at which one begins; the first one begins at the first picture. The
    lead is `preroll` seconds, `tail` as many pictures as stages look ahead."""
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
        made.append(Piece(number, begin, stop, behind - at, int(pts[warm]), at - warm, over - behind, tail_stop))
    return made


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
