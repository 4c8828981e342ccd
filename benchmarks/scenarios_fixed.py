"""Clips of a camera that stands still: missed people, cuts, light, shadows, and things that move by themselves."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator

import cv2
import numpy as np

from benchmarks.scenarios_clip import Scenario, Shot, Stage, film, stride, walking
from benchmarks.scenarios_scenery import hedge
from benchmarks.scenarios_shapes import Floats, noise
from benchmarks.scenarios_walker import Figure, put, reflection, shadow


def miss_single(stage: Stage) -> Scenario:
    says = "the detector misses the walker in every seventh frame"
    return film("miss-single", says, _crossing(stage, missed=lambda index: index % 7 == 3))


def miss_five(stage: Stage) -> Scenario:
    says = "the detector misses the walker twice, five frames in a row"
    first, second = round(0.35 * stage.count), round(0.65 * stage.count)
    shots = _crossing(stage, missed=lambda index: 0 <= index - first < 5 or 0 <= index - second < 5)
    return film("miss-five", says, shots)


def miss_standing(stage: Stage) -> Scenario:
    says = "somebody stands still and is missed for fifteen frames meanwhile"
    begin, end = round(0.33 * stage.count), round(0.75 * stage.count)

    def shots() -> Iterator[Shot]:
        room, walker = _room(stage), stage.walker()
        for index in range(stage.count):
            column = _halting(stage, index, begin, end)
            still = begin <= index < end
            figure = walker.at(column, stage.feet, 0.4 if still else stride(index))
            yield walking(room, figure, found=not 0 <= index - (begin + 8) < 15)

    return film("miss-standing", says, shots())


def steps_aside(stage: Stage) -> Scenario:
    says = "somebody stands there from the first frame on and goes away later"
    leaves = round(0.4 * stage.count)

    def shots() -> Iterator[Shot]:
        room, walker = _room(stage), stage.walker()
        for index in range(stage.count):
            gone = max(0, index - leaves)
            figure = walker.at(
                stage.width * (0.42 + 0.95 * gone / (stage.count - leaves)), stage.feet, stride(index) if gone else 0.4
            )
            yield walking(room, figure)

    return film("steps-aside", says, shots())


def cut(stage: Stage) -> Scenario:
    says = "the scene is cut to another one and back, somebody walks through both"

    def shots() -> Iterator[Shot]:
        places, walker = (_room(stage), _street(stage)), stage.walker()
        for index in range(stage.count):
            place = places[3 * index // stage.count % 2]
            yield walking(place, stage.person(walker, index))

    return film("cut", says, shots())


def drift(stage: Stage) -> Scenario:
    says = "daylight grows slowly by a quarter and becomes bluer"

    def light(index: int, picture: Floats) -> Floats:
        share = index / stage.count
        return picture * np.array([1 + 0.3 * share, 1 + 0.24 * share, 1 + 0.16 * share], np.float32) - np.float32(
            6 * share
        )

    return film("drift", says, _crossing(stage), light=light)


def exposure(stage: Stage) -> Scenario:
    says = "the automatic exposure goes up and down in steps of three frames, with another contrast curve each time"
    steps = [(round(share * stage.count), gain) for share, gain in ((0.27, 1.28), (0.5, 0.84), (0.72, 1.12))]

    def light(index: int, picture: Floats) -> Floats:
        gain, gamma = 1.0, 1.0
        for at, wanted in steps:
            share = min(1.0, max(0.0, (index - at) / 3))
            gain += (wanted - gain) * share
            gamma += ((2 - wanted) ** 0.4 - gamma) * share
        return np.float32(255 * gain) * (np.maximum(picture, 0) / np.float32(255)) ** np.float32(gamma)

    return film("exposure", says, _crossing(stage), light=light)


def grain(stage: Stage) -> Scenario:
    says = "coarse film grain, dark corners, and brightness that breathes"
    y, x = np.mgrid[-1 : 1 : stage.height * 1j, -1 : 1 : stage.width * 1j]
    corners = (1 - 0.28 * (x**2 + y**2))[..., None].astype(np.float32)

    def light(index: int, picture: Floats) -> Floats:
        rough = 4 * noise(picture.shape[:2], np.random.default_rng(1000 + index), scales=(0.9,))
        breathed: Floats = picture * corners * np.float32(1 + 0.05 * math.sin(index / 5)) + rough[..., None]
        return breathed

    return film("grain", says, _crossing(stage), light=light, grain=2.5)


def shaded(stage: Stage) -> Scenario:
    says = "a soft shadow falls on floor and wall beside the walker; the given mask does not hold it"

    def shots() -> Iterator[Shot]:
        room, walker = _room(stage), stage.walker()
        for index in range(stage.count):
            figure = stage.person(walker, index)
            yield Shot(room, put(room * shadow(figure, stage.feet)[..., None], figure), figure.cover)

    return film("shadow", says, shots())


def mirrored(stage: Stage) -> Scenario:
    says = "a polished floor shows the walker once more; the given mask does not hold it"

    def shots() -> Iterator[Shot]:
        room, walker, feet = _room(stage), stage.walker(), 0.8 * stage.height
        for index in range(stage.count):
            figure = walker.at(stage.across(index), feet, stride(index))
            dark = Figure(0.25 * figure.colour, figure.cover)  # it mostly keeps the light of the room from the floor
            yield Shot(room, put(put(room, reflection(dark, feet)), figure), figure.cover)

    return film("reflection", says, shots())


def leaves(stage: Stage) -> Scenario:
    says = "leaves sway in the wind behind the walker"
    green, cover = hedge(stage.width, stage.height, 11, 0.42, (58, 118, 84))
    y, x = np.mgrid[0 : stage.height, 0 : stage.width].astype(np.float32)

    def swaying(index: int) -> tuple[Floats, Floats]:
        bend = 3.5 * np.sin(index / 3 + x / 31 + y / 47)
        moved = [cv2.remap(p, x + bend, y + 0.3 * bend, cv2.INTER_CUBIC) for p in (green.astype(np.float32), cover)]
        return moved[0], np.clip(moved[1], 0, 1)

    def shots() -> Iterator[Shot]:
        street, walker = _street(stage), stage.walker()
        for index in range(stage.count):
            yield walking(put(street, Figure(*swaying(index))), stage.person(walker, index))

    return film("leaves", says, shots())


def screen(stage: Stage) -> Scenario:
    says = "a screen on the wall shows a film of its own"
    left, top = round(0.3 * stage.width), round(0.14 * stage.height)
    wide, high = round(0.34 * stage.width), round(0.4 * stage.height)
    reel = 128 + 46 * noise((high, wide + 9 * stage.count), np.random.default_rng(3), scales=(3, 9))

    def shots() -> Iterator[Shot]:
        room, walker = _room(stage), stage.walker()
        for index in range(stage.count):
            lit = room.copy()
            lit[top - 4 : top + high + 4, left - 4 : left + wide + 4] = (24, 24, 26)
            lit[top : top + high, left : left + wide] = reel[:, 9 * index : 9 * index + wide, None] * (1.1, 1, 0.8)
            yield walking(lit, stage.person(walker, index))

    return film("screen", says, shots())


def parked(stage: Stage) -> Scenario:
    says = "a cart is pushed in and stays: it is no person and must be seen, behind the walker as well"
    arrives = round(0.3 * stage.count)

    def shots() -> Iterator[Shot]:
        street, walker = _street(stage), stage.walker()
        for index in range(stage.count):
            share = min(1.0, index / arrives)
            place = put(street, _cart(stage, stage.width * (1.25 - 0.7 * share)))
            yield walking(place, stage.person(walker, index, begin=arrives + 8))

    return film("parked", says, shots())


def _crossing(stage: Stage, missed: Callable[[int], bool] = lambda _: False) -> Iterator[Shot]:
    """Somebody crosses a room from left to right."""
    room, walker = _room(stage), stage.walker()
    for index in range(stage.count):
        yield walking(room, stage.person(walker, index), found=not missed(index))


def _halting(stage: Stage, index: int, begin: int, end: int) -> float:
    """The column of somebody who comes to the middle, stands there from `begin` to `end`, and goes on."""
    if index < begin:
        return stage.width * (-0.2 + 0.7 * index / begin)
    return stage.width * (0.5 + 0.7 * max(0, index - end) / max(1, stage.count - end))


def _cart(stage: Stage, middle: float) -> Figure:
    """A box on two wheels, standing on the pavement."""
    colour, cover = (np.zeros((stage.height, stage.width), np.uint8) for _ in range(2))
    unit, x, low = stage.height / 100, middle, 88.0
    corners = [(x - 22 * unit, (low - 34) * unit), (x + 22 * unit, (low - 6) * unit)]
    (left, top), (right, bottom) = [(round(a), round(b)) for a, b in corners]
    cv2.rectangle(cover, (left, top), (right, bottom), 255, -1)
    cv2.rectangle(colour, (left, top), (right, bottom), 150, -1)
    for stripe in range(4):
        at = top + round((4 + 7 * stripe) * unit)
        cv2.rectangle(colour, (left, at), (right, at + round(3 * unit)), 90, -1)
    for side in (-13, 13):
        wheel = (round(x + side * unit), round((low - 5) * unit))
        cv2.circle(cover, wheel, round(6 * unit), 255, -1, cv2.LINE_AA)
        cv2.circle(colour, wheel, round(6 * unit), 40, -1)
        cv2.circle(colour, wheel, round(2 * unit), 170, -1)
    tinted = colour[..., None].astype(np.float32) * np.array([0.9, 1.1, 0.6], np.float32)
    return Figure(tinted, cv2.GaussianBlur(cover.astype(np.float32) / 255, (0, 0), 0.6))


def _room(stage: Stage) -> Floats:
    return stage.scenery.room(stage.width, stage.height).astype(np.float32)


def _street(stage: Stage) -> Floats:
    return stage.scenery.street(stage.width, stage.height).astype(np.float32)
