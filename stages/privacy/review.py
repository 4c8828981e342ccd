"""Review: a second look at what came out of a privacy pipeline, harder than the first, beside what went in."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any, Protocol

import numpy as np

from models.classes import NAMES
from pipeline.errors import ConfigError, SetupError
from pipeline.frame import STANDARD_PLANES, Frame, FrameSpec, Image
from pipeline.stage import Source
from stages.ingest import Auto
from stages.privacy.alike import akin, detail, share_left
from stages.privacy.detection import Detection
from stages.privacy.sightings import Box, Sighting, common

LEFT = 0.3  # of what the input shows: a finding that shows more of it is left
ALL = 0.8  # the same where the input itself does not look like such a thing: what is beside a cover may
HIDDEN = 0.2  # of its sides: what is at the rim of a box belongs to the background
SAME = 0.45  # of their union that two boxes of one thing have in common
PLAIN = 0.4  # of a region: with less detail it is painted over in one colour, or nearly so
KEPT = "kept by a rule"
Shield = Callable[[str, Box], str]
"""What is known of the place where something was found: "" nothing, else why it is none that is left: KEPT, or what was
drawn over it, which no input is needed to believe."""


@dataclass(frozen=True)
class Seen:
    """One finding in one picture; `outline` [h, w] is not 0 in what belongs to it, None: all of the box does."""

    name: str
    score: float
    box: Box
    outline: Image | None = None


class Look(Protocol):
    """Finds things in a picture, uint8 [H, W, 3] BGR."""

    def __call__(self, image: Image) -> list[Seen]: ...


class Eyes:
    """Several detections over each picture, as it is and mirrored. `options` are the fields of each."""

    def __init__(self, options: Sequence[Mapping[str, Any]], *, mirrored: bool = True) -> None:
        self.stages = [Detection.model_validate(dict(fields)) for fields in options]
        self._mirrored = mirrored
        self._frame = Frame({})

    def set_up(self, spec: FrameSpec) -> None:
        """Load the models. Raises SetupError."""
        planes = {name: STANDARD_PLANES[name] for name in ("image", "found", "labels")}
        self._frame = Frame({name: np.zeros(plane.shape(spec), plane.dtype) for name, plane in planes.items()}, index=0)
        for stage in self.stages:
            stage.setup(spec.model_copy(update={"live": False}))

    @property
    def models(self) -> list[dict[str, str]]:
        return [facts for stage in self.stages for facts in stage.context.models]

    def __call__(self, image: Image) -> list[Seen]:
        found: list[Seen] = []
        for mirror in (False, True) if self._mirrored else (False,):
            np.copyto(self._frame.image, image[:, ::-1] if mirror else image)
            for stage in self.stages:
                stage.process(self._frame)
                found += _unmirrored(self._frame) if mirror else _seen(self._frame)
        return united(found)


def _seen(frame: Frame) -> list[Seen]:
    return [
        Seen(NAMES[row["cls"]], float(row["score"]), box, _outline(frame.labels, number, box, NAMES[row["cls"]]))
        for number, row in enumerate(frame.found, 1)
        for box in [_tuple(row["box"])]
    ]


def _unmirrored(frame: Frame) -> list[Seen]:
    width = frame.labels.shape[1]
    found = []
    for one in _seen(frame):
        x0, y0, x1, y1 = one.box
        outline = None if one.outline is None else np.ascontiguousarray(one.outline[:, ::-1])
        found.append(Seen(one.name, one.score, (width - x1, y0, width - x0, y1), outline))
    return found


def _outline(labels: Image, number: int, box: Box, name: str) -> Image | None:
    """Of what is not a face or a plate only the outline counts: in the rest of its box is the background."""
    if name in ("face", "plate"):
        return None
    x0, y0, x1, y1 = pixels(box, labels.shape)
    return np.asarray(labels[y0:y1, x0:x1] == number).view(np.uint8)


def united(found: Sequence[Seen]) -> list[Seen]:
    """The best of those that show the same thing."""
    kept: list[Seen] = []
    for one in sorted(found, key=lambda one: -one.score):
        if not any(other.name == one.name and common(other.box, one.box) >= SAME for other in kept):
            kept.append(one)
    return kept


def pixels(box: Box, size: Sequence[int]) -> tuple[int, int, int, int]:
    """The whole pixels of a box that lie in a picture of that height and width."""
    x0, y0 = (int(max(0, at)) for at in box[:2])
    return x0, y0, max(x0, min(size[1], int(np.ceil(box[2])))), max(y0, min(size[0], int(np.ceil(box[3]))))


def left_of(one: Seen, now: Image, was: Image) -> float:
    """Of the detail that `was` shows of a finding, the share that `now` still shows."""
    x0, y0, x1, y1 = pixels(one.box, now.shape)
    where = one.outline
    if where is None:
        across, down = int(HIDDEN / 2 * (x1 - x0)), int(HIDDEN / 2 * (y1 - y0))
        x0, y0, x1, y1 = x0 + across, y0 + down, x1 - across, y1 - down
    part = (slice(y0, y1), slice(x0, x1))
    if where is not None and where.shape != now[part].shape[:2]:
        where = None
    return share_left(now[part], was[part], where)


# Pictures


class Film:
    """The pictures of a file one by one: its spec, then each with its time in seconds. Valid until the next one."""

    def __init__(self, path: str, size: tuple[int, int] | None = None) -> None:
        """`size`: width and height to which they are brought. Raises SetupError, ConfigError."""
        if not os.path.exists(path):
            raise SetupError(f"{path}: there is no such file")
        options: dict[str, Any] = {"input": path}
        if size is not None:
            options |= {"width": size[0], "height": size[1]}
        kind = Auto.pick(path)
        self._source: Source = kind.model_validate(
            {name: options[name] for name in options if name in kind.model_fields}
        )
        self.spec = self._source.open()
        if size is not None and (self.spec.width, self.spec.height) != size:
            raise ConfigError(f"{path}: is {self.spec.width}x{self.spec.height} and cannot be brought to {size}")
        self._source._frame = Frame({"image": np.zeros((self.spec.height, self.spec.width, 3), np.uint8)})
        self.unread = 0  # damaged pictures, which nobody can look at
        self.place = -1  # of the last picture among all of the file, damaged ones too

    def __iter__(self) -> Iterator[tuple[float, Image]]:
        for _ in self._source.frames():
            frame = self._source.frame
            self.place += 1
            self.unread += bool(frame.rejected)
            if not frame.rejected:
                yield float(frame.pts * self.spec.time_base), frame.image
            frame.rejected = ""

    def close(self) -> None:
        self._source.close()


class Beside:
    """The pictures of the input that go with those of the output, by their times: dropped frames shift nothing.

    `shift`: seconds that an input's time is later than its output's; None: found out by the first pictures."""

    def __init__(self, film: Film, step: float, shift: float | None = None) -> None:
        self._pictures = iter(film)
        self._half = step / 2
        self._shift = shift
        self._next = next(self._pictures, None)

    def at(self, time: float) -> Image | None:
        """The input's picture of that time of the output; None where it has none."""
        if self._next is None:
            return None
        if self._shift is None:
            self._shift = 0.0 if self._next[0] <= time + self._half else self._next[0] - time
        wanted = time + self._shift
        while self._next is not None and self._next[0] < wanted - self._half:
            self._next = next(self._pictures, None)
        if self._next is None or self._next[0] > wanted + self._half:
            return None
        return self._next[1]


