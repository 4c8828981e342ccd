"""How much is left of a face when it is covered? `python -m benchmarks.strength FOLDER` writes `results/strength.json`.

FOLDER holds faces/city.jpg with its boxes and panclips/faces_crowd.mp4 with those of every frame: the same people, seen
anew. For each effect, within the face's box, between the picture and what is shown of it: the correlation of grey
values, that of their detail, and SSIM (Wang and others, 2004). And an attack: whoever has a gallery of who may be there
covers it in the same way and takes the nearest; for each crop, and for the average of all crops of one person, which is
the best that can be had of many frames. Once he has the very photograph that was filmed (nobody can have more: then few
averages suffice, and only what is drawn without looking at the face withstands), once one in another light, cut a
little otherwise. It is no measure of a face matcher that has learned on covered faces.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np
from numpy.typing import NDArray

from benchmarks.results import FOLDER, complete, save
from models.classes import NAMES
from pipeline.frame import OBJECT, STANDARD_PLANES, Frame, FrameSpec, Image
from stages.privacy import Cover
from stages.privacy.findings import outline

if TYPE_CHECKING:
    from av.video.frame import VideoFrame

RESULT = FOLDER / "strength.json"
SIDE = 64  # pixels: the size at which two faces are compared
DETAIL = 1 / 12  # of a face: what is wider than that is no detail; people are told apart by 8 to 16 cycles a face
LIMITED = "detail", "ssim", "rank_1"
LIGHTS = 5  # other photographs that the attacker may have
STEP = 10  # of the clip's frames, one in so many is looked at
GROW = 0.25  # as of the stage Detection
FACE = NAMES.index("face")

Floats = NDArray[np.float32]
Faces = dict[int, Floats]
"""By person, [SIDE, SIDE, 3]."""
Boxes = Sequence[Sequence[float]]


@dataclass(frozen=True)
class Preset:
    """An effect with its options, and the most that may be left: detail (correlation), likeness (SSIM), and, where
    nothing of the face is used, how often who has the very photograph may be right."""

    effect: str
    options: dict[str, Any]
    detail: float | None = None
    ssim: float | None = None
    rank_1: float | None = None

    @property
    def name(self) -> str:
        return self.effect + "".join(f" {value}" for key, value in self.options.items() if key == "cells")


ALLOWED = (
    Preset("solid", {}, detail=0.05, ssim=0.1, rank_1=0.25),
    Preset("silhouette", {}, detail=0.05, ssim=0.3, rank_1=0.25),
    Preset("sticker", {}, detail=0.2, ssim=0.3),
    Preset("face", {}, detail=0.25, ssim=0.35),
    *(Preset(how, {"cells": cells}, detail=0.33, ssim=0.4) for how in ("mosaic", "blur") for cells in (2, 4, 5)),
)
REFUSED = tuple(
    Preset(how, {"cells": cells, "allow_weak": True}) for how in ("mosaic", "blur") for cells in (8, 16, 32)
)


@dataclass(frozen=True)
class Sight:
    """One picture and the boxes x0 y0 x1 y1 of the faces in it, by person."""

    image: Image
    faces: dict[int, Sequence[float]]


def measure(gallery: Sight, seen: Sequence[Sight], presets: Sequence[Preset]) -> dict[str, Any]:
    """By preset: what is left of a face, and how often it is recognised."""
    return {preset.name: _figures(preset, gallery, seen) for preset in presets}


def _figures(preset: Preset, gallery: Sight, seen: Sequence[Sight]) -> dict[str, Any]:
    pairs = [
        (_crops(sight, sight.image), _crops(sight, covered(sight, preset, seed))) for seed, sight in enumerate(seen, 1)
    ]
    alike = [likeness(real[who], shown[who]) for real, shown in pairs for who in shown]
    left = dict(
        zip(
            ("correlation", "detail", "ssim"),
            (round(float(np.mean(part)), 3) for part in zip(*alike, strict=True)),
            strict=True,
        )
    )
    same = attacked([_crops(gallery, covered(gallery, preset))], [shown for _, shown in pairs])
    others = [in_other_light(gallery, seed) for seed in range(LIGHTS)]
    known = [_crops(sight, covered(sight, preset, seed)) for seed, sight in enumerate(others)]
    other = attacked(known, [shown for _, shown in pairs])
    figures: dict[str, Any] = {**left, "chance": round(1 / len(gallery.faces), 3), "crops": len(alike)}
    figures |= {"same_photograph": same, "other_light": other}
    limits = {name: limit for name in LIMITED if (limit := getattr(preset, name)) is not None}
    if limits:
        figures |= {"limits": limits, "within": all((figures | same)[name] <= limit for name, limit in limits.items())}
    return figures


def attacked(galleries: Sequence[Faces], seen: Sequence[Faces]) -> dict[str, float]:
    """How often the right one is taken first: for each crop, and for the average of all of one person; by the faces as
    they are or by their detail, whichever tells more."""
    found = [_rates([_of(known, feature) for known in galleries], [_of(shown, feature) for shown in seen])
             for feature in (lambda face: face, fine)]  # fmt: skip
    each, pooled = (round(max(rates), 3) for rates in zip(*found, strict=True))
    return {"rank_1": each, "rank_1_pooled": pooled}


def _rates(galleries: Sequence[Faces], seen: Sequence[Faces]) -> tuple[float, float]:
    people = {who for shown in seen for who in shown} & set(galleries[0])
    pooled = {who: np.mean([shown[who] for shown in seen if who in shown], axis=0) for who in people}
    each = [recognised(shown[who], known) == who for known in galleries for shown in seen for who in shown]
    all_of_one = [recognised(face, known) == who for known in galleries for who, face in pooled.items()]
    return float(np.mean(each)), float(np.mean(all_of_one))


def _of(faces: Faces, feature: Callable[[Floats], Floats]) -> Faces:
    return {who: feature(face) for who, face in faces.items()}


def fine(face: Floats) -> Floats:
    """Of [SIDE, SIDE, ...]: its detail."""
    return face - cv2.GaussianBlur(face, (0, 0), SIDE * DETAIL)  # type: ignore[no-any-return]


def in_other_light(sight: Sight, seed: int) -> Sight:
    """The same people, as in another photograph: each lit from one side, in another tint, the box a little off."""
    rng = np.random.default_rng(seed)
    image = sight.image.copy()
    faces: dict[int, Sequence[float]] = {}
    for who, box in sight.faces.items():
        x0, y0, x1, y1 = (round(at) for at in box)
        wide, high = x1 - x0, y1 - y0
        area = slice(max(0, y0 - high), y1 + high), slice(max(0, x0 - wide), x1 + wide)
        part = sight.image[area].astype(np.float32)
        across = np.linspace(-1, 1, part.shape[1], dtype=np.float32)[None, :, None]
        lit = part * (1 + rng.uniform(-0.8, 0.8) * across) * rng.uniform(0.7, 1.2, 3).astype(np.float32)
        inner = slice(max(0, y0 - high // 2), y1 + high // 2), slice(max(0, x0 - wide // 2), x1 + wide // 2)
        y, x = inner[0].start - area[0].start, inner[1].start - area[1].start
        there = image[inner]
        there[:] = np.clip(lit, 0, 255).astype(np.uint8)[y : y + there.shape[0], x : x + there.shape[1]]
        shift = rng.uniform(-0.06, 0.06, 2) * (wide, high)
        faces[who] = [box[0] + shift[0], box[1] + shift[1], box[2] + shift[0], box[3] + shift[1]]
    return Sight(image, faces)


def covered(sight: Sight, preset: Preset, seed: int = 0) -> Image:
    """The picture with its faces covered, as the stages Detection and Cover do it; tracks have other numbers, and so
    other colours and drawn faces, each time."""
    height, width = sight.image.shape[:2]
    spec = FrameSpec(width=width, height=height)
    frame = Frame({name: np.zeros(plane.shape(spec), plane.dtype) for name, plane in STANDARD_PLANES.items()})
    frame.image[:] = sight.image
    rows = np.zeros(len(sight.faces), OBJECT)
    rows["track"] = np.random.default_rng(1000 + seed).permutation(1000)[: len(rows)]
    rows["cls"], rows["landmarks"] = FACE, np.nan
    rows["box"] = list(sight.faces.values())
    for box in rows["box"]:
        patch = outline(box, GROW, "ellipse", (height, width))
        tall, wide = patch.mask.shape
        frame.mask[patch.y : patch.y + tall, patch.x : patch.x + wide] |= patch.mask
    frame.put_objects(rows)
    stage = Cover.model_validate({"effect": preset.effect, **preset.options})
    stage.setup(spec)
    stage.process(frame)
    return frame.clean


def likeness(real: Floats, shown: Floats) -> tuple[float, float, float]:
    """Of two faces [SIDE, SIDE, 3]: correlation of grey values, of their detail, and SSIM."""
    one, other = (face.mean(2) for face in (real, shown))
    return abs(correlation(one, other)), abs(correlation(fine(one), fine(other))), ssim(one, other)


def correlation(one: Floats, other: Floats) -> float:
    """-1 to 1; 0 where one of them is of one colour."""
    one, other = one - one.mean(), other - other.mean()
    size = float(np.sqrt((one**2).sum() * (other**2).sum()))
    return float((one * other).sum()) / size if size > 1e-3 * one.size else 0.0


def ssim(one: Floats, other: Floats) -> float:
    """Mean structural similarity of grey [h, w] of 0 to 255, with the window and constants of the authors."""

    def mean(face: Floats) -> Floats:
        return cv2.GaussianBlur(face, (11, 11), 1.5)  # type: ignore[no-any-return]

    first, second = mean(one), mean(other)
    spreads = mean(one * one) - first**2, mean(other * other) - second**2
    both = mean(one * other) - first * second
    c1, c2 = (0.01 * 255) ** 2, (0.03 * 255) ** 2
    map_ = (2 * first * second + c1) * (2 * both + c2) / ((first**2 + second**2 + c1) * (sum(spreads) + c2))
    return float(map_.mean())


def recognised(shown: Floats, known: Faces) -> int:
    """Who of those that are known, covered in the same way, looks most like this, in colour; who comes first of
    several that are equally alike."""
    return max(known, key=lambda who: round(correlation(shown, known[who]), 4))


def _crops(sight: Sight, picture: Image) -> Faces:
    return {who: _crop(picture, box) for who, box in sight.faces.items()}


def _crop(picture: Image, box: Sequence[float]) -> Floats:
    x0, y0, x1, y1 = (max(0, round(at)) for at in box)
    part = cv2.resize(picture[y0:y1, x0:x1], (SIDE, SIDE), interpolation=cv2.INTER_AREA)
    return part.astype(np.float32)  # type: ignore[no-any-return]


def read(folder: Path) -> tuple[Sight, list[Sight]]:
    """The gallery and what was filmed. Raises OSError."""
    import av

    def people(boxes: Boxes) -> dict[int, Sequence[float]]:
        return dict(enumerate(boxes))

    facts = json.loads((folder / "faces" / "city_faces.json").read_text())
    with av.open(str(folder / "faces" / "city.jpg")) as still:
        gallery = Sight(_bgr(next(still.decode(video=0))), people(facts["must"]))
    clip = folder / "panclips" / "faces_crowd.mp4"
    frames = json.loads(clip.with_suffix(".json").read_text())["per_frame"]
    seen = []
    with av.open(str(clip)) as film:
        for at, picture in enumerate(film.decode(video=0)):
            whole = {one["id"]: one["box"] for one in frames[at]["must"] if one["visible"] == 1}
            if at % STEP == 0:
                seen.append(Sight(_bgr(picture), whole))
    return gallery, seen


def _bgr(picture: VideoFrame) -> Image:
    return picture.to_ndarray(format="bgr24").astype(np.uint8, copy=False)


def main(words: Sequence[str] | None = None) -> int:
    """Measure and write; 1 where a preset that is allowed shows more than its limit."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--output", type=Path, default=RESULT)
    order = parser.parse_args(words)
    gallery, seen = read(order.folder)
    allowed, refused = (measure(gallery, seen, presets) for presets in (ALLOWED, REFUSED))
    content = {"people": len(gallery.faces), "frames": len(seen), "allowed": allowed, "refused": refused}
    save(order.output, complete("strength", content))
    return 0 if all(figures["within"] for figures in allowed.values()) else 1


if __name__ == "__main__":
    sys.exit(main())
