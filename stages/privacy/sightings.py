"""Sightings: what a second look finds frame by frame, put together to spans: one thing from one time to another."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from pipeline.frame import Image

GAP_S = 1.0  # between two sightings of one thing
ALONE = 0.5  # what scores more is believed at once
OFTEN = 3  # looks that must have found anything less, one of them with some confidence
MOST_SPANS = 1000  # what is found beyond is only counted
Box = tuple[float, float, float, float]


@dataclass(frozen=True, slots=True)
class Sighting:
    """One thing in one frame of the output: its class, its score, x0 y0 x1 y1 in pixels.

    `left`: of the detail that the input shows there, the share that is still seen; None where there was no input.
    `seen_in`: the picture in which a detector found it."""

    frame: int
    time: float  # seconds
    name: str
    score: float
    box: Box
    left: float | None = None
    seen_in: str = "output"


@dataclass
class Span:
    """The sightings of what seems to be one thing. `picture`: the part of the output around the best one."""

    name: str
    sightings: list[Sighting] = field(default_factory=list)
    best: Sighting | None = None
    picture: Image | None = None

    @property
    def first(self) -> Sighting:
        return self.sightings[0]

    @property
    def last(self) -> Sighting:
        return self.sightings[-1]

    @property
    def score(self) -> float:
        return self.best.score if self.best else 0.0

    def believed(self, looks: int, sure: float = 0.0, *, every: int = 1, alone: float = ALONE) -> bool:
        """Whether it is more than a mistake of one moment, of so many looks in all, at each `every`th frame: it scored
        `alone`, or it scored `sure` and was seen as often as there are looks in OFTEN frames."""
        often = min(-(-OFTEN // every), looks)
        return self.score >= alone or (self.score >= sure and len(self.sightings) >= often)


class Spans:
    """Puts sightings together as they come, in the order of their frames."""

    def __init__(self) -> None:
        self.found: list[Span] = []
        self.further = 0  # sightings beyond MOST_SPANS
        self._open: list[Span] = []

    def add(self, sightings: Sequence[Sighting], picture: Image, gap_s: float = GAP_S) -> None:
        """What was found in one frame, whose picture is [H, W, 3]."""
        if not sightings:
            return
        now = sightings[0].time
        self._open = [span for span in self._open if now - span.last.time <= gap_s]
        free = list(self._open)
        for one in sorted(sightings, key=lambda one: -one.score):
            span = max(
                (span for span in free if span.name == one.name),
                key=lambda span: _near(span.last.box, one.box),
                default=None,
            )
            if span is None or _near(span.last.box, one.box) <= 0:
                if len(self.found) >= MOST_SPANS:
                    self.further += 1
                    continue
                span = Span(one.name)
                self.found.append(span)
                self._open.append(span)
            else:
                free.remove(span)
            span.sightings.append(one)
            if span.best is None or one.score > span.best.score:
                span.best, span.picture = one, cut(picture, one.box)


def cut(picture: Image, box: Box, margin: float = 0.5) -> Image:
    """A copy of the part of a picture around a box, larger by that share of its sides on every side."""
    height, width = picture.shape[:2]
    x0, y0, x1, y1 = box
    wide, high = margin * (x1 - x0), margin * (y1 - y0)
    left, top = max(0, int(x0 - wide)), max(0, int(y0 - high))
    return picture[
        top : max(top + 1, min(height, int(y1 + high) + 1)), left : max(left + 1, min(width, int(x1 + wide) + 1))
    ].copy()


def common(one: Box, other: Box) -> float:
    """The share of both together that lies in both."""
    both = overlap(one, other)
    union = _area(one) + _area(other) - both
    return both / union if union > 0 else 0.0


def overlap(one: Box, other: Box) -> float:
    """Square pixels that lie in both."""
    wide = min(one[2], other[2]) - max(one[0], other[0])
    high = min(one[3], other[3]) - max(one[1], other[1])
    return max(0.0, wide) * max(0.0, high)


def _area(box: Box) -> float:
    return max(0.0, box[2] - box[0]) * max(0.0, box[3] - box[1])


def _near(one: Box, other: Box) -> float:
    """1 for the same place, less for places further apart, 0 and less for what cannot be the same thing."""
    reach = max(one[2] - one[0], one[3] - one[1], other[2] - other[0], other[3] - other[1], 1.0)
    away = max(abs(one[0] + one[2] - other[0] - other[2]), abs(one[1] + one[3] - other[1] - other[3])) / 2
    return 1 - away / reach
