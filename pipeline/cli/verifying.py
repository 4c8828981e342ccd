"""The second look behind `cleanplate verify`: what looks for what, over a file, and what is left in it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from rich.progress import Progress, TaskID

from pipeline.cli.bars import Bars
from pipeline.errors import ConfigError, RunError

if TYPE_CHECKING:
    from stages.privacy.review import Counts, Look, Shield
    from stages.privacy.sightings import Span

FACE, PLATES, OTHERS = "centerface", ("plate-search", "plate-cascade"), "yolov5s-seg"
CONFIDENCE = {"face": 0.2, "plate": 0.3}  # with which something is seen at all; of anything else OTHER
OTHER = 0.25
UNSURE = "seen too seldom and with too low a score"
SURE = 1.5  # times that it must have once
TILES = 2  # parts side by side at least
MOST_UNMATCHED = 0.5  # of the frames, that the other file does not have


@dataclass(frozen=True)
class Wish:
    """What is to be looked for, how, and beside what."""

    out: str
    against: str | None = None
    classes: tuple[str, ...] = ("face",)
    detectors: tuple[str, ...] = ()
    used: tuple[str, ...] = ()  # detectors of the first look
    confidence: float | None = None
    every: int = 1
    shift: float | None = None  # seconds that the times of `against` are later
    device: str = "auto"


@dataclass
class Outcome:
    """What a look has found. `spans` are those that are believed, by their first frame."""

    wish: Wish
    spans: list[Span]
    counts: Counts
    models: list[dict[str, str]]
    size: tuple[int, int]
    detectors: list[str]
    further: int = 0
    notes: list[str] = field(default_factory=list)

    @property
    def result(self) -> str:
        """ "clean", or "left", or "unread": nothing was found, but not all could be looked at."""
        return "left" if self.spans or self.further else "unread" if self.counts.unread else "clean"


def options_of(wish: Wish) -> list[dict[str, Any]]:
    """The fields of the stages that look. Raises ConfigError for a class that nobody knows."""
    from models.classes import NAMES

    if unknown := [name for name in wish.classes if name not in NAMES]:
        raise ConfigError(f"--classes {unknown[0]}: there are face, plate, person, car and others of COCO")
    groups: dict[tuple[str, ...], list[str]] = {}
    for name in wish.classes:
        groups.setdefault(wish.detectors or (_usual(name, wish.used),), []).append(name)
    made = []
    for detectors, classes in groups.items():
        scores = {name: wish.confidence or CONFIDENCE.get(name, OTHER) for name in classes}
        least = min(scores.values())
        fixed = {"confidence": least, "low": least, "tiles": TILES, "padding": 0, "device": wish.device}
        made.append({"detectors": list(detectors), "classes": classes, "scores": scores, **fixed})
    return made


def _sure(wish: Wish, name: str) -> float:
    return wish.confidence or SURE * CONFIDENCE.get(name, OTHER)


def _usual(name: str, used: Sequence[str]) -> str:
    """The detector for a class; of plates the one that was not used before."""
    if name == "plate":
        return next((one for one in PLATES if one not in used), PLATES[0])
    return FACE if name == "face" else OTHERS


def fetch(wish: Wish, *, offline: bool, quiet: bool) -> None:
    """Have the weights here that the detectors need. Raises SetupError."""
    from models import weights
    from pipeline.cli.weights import bring
    from stages.privacy import finders

    for name in finders.weights_of(_names(options_of(wish)), None):
        if weights.status(name, hashed=False).state == "missing":
            bring(name, offline=offline, quiet=quiet)


def look_over(
    wish: Wish,
    *,
    shields: Iterator[Shield] | None = None,
    look: Look | None = None,
    quiet: bool = False,
) -> Outcome:
    """Go over the whole file. `look`: what finds things, in the place of detectors. Raises CleanplateError."""
    from stages.privacy.review import Beside, Counts, Eyes, Film, review, step_of
    from stages.privacy.sightings import ALONE, Spans

    options = options_of(wish)
    out = Film(wish.out)
    size = out.spec.width, out.spec.height
    eyes = None
    if look is None:
        look = eyes = Eyes(options)
        eyes.set_up(out.spec)
    other = Film(wish.against, size) if wish.against else None
    counts, spans, gap = Counts(), Spans(), max(1.0, 3 * wish.every * step_of(out.spec))
    beside = Beside(other, step_of(out.spec), wish.shift) if other else None
    total = out.spec.declared_frames
    with _Looking(quiet=quiet, total=total) as looking:
        for image, left in review(out, look, counts, beside=beside, shields=shields, every=wish.every):
            spans.add(left, image, gap)
            looking.tick(counts.frames)
    for film in (out, other):
        if film is not None:
            film.close()
    if not counts.looked:
        raise RunError(f"{wish.out}: no picture could be looked at")
    if counts.unmatched > MOST_UNMATCHED * counts.looked:
        raise ConfigError(
            f"--against {wish.against}: has no picture for {counts.unmatched} of {counts.looked} frames"
            f" of {wish.out}, or shows something else;"
            " where only a part was taken, say --start as then"
        )
    counts.unread = out.unread
    believed = []
    for span in spans.found:
        if span.believed(counts.looked, _sure(wish, span.name), every=wish.every, alone=wish.confidence or ALONE):
            believed.append(span)
        else:
            counts.dismissed[UNSURE] = counts.dismissed.get(UNSURE, 0) + len(span.sightings)
    return Outcome(
        wish, believed, counts, eyes.models if eyes else [], size, _names(options), spans.further, _notes(wish)
    )


def _names(options: Sequence[dict[str, Any]]) -> list[str]:
    return [name for of in options for name in of["detectors"]]


def _notes(wish: Wish) -> list[str]:
    if wish.against:
        return []
    return ["without --against it cannot be seen whether what is found is the original, or was drawn over it"]


class _Looking(Bars):
    """Shows how many pictures were looked at."""

    def __init__(self, *, quiet: bool, total: int | None) -> None:
        super().__init__(quiet=quiet)
        self._total = total
        self._task: TaskID | None = None

    def _begin(self, bar: Progress) -> None:
        self._task = bar.add_task("looking", total=self._total)

    def tick(self, done: int) -> None:
        """Called after every picture."""
        if self._line_is_due():
            self._write_line(f"looked at {done}{f' of {self._total}' if self._total else ''} frames")
        elif self._bar and self._task is not None:
            self._bar.update(self._task, completed=done)
