"""Repair: masks what a list says, frame by frame, so that Cover covers it; for what a review has found to be left."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
from pydantic import Field, PrivateAttr

from models.classes import NAMES
from pipeline.errors import SetupError
from pipeline.frame import OBJECT, Frame, FrameSpec
from pipeline.stage import Transform
from stages.privacy.sightings import Box, Span

GROW = 0.35  # of its sides, by which a box is enlarged on every side
LEAST_GROW = 4  # pixels
MARGIN = 8  # frames before the first sighting and after the last
VERSION = 1

Places = dict[int, list[tuple[int, Box]]]
"""By frame: class and box of everything to be covered."""


class Repair(Transform):
    """Writes `objects` and `mask` from a list; what is not in it stays as it is."""

    reads: ClassVar[tuple[str, ...]] = ("image",)
    writes: ClassVar[tuple[str, ...]] = ("objects", "mask")

    places: str = Field(description="a JSON file as `cleanplate verify --repair` makes it")

    _places: Places = PrivateAttr(default_factory=dict)

    def setup(self, spec: FrameSpec) -> None:
        """Raises SetupError, also where the list is that of pictures of another size."""
        try:
            content = json.loads(Path(self.places).read_text())
            size = content["width"], content["height"]
            self._places = {int(at): [(cls, tuple(box)) for cls, box in rows] for at, rows in content["places"].items()}
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise SetupError(f"{self.places}: not a list of what is to be covered ({error})") from error
        if size != (spec.width, spec.height):
            raise SetupError(f"{self.places}: is for pictures of {size}, not of {spec.width}x{spec.height}")

    def process(self, frame: Frame) -> None:
        rows = self._places.get(frame.index, [])
        table = np.zeros(len(rows), OBJECT)
        table["landmarks"] = np.nan
        frame.mask[:] = 0
        for at, (cls, (x0, y0, x1, y1)) in enumerate(rows):
            left, top = max(0, int(np.floor(x0))), max(0, int(np.floor(y0)))
            frame.mask[top : max(0, int(np.ceil(y1))), left : max(0, int(np.ceil(x1)))] = 255
            table[at]["track"], table[at]["cls"], table[at]["score"], table[at]["box"] = at, cls, 1, (x0, y0, x1, y1)
        frame.put_objects(table)


def places_of(spans: Iterable[Span], *, margin: int = MARGIN) -> Places:
    """Where each span's thing is in every frame of it and `margin` beside: between two sightings on the way from one to
    the other, grown."""
    found: Places = {}
    for span in spans:
        seen = sorted({one.frame: one for one in span.sightings}.values(), key=lambda one: one.frame)
        frames = [one.frame for one in seen]
        boxes = np.array([one.box for one in seen], float)
        wanted = np.arange(max(0, frames[0] - margin), frames[-1] + margin + 1)
        tracks = np.stack([np.interp(wanted, frames, boxes[:, side]) for side in range(4)], axis=1)
        grow = np.maximum(LEAST_GROW, GROW * (tracks[:, 2:] - tracks[:, :2]))
        tracks[:, :2] -= grow
        tracks[:, 2:] += grow
        for frame, (x0, y0, x1, y1) in zip(wanted.tolist(), tracks.tolist(), strict=True):
            found.setdefault(frame, []).append((NAMES.index(span.name), (x0, y0, x1, y1)))
    return found


def written(places: Places, width: int, height: int) -> dict[str, Any]:
    """The content of the file that `Repair` reads."""
    rows = {str(at): [[cls, [round(side, 2) for side in box]] for cls, box in of] for at, of in places.items()}
    return {"repair": VERSION, "width": width, "height": height, "places": rows}
