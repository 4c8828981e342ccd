"""Pictures: the views of a frame as JPEGs of the wished width, and what is said of it; knows no socket."""

from __future__ import annotations

import math
from collections.abc import Sequence
from fractions import Fraction
from typing import Any

from pipeline.frame import EFFECT_SHIFT, EFFECTS, HELD, KEPT, Frame, FrameSpec
from stages.codec.readings import Readings
from stages.output.page_wire import Wish
from stages.output.still import Still
from stages.output.views import Canvas, ViewName

EFFECT_OF = dict(enumerate(EFFECTS, 1))  # others: what the stage that covers does by itself
CODING = ("region_psnr", "background_psnr", "psnr", "kbps", "ratio")
ENCODERS = 8  # that are kept: pages that differ in width and quality


class Pictures:
    """Encodes the views of frames of one stream. What it makes for that is made when it is first wished for."""

    def __init__(self, spec: FrameSpec) -> None:
        self._spec = spec
        self._canvases: dict[str, Canvas] = {}
        self._stills: dict[tuple[int, int, int], Still] = {}

    def of(self, frame: Frame, wish: Wish) -> dict[str, bytes]:
        """A JPEG for each view in `wish`. Raises RunError."""
        still = self._still(*picture_size(self._spec, wish.width), wish.quality)
        return {view: still.encode(self._canvas(view).of(frame)) for view in wish.views}

    def _canvas(self, view: Any) -> Canvas:
        if view not in self._canvases:
            name: ViewName = view
            self._canvases[view] = Canvas(name, self._spec)
        return self._canvases[view]

    def _still(self, width: int, height: int, quality: int) -> Still:
        key = (width, height, quality)
        still = self._stills.pop(key, None)
        if still is None:
            spec = FrameSpec(width=width, height=height)
            still = Still("jpg", spec, quality, quick=True)
        self._stills[key] = still  # the one that was last used is the last
        if len(self._stills) > ENCODERS:
            del self._stills[next(iter(self._stills))]
        return still


def picture_size(spec: FrameSpec, width: int | None) -> tuple[int, int]:
    """Of a picture at most `width` wide, never larger than the stream's: with square pixels, as browsers show it; even
    where it is not the stream's own."""
    shown = spec.width * spec.sample_aspect
    if spec.sample_aspect == 1 and (width is None or width >= spec.width):
        return spec.width, spec.height
    wide = min(Fraction(width or spec.width), Fraction(spec.width), shown)
    return _even(wide), _even(wide * spec.height / shown)


def _even(side: Fraction) -> int:
    return max(2, 2 * math.floor(side / 2))


def head_of(frame: Frame, spec: FrameSpec, age_ms: float, names: Sequence[str]) -> dict[str, Any]:
    """What is said of a frame; its objects and the readings of its coding where it is lent them."""
    coding = {"coding": _coding(frame)} if "readings" in frame.planes and not frame.blank else {}
    return {
        **coding,
        "index": frame.index,
        "pts_s": round(float(frame.pts * spec.time_base), 6),
        "width": spec.width,
        "height": spec.height,
        "blank": frame.blank,
        "age_ms": round(age_ms, 1),
        "objects": _objects(frame, spec, names) if "objects" in frame.planes and not frame.blank else [],
    }


def _coding(frame: Frame) -> dict[str, float | None]:
    """PSNR in dB, of the stream kbit/s and bits per pixel; None where it was not measured."""
    readings = Readings.of(frame.planes["readings"])
    found = {name: getattr(readings, name) for name in CODING}
    return {name: round(value, 3) if math.isfinite(value) else None for name, value in found.items()}


def _objects(frame: Frame, spec: FrameSpec, names: Sequence[str]) -> list[dict[str, Any]]:
    """One for each object: its box in 0..1 of the picture. One whose numbers are none is left out."""
    found = []
    sides = (spec.width, spec.height) * 2
    for row in frame.objects:
        track, cls, flags, score, box = (row[name].tolist() for name in ("track", "cls", "flags", "score", "box"))
        if not all(map(math.isfinite, (score, *box))):
            continue
        found.append(
            {
                "track": track,
                "cls": cls,
                "name": names[cls] if 0 <= cls < len(names) else "",
                "score": round(score, 3),
                "box": [round(min(max(at / side, 0.0), 1.0), 5) for at, side in zip(box, sides, strict=True)],
                "kept": bool(flags & KEPT),
                "held": bool(flags & HELD),
                "effect": EFFECT_OF.get(flags >> EFFECT_SHIFT, ""),
            }
        )
    return found
