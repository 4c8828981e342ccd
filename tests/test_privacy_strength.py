"""How strong effects are: the limits hold for what is allowed, and what is refused is undone."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from benchmarks.strength import ALLOWED, Preset, Sight, measure
from pipeline.cli.weak import as_sets
from pipeline.errors import ConfigError

PEOPLE, SIDE = 8, 96


def crowd(seed: int, *, noise: float = 6.0) -> Sight:
    """People who differ in fine features alone: eyes, brows and mouths of the same faces, in another photograph."""
    rng = np.random.default_rng(seed)
    picture = np.full((2 * 160, 4 * 160, 3), 110, np.uint8)
    faces = {}
    for who in range(PEOPLE):
        own = np.random.default_rng(100 + who)
        x, y = 80 + who % 4 * 160, 80 + who // 4 * 160
        cv2.ellipse(picture, (x, y), (36, 46), 0, 0, 360, (140, 170, 210), -1)
        for _ in range(26):  # features balance: each dark stroke has a light one beside it
            at = x + int(own.integers(-24, 24)), y + int(own.integers(-32, 32))
            end = at[0] + int(own.integers(-7, 8)), at[1] + int(own.integers(-3, 4))
            cv2.line(picture, at, end, (60, 90, 130), 2, cv2.LINE_AA)
            cv2.line(picture, (at[0], at[1] + 3), (end[0], end[1] + 3), (220, 250, 255), 2, cv2.LINE_AA)
        grain = cv2.GaussianBlur(own.normal(0, 60, (92, 72, 1)).astype(np.float32), (0, 0), 1.2)[..., None]
        part = picture[y - 46 : y + 46, x - 36 : x + 36]
        part[:] = np.clip(part + grain, 0, 255).astype(np.uint8)
        faces[who] = (x - 36.0, y - 46.0, x + 36.0, y + 46.0)
    noisy = picture + rng.normal(0, noise, picture.shape)
    return Sight(np.clip(noisy, 0, 255).astype(np.uint8), faces)


def rank_1(preset: Preset) -> float:
    """How often whoever has the very photograph is right."""
    figures = measure(crowd(1), [crowd(seed) for seed in (2, 3)], [preset])[preset.name]
    return float(figures["same_photograph"]["rank_1"])


def test_every_allowed_preset_stays_below_its_limits() -> None:
    figures = measure(crowd(1), [crowd(2)], ALLOWED)
    assert {name: one["within"] for name, one in figures.items()} == dict.fromkeys(figures, True)
    assert all(one["limits"] for one in figures.values())


@pytest.mark.parametrize("effect", ["mosaic", "blur"])
def test_a_weak_effect_is_undone_by_looking_who_it_may_be(effect: str) -> None:
    """That is why it is refused: of many cells the right one of eight is picked every time."""
    assert rank_1(Preset(effect, {"cells": 16, "allow_weak": True})) > 0.95


def test_who_is_covered_in_one_colour_is_found_by_chance_alone() -> None:
    assert rank_1(Preset("solid", {})) <= 2 / PEOPLE


@pytest.mark.parametrize("effect", ["mosaic", "blur"])
def test_what_is_refused_would_break_the_limits_of_what_is_allowed(effect: str) -> None:
    limits = next(preset for preset in ALLOWED if preset.effect == effect)
    weak = Preset(effect, {"cells": 32, "allow_weak": True}, detail=limits.detail, ssim=limits.ssim)
    assert not measure(crowd(1), [crowd(2)], [weak])[weak.name]["within"]


def test_insisting_reaches_every_stage_that_covers() -> None:
    assert as_sets("privacy-faces", True) == ["cover.allow_weak=true"]
    assert as_sets("privacy-faces", False) == []
    with pytest.raises(ConfigError, match=r"--allow-weak: .*no stage that covers"):
        as_sets("remove-people", True)
