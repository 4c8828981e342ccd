"""How much of what identifies somebody is covered: clips through the command line, photos through the stages."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from importlib import resources
from pathlib import Path
from typing import Any

import numpy as np
import yaml

from benchmarks import privacy_clips as clips
from benchmarks.privacy_clips import Clip, Place
from benchmarks.privacy_judge import ENOUGH, figures, inner, judge
from benchmarks.privacy_runs import cleanplate
from pipeline.config import load_config
from pipeline.frame import FrameSpec, Image
from pipeline.inline import Inline
from stages.privacy import finders

LOSSLESS = "output.codec=ffv1"
FORGETFUL = "benchmarks.privacy_stages:Forgetful"
VEHICLES = (
    "detection.detectors=[yolov5s-seg]", "detection.classes=[car, motorcycle, bus, truck]", "detection.confidence=0.25",
    "detection.low=0.1",
)  # fmt: skip

Told = Callable[[str], None]


@dataclass(frozen=True)
class Way:
    """A shipped configuration, what is set in it, and whether its detector misses frames at random."""

    config: str
    says: str
    sets: Sequence[str] = ()
    forgets: bool = False

    def write(self, folder: Path) -> Path | str:
        """What `cleanplate run` is given: its name, or a file where a stage is another."""
        if not self.forgets:
            return self.config
        content = yaml.safe_load((resources.files("configs") / f"{self.config}.yaml").read_text())
        stage = next(stage for stage in content["stages"] if stage["name"] == "detection")
        stage["uses"] = FORGETFUL
        path = folder / f"{self.config}.yaml"
        path.write_text(yaml.safe_dump(content, sort_keys=False))
        return path


FACES = (
    Way("privacy-faces", "as shipped: held for a second"),
    Way("privacy-faces", "and seen 5 frames ahead: delay 5", ("delay=5",)),
    Way("privacy-faces", "nothing held", ("tracking.hold=0",)),
    Way("privacy-faces", "no answer in 20 % of the frames", forgets=True),
    Way("privacy-faces", "no answer in 20 %, delay 5", ("delay=5",), forgets=True),
    Way("privacy-faces", "no answer in 20 %, nothing held", ("tracking.hold=0",), forgets=True),
)
PLATES = (
    Way("privacy-plates", "as shipped: the offline cascade"),
    Way("privacy-plates", "the vehicles covered instead", VEHICLES),
)


def of_clip(way: Way, clip: Clip) -> dict[str, Any]:
    """The figures of one clip, from lossless output: no encoder is judged. Raises RunError."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        ran = cleanplate(way.write(folder), clip.path, folder / "out.mkv", LOSSLESS, *way.sets)
        outcome = judge(clips.pictures(clip.path), clips.pictures(ran.output), clip.truth, clip.rate)
    return {"says": way.says, "sets": list(way.sets), "blanked": ran.report["frames"]["blanked"], **figures(outcome)}


def of_photos(way: Way, photos: Iterable[tuple[Image, Sequence[Place]]]) -> dict[str, Any]:
    """The figures of pictures that are known by themselves: told by the mask, as what is black may be covered black.

    `contained`: whose whole box is masked; `masked_share`: how much of a photo is, on the mean."""
    looks = [(_look(mask, places), float((mask > 0).mean())) for mask, places in _masks(way, photos)]
    seen = [one for found, _ in looks for one in found]
    return {
        "says": way.says,
        "sets": list(way.sets),
        "seen": len(seen),
        "covered": sum(covered for covered, _ in seen),
        "contained": sum(contained for _, contained in seen),
        "recall": round(sum(covered for covered, _ in seen) / max(1, len(seen)), 4),
        "masked_share": round(float(np.mean([share for _, share in looks])), 4) if looks else 0.0,
    }


def _look(mask: Image, places: Sequence[Place]) -> list[tuple[bool, bool]]:
    """Of each that has to be covered: whether its box is, but for its rim, and whether all of it is."""
    found = []
    for place in places:
        if place.must:
            x0, y0, x1, y1 = (max(0, round(at)) for at in place.box)
            share = float((mask[inner(place.box, mask.shape)] > 0).mean())
            found.append((share >= ENOUGH, bool((mask[y0:y1, x0:x1] > 0).all())))
    return found


def _masks(way: Way, photos: Iterable[tuple[Image, Sequence[Place]]]) -> Iterator[tuple[Image, Sequence[Place]]]:
    """Each photo's mask with what is known of it. Each is done by itself: what is tracked of another is none of its."""
    plan = load_config(way.config, sets=list(way.sets), given="pictures", wanted="null:")
    looks = [built for built in plan.stages if built.name in ("ingest", "detection", "tracking")]
    with _loaded_once():
        for image, places in photos:
            with Inline(looks, FrameSpec(width=image.shape[1], height=image.shape[0])) as steps:
                yield steps.process(image).mask.copy(), places


@contextmanager
def _loaded_once() -> Iterator[None]:
    """A model that was loaded for one photo does for the next: sixty times as soon."""
    load = finders.load
    finders.load = cache(load)
    try:
        yield
    finally:
        finders.load = load


def all_recalls(data: Path, told: Told, *, quick: bool = False) -> dict[str, Any]:
    """Every table of recall, from the test data in that folder. Raises RunError, OSError."""
    found: dict[str, Any] = {}
    for name, ways in (("faces_crowd", FACES), ("plate_162", PLATES)):
        clip = clips.known(data, name)
        found[name] = [_telling(name, of_clip(way, clip), told) for way in ways[: 1 if quick else None]]
    still, plates = [clips.city(data)], list(clips.photos(data))[: 3 if quick else None]
    found["city"] = [_telling("city", of_photos(FACES[0], still), told)]
    found["plates_eu"] = [_telling("plates_eu", of_photos(way, plates), told) for way in PLATES]
    return found


def _telling(name: str, one: dict[str, Any], told: Told) -> dict[str, Any]:
    told(f"{name}, {one['says']}: {one['covered']} of {one['seen']}")
    return one