# The look


@dataclass
class Counts:
    """What was looked at."""

    frames: int = 0
    looked: int = 0
    unread: int = 0  # frames of the output that are damaged
    unmatched: int = 0  # frames of the output for which the input has none, or another
    dismissed: dict[str, int] = field(default_factory=dict)  # findings that are none, by why


def review(
    out: Film,
    look: Look,
    counts: Counts,
    *,
    beside: Beside | None = None,
    shields: Iterator[Shield] | None = None,
    every: int = 1,
) -> Iterator[tuple[Image, list[Sighting]]]:
    """Each frame that was looked at, with what is left in it. `shields`: what is known of each frame, in order.

    Beside an input a finding counts where it still shows what the input shows; and what is found in the input counts
    where the output has not changed it, whether a detector sees it there or not."""
    for number, (time, image) in enumerate(out):
        shield = next(shields, None) if shields is not None else None
        was = beside.at(time) if beside is not None else None
        counts.frames += 1
        if number % every:
            continue
        counts.looked += 1
        seen = look(image)
        if was is not None and not akin(image, was):
            was = None  # beside something else all that is left would look changed
        known = look(was) if was is not None else []
        counts.unmatched += beside is not None and was is None
        found = [(one, "output") for one in seen]
        found += [(one, "input") for one in known if not any(_same(one, other) for other in seen)]
        left = []
        for one, place in found:
            share = left_of(one, image, was) if was is not None else None
            enough = LEFT if any(_same(one, other) for other in known) else ALL
            if why := _dismissed(one, image, share, enough, shield):
                counts.dismissed[why] = counts.dismissed.get(why, 0) + 1
            else:
                left.append(Sighting(out.place, time, one.name, round(one.score, 3), one.box, share, place))
        yield image, left


def _dismissed(one: Seen, image: Image, share: float | None, enough: float, shield: Shield | None) -> str:
    """Why a finding is none that is left; "" where it is. `share`: of the input, and how much is too much."""
    known = shield(one.name, one.box) if shield is not None else ""
    if share is not None:
        return "not what the input shows" if share <= enough else known if known == KEPT else ""
    if known:
        return known
    x0, y0, x1, y1 = pixels(one.box, image.shape)
    return "one colour" if detail(image[y0:y1, x0:x1]) < PLAIN else ""


def step_of(spec: FrameSpec) -> float:
    """Seconds of a nominal frame."""
    return float(1 / Fraction(spec.rate))


def _same(one: Seen, other: Seen) -> bool:
    return one.name == other.name and common(one.box, other.box) >= SAME


def _tuple(box: Any) -> Box:
    x0, y0, x1, y1 = (float(at) for at in box)
    return x0, y0, x1, y1
