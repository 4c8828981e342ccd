"""Things that no detector knows: cut out by colour or a promptable model, followed by flow, found by their picture."""

from __future__ import annotations

from typing import Protocol

import cv2
import numpy as np

from pipeline.frame import Image
from stages.target.candidates import Candidate, Floats, Sight, from_mask
from stages.target.find import reach
from stages.target.looks import blend
from stages.target.memory import FOLLOWED, LOST, THING, Goal
from stages.target.scene import Scene, centre, resemblance
from stages.target.thumbs import search, thumb

ROUNDS = 4  # of grabCut
LONG_SIDE = 320  # pixels of the part in which it works
FAITHFUL, FOUND = 0.4, 0.6  # likeness below which it is lost, and correlation from which it is found
RIM = 2.5  # pixels over which colour may move an edge


class Cutter(Protocol):
    """Turns a box into a mask."""

    def cut(self, image: Image, box: Floats) -> Image:
        """uint8 [H, W] of 0 and 255 from uint8 [H, W, 3] BGR and x0 y0 x1 y1."""
        ...


class ColourCutter:
    """By the colours inside the box against those around it (GrabCut, Rother et al. 2004)."""

    def cut(self, image: Image, box: Floats) -> Image:
        """See Cutter. Where colours tell nothing, all of the box."""
        height, width = image.shape[:2]
        room = np.maximum(8, (box[2:] - box[:2]) * 0.5)
        low, high = np.floor(np.maximum(0, box[:2] - room)), np.ceil(np.minimum((width, height), box[2:] + room))
        (x0, y0), (x1, y1) = low.astype(int), high.astype(int)
        part = image[y0:y1, x0:x1]
        ratio = min(1.0, LONG_SIDE / max(part.shape[:2]))
        small = cv2.resize(part, None, fx=ratio, fy=ratio, interpolation=cv2.INTER_AREA) if ratio < 1 else part
        mask = np.zeros(image.shape[:2], np.uint8)
        found = _grab(small, (box - np.tile(low, 2)) * ratio)
        mask[y0:y1, x0:x1] = cv2.resize(found, part.shape[1::-1], interpolation=cv2.INTER_LINEAR) // 128 * 255
        return mask


def _grab(picture: Image, box: Floats) -> Image:
    left, top, right, bottom = (round(float(side)) for side in box)
    inside = np.zeros(picture.shape[:2], np.uint8)
    inside[max(0, top) : max(1, bottom), max(0, left) : max(1, right)] = 255
    labels = np.where(inside > 0, np.uint8(cv2.GC_PR_FGD), np.uint8(cv2.GC_BGD))
    if not inside.all() and inside.sum() > 255 * 64:
        cv2.setRNGSeed(0)  # its clusters begin at random: the same frame gives the same mask
        models = np.zeros((1, 65)), np.zeros((1, 65))
        cv2.grabCut(picture, labels, None, *models, ROUNDS, cv2.GC_INIT_WITH_MASK)
        found = np.where(labels & 1, np.uint8(255), np.uint8(0))
        found = cv2.morphologyEx(found, cv2.MORPH_OPEN, np.ones((3, 3), np.uint8))
        found = cv2.morphologyEx(found, cv2.MORPH_CLOSE, np.ones((5, 5), np.uint8))
        if np.count_nonzero(found) > 0.08 * np.count_nonzero(inside):
            return np.asarray(found)
    return inside


def cut_out(sight: Sight, box: Floats, cutter: Cutter) -> Candidate | None:
    """A candidate from a box of the small picture; None where nothing of it is left."""
    return from_mask(cutter.cut(sight.image, sight.small.full_box(box)), THING, sight)


def follow_thing(at: int, goal: Goal, scene: Scene) -> None:
    """Update `goal` from where its mask has been carried to, its rim set by colour; lost where it looks otherwise."""
    part, expected = goal.parts[0], centre(goal.box)
    carried = cv2.medianBlur(scene.carried_part(at, 0), 3)
    found = from_mask(scene.sight.small.enlarge(_refined(carried, scene.sight)), THING, scene.sight)
    if found is None or found.area < 0.3 * part.usual or resemblance(part, found.look) < FAITHFUL:
        goal.state, goal.lost, part.shown = LOST, 0, False
        return
    part.box, part.area, part.shown = found.box, float(found.area), True
    part.usual += (part.area - part.usual) * 0.1
    if part.area > 0.8 * part.usual and resemblance(part, found.look) > 0.7:
        part.slow = blend(part.slow, found.look, 0.05)
        goal.thumbs[1] = thumb(scene.sight.picture, part.box)
    goal.velocity = goal.velocity + (centre(part.box) - expected) * np.float32(0.4)
    scene.taken[at, 0] = found


def find_thing(at: int, goal: Goal, scene: Scene, cutter: Cutter) -> bool:
    """Look for its picture where it can be by now."""
    goal.lost += 1
    part = goal.parts[0]
    for score, box in search(scene.sight.picture, goal.thumbs, part.box)[:3]:
        if score < FOUND or float(np.hypot(*(centre(box) - centre(part.box)))) > reach(goal) * 1.5:
            continue
        found = cut_out(scene.sight, box, cutter)
        if found is None or resemblance(part, found.look) < 0.6 or found.area < 0.4 * part.usual:
            continue
        part.box, part.area, part.shown = found.box, float(found.area), True
        goal.state, goal.lost = FOLLOWED, 0
        goal.velocity = np.zeros(2, np.float32)
        scene.taken[at, 0] = found
        return True
    return False


def _refined(mask: Image, sight: Sight) -> Image:
    """The mask with its rim moved to where the colours change; as it is where they tell little."""
    rows, columns = np.flatnonzero(mask.max(1)), np.flatnonzero(mask.max(0))
    if len(rows) < 8 or len(columns) < 8:
        return mask
    y0, y1, x0, x1 = max(0, rows[0] - 12), rows[-1] + 13, max(0, columns[0] - 12), columns[-1] + 13
    part, lab = np.ascontiguousarray(mask[y0:y1, x0:x1]), sight.lab[y0:y1, x0:x1]
    away = cv2.distanceTransform(part, cv2.DIST_L2, 3) - cv2.distanceTransform(cv2.bitwise_not(part), cv2.DIST_L2, 3)
    codes = (lab[..., 0] // 32 * 256 + lab[..., 1] // 16 * 16 + lab[..., 2] // 16).astype(np.int64)
    inside, outside = (np.bincount(codes[chosen], minlength=2048) + 0.5 for chosen in (away > RIM, away < -RIM))
    odds = np.log(inside / inside.sum()) - np.log(outside / outside.sum())
    weighed = np.clip(odds[codes], -2, 2) + away / RIM * 2
    fresh = np.where(cv2.GaussianBlur(weighed.astype(np.float32), (0, 0), 1) > 0, np.uint8(255), np.uint8(0))
    ratio = np.count_nonzero(fresh) / max(1, np.count_nonzero(part))
    if not 0.85 < ratio < 1.18:
        return mask
    refined = np.zeros_like(mask)
    refined[y0:y1, x0:x1] = fresh
    return refined
