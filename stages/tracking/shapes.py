"""Shapes: how the tracks' masks move, are renewed and are drawn."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from pipeline.frame import Image
from stages.tracking import kalman, stamps
from stages.tracking.crowd import Crowd
from stages.tracking.flow import Flow, Motion
from stages.tracking.patches import Places, Search

SAMPLES = 320  # pixels by which a motion is told
EDGE = 1  # pixels from the picture's edge
THIN = 2  # pixels of the picture that are left of somebody who has left it
LEAD = 0.25  # of a frame's motion by which a held mask is longer, for each frame that it was missed ...
LEADS = 4  # ... but for not more than so many

Floats = NDArray[np.float64]
Shape = tuple[int, ...]


def pixels_of(stamp: Image, rect: Floats, motion: Motion) -> Places:
    """The rows and columns of some pixels, evenly spread, of the reduced picture that a stamp covers."""
    small = rect / motion.scales
    box = stamps.visible(small, motion.size)
    drawn = np.zeros((box.y1 - box.y0, box.x1 - box.x0), np.uint8)
    stamps.draw(stamp, small - (box.x0, box.y0, box.x0, box.y0), drawn)
    inside = np.flatnonzero(drawn)
    y, x = np.divmod(inside[:: max(1, len(inside) // SAMPLES)], max(1, drawn.shape[1]))
    return y + box.y0, x + box.x0


def go_on(crowd: Crowd, motion: Motion, was: Image, now: Image, flow: Flow, frames: float, shape: Shape) -> None:
    """Move everybody's mask to where it is in the reduced picture `now`, or where it would be at its former speed."""
    alive, search = crowd.alive(), Search(was, now)
    speeds = kalman.velocity(crowd.of("edges", alive), shape[1], shape[0]) * frames
    for at, speed in zip(alive, speeds, strict=True):
        rect = crowd.rect(at)
        inside = pixels_of(stamps.core(crowd.stamp(at), rect), rect, motion)
        seen = search.follow(inside, (speed / motion.scale, np.zeros(2), most_of(flow, inside)))
        _move(rect, speed if seen is None else seen * motion.scale, shape)
    crowd.predict(frames)


def most_of(flow: Flow, inside: Places) -> Floats:
    """The median of the flow in these pixels; nothing of nothing. By sorting: `np.median` takes six times as long."""
    count, ordered = len(inside[0]), np.sort(flow[inside], 0)
    return (ordered[(count - 1) // 2] + ordered[count // 2]) / 2 if count else np.zeros(2)


def _move(rect: Floats, by: Floats, shape: Shape) -> None:
    """Shift a rectangle; one that comes in over the picture's edge is drawn out instead: more of it follows."""
    for axis, (step, limit) in enumerate(zip(by.tolist(), shape[1::-1], strict=True)):
        low, high = rect[axis], rect[axis + 2]
        rect[axis] = low if low <= EDGE and step > 0 else low + step
        rect[axis + 2] = high if high >= limit - EDGE and step < 0 else high + step


def left(rect: Floats, shape: Shape) -> bool:
    """Whether hardly anything of a rectangle is in the picture."""
    low, high = np.maximum(rect[:2], 0), np.minimum(rect[2:], shape[1::-1])
    return bool((high - low <= THIN).any())


def renew(crowd: Crowd, at: int, labels: Image, number: int, box: Floats, carry: int | None) -> None:
    """Make the stamp of what has just been found there.

    Of the former one a limb stays that is not found now, for `carry` looks; with None all of it stays as it was: what
    was hardly seen has no shape to rely on.
    """
    old, rect = crowd.stamp(at), crowd.rect(at)
    tight = stamps.label_box(labels, number, box)
    if tight is None:
        return
    former = old if carry is None else np.where(old <= carry, old, 0).astype(np.uint8)
    rest = stamps.bounds(former, rect, labels.shape)
    new: Floats = np.array([tight.x0, tight.y0, tight.x1, tight.y1], float)
    if rest is not None:
        new = np.concatenate((np.minimum(new[:2], rest[:2]), np.maximum(new[2:], rest[2:])))
    now = stamps.press(labels, number, tight, new)
    if rest is not None:
        kept = cv2.min(stamps.moved(former, rect, new), 255 - now * np.uint8(255))
        if carry is not None:
            lost = cv2.min(kept, 1)
            kept = cv2.min(kept + lost, stamps.limbs(lost, new))
        now = cv2.max(now, kept)
    np.copyto(old, now)
    rect[:] = new


def draw(crowd: Crowd, at: int, found: bool, mask: Image) -> None:
    """Add a track to the mask: all of it, or, where it was found and is there already, what is carried on."""
    stamp, rect = crowd.stamp(at), crowd.rect(at)
    if found:
        if stamp.max() > 1:
            stamps.draw(cv2.compare(stamp, 1, cv2.CMP_GT), rect, mask)
        return
    stamps.draw(stamp, rect, mask)
    missed = float(crowd.of("missed", [at])[0])
    lead = kalman.velocity(crowd.of("edges", [at]), mask.shape[1], mask.shape[0])[0] * LEAD * min(missed, LEADS)
    if np.abs(lead).max() >= 1:
        stamps.draw(stamp, rect + np.tile(lead, 2), mask)
