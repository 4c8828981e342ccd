"""Drawing: what is shown of each object of a frame, on a picture of which only the masked part will be seen."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import cv2
import numpy as np

from models.classes import NAMES
from pipeline.frame import Image, Table
from stages.box import Box
from stages.privacy import effects
from stages.privacy.faces import Source, laid_face, tone_of
from stages.privacy.kinds import AVERAGED
from stages.privacy.pictures import laid_over
from stages.privacy.quads import find_quad
from stages.privacy.stickers import stuck
from stages.privacy.templates import Templates, lightness
from stages.privacy.underlay import shows_through, surroundings, without_rim

FACE, PLATE = NAMES.index("face"), NAMES.index("plate")
INNER = 0.2  # of a box's sides: as much is left out at every side where only the thing itself counts

PICTURED = frozenset({"remove", "template", "face", "sticker"})

Wish = tuple[Table, str]


@dataclass(frozen=True)
class Shop:
    """What drawings are made of: the plain colour [3], cells along an object's longer side, and pictures."""

    plain: Image
    cells: int
    faces: Sequence[Source]
    templates: Templates
    sticker: Image | None


@dataclass(frozen=True)
class Scene:
    """One frame: the picture [H, W, 3], its mask and what will be hidden [H, W], and, where there is one, the picture
    without what is masked, and where in that somebody still shows."""

    image: Image
    mask: Image
    hidden: Image
    removed: Image | None = None
    learned: tuple[Box, ...] = ()


@dataclass(frozen=True)
class Drawing:
    """What is shown of an object in `place`: a ground [h, w, 3], or [3], and what lies over it, weighed [h, w, 4]."""

    row: Table
    place: Box
    ground: Image
    over: Image | None = None


def draw(wishes: Sequence[Wish], scene: Scene, shop: Shop, out: Image) -> int:
    """Draw into `out`, which holds the plain colour; `wishes`: the smallest first. How many had to stay plain.

    Averages come first, and those of the larger over those of the smaller, whose cells are too small for it. All else
    tells nothing of the picture, and may lie over them: first the grounds, on all that belongs to an object and then
    once more on its box, so that no neighbour has it; then what is drawn on them."""
    for row, effect in wishes:
        if effect in AVERAGED:
            _average(row, effect, scene.image, shop.cells, out)
    scene = replace(scene, learned=_learned(wishes, scene))
    drawings = [_drawing(row, effect, scene, shop) for row, effect in reversed(wishes) if effect not in AVERAGED]
    for one in drawings:
        one.place.of(out)[:] = one.ground
    for one in drawings if len(wishes) > 1 else ():
        box, (x, y) = effects.reach(one.row["box"], out.shape, around=0), (one.place.x0, one.place.y0)
        within = one.ground[box.y0 - y : box.y1 - y, box.x0 - x : box.x1 - x] if one.ground.ndim == 3 else one.ground
        box.of(out)[:] = within
    for one in drawings:
        if one.over is not None:
            one.place.of(out)[:] = laid_over(one.place.of(out), one.over)
    wanted = sum(effect in PICTURED for _, effect in wishes)
    return wanted - sum(one.ground.ndim == 3 or one.over is not None for one in drawings)


def _average(row: Table, effect: str, image: Image, cells: int, out: Image) -> None:
    place = effects.reach(row["box"], image.shape)
    part = place.of(out)
    if part.size:
        means = effects.averages(place.of(image), effects.cell(row["box"], cells, image.shape))
        part[:] = effects.drawn(means, *part.shape[:2], smooth=effect == "blur")


def _drawing(row: Table, effect: str, scene: Scene, shop: Shop) -> Drawing:
    """On the plain colour where there is nothing to show."""
    place = effects.reach(row["box"], scene.image.shape)
    plain = Drawing(row, place, shop.plain)
    if place.x1 <= place.x0 or place.y1 <= place.y0:
        return plain
    if effect == "silhouette":
        return replace(plain, ground=np.array(effects.own_colour(int(row["track"])), np.uint8))
    if effect == "remove":
        removed = _removed(place, scene, shop)
        return plain if removed is None else replace(plain, ground=removed)
    if effect == "sticker":
        return replace(plain, over=stuck(place, row["box"], shop.sticker))
    over = None
    if effect == "face" and row["cls"] == FACE:
        over = _face(row, place, scene.image, shop.faces)
    if effect == "template" and row["cls"] == PLATE:
        over = _template(row, place, scene.image, shop.templates)
    if over is None:
        return plain
    return replace(plain, ground=surroundings(scene.image, scene.hidden, place, shop.plain), over=over)


def _learned(wishes: Sequence[Wish], scene: Scene) -> tuple[Box, ...]:
    """The boxes of those who were taken for background once. Each is looked at by himself: beside somebody who walks
    past he would not be noticed, and be shown in the other's place."""
    if scene.removed is None or all(effect != "remove" for _, effect in wishes):
        return ()
    boxes = [effects.reach(row["box"], scene.mask.shape, around=0) for row, _ in wishes]
    seen = [box for box in boxes if box.of(scene.mask).size]
    return tuple(one for one in seen if shows_through(*(one.of(p) for p in (scene.image, scene.removed, scene.mask))))


def _removed(place: Box, scene: Scene, shop: Shop) -> Image | None:
    if scene.removed is None or any(place.overlaps(one) for one in scene.learned):
        return None
    wide = place.grown(8, *scene.mask.shape)
    removed, mask, hidden = (np.ascontiguousarray(wide.of(p)) for p in (scene.removed, scene.mask, scene.hidden))
    if shows_through(wide.of(scene.image), removed, mask):
        return None
    inside = Box(place.x0 - wide.x0, place.y0 - wide.y0, place.x1 - wide.x0, place.y1 - wide.y0)
    return inside.of(without_rim(removed, mask, hidden, shop.plain))


def _face(row: Table, place: Box, image: Image, faces: Sequence[Source]) -> Image | None:
    source = faces[int(row["track"]) % len(faces)]
    return laid_face(place, row, source, tone_of(_inner(row, image)))


def _template(row: Table, place: Box, image: Image, templates: Templates) -> Image | None:
    quad = find_quad(image, row["box"])
    if quad is None:
        return None
    quad = quad - np.array((place.x0, place.y0), np.float32)
    return templates.fixed(quad, lightness(_inner(row, image)), (place.y1 - place.y0, place.x1 - place.x0))


def _inner(row: Table, image: Image) -> Image:
    """What lies in the middle of an object's box."""
    part = effects.reach(row["box"], image.shape, around=-INNER).of(image)
    return np.ascontiguousarray(cv2.resize(part, (32, 32), interpolation=cv2.INTER_AREA)) if part.size else part
