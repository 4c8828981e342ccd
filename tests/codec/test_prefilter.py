"""The prefilter smooths and calms the background; the region stays as it is, bit for bit."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from models.coding import Quantiser
from stages.codec.prefilter import FEATHER, Prefilter
from stages.codec.roi import RoiEncoder
from tests.codec.clips import middle, textured

MASKS = arrays(np.uint8, (48, 64), elements=st.sampled_from([0, 0, 0, 255]))


@settings(max_examples=30, deadline=None)
@given(MASKS, st.floats(0, 1), st.integers(0, 100))
def test_no_pixel_of_the_region_changes(mask: np.ndarray, strength: float, number: int) -> None:
    prefilter = Prefilter(strength)
    for step in range(2):
        image = textured(number + step, 64, 48)
        before = image.copy()
        filtered = prefilter.apply(image, mask)
        np.testing.assert_array_equal(filtered[mask > 0], image[mask > 0])
        np.testing.assert_array_equal(image, before)


def test_at_no_strength_nothing_changes_and_the_picture_is_another_one() -> None:
    image = textured(0)
    filtered = Prefilter(0).apply(image, middle())
    np.testing.assert_array_equal(filtered, image)
    assert not np.shares_memory(filtered, image)


def test_the_background_is_the_smoother_the_stronger_it_is() -> None:
    image, far = textured(0), np.s_[:, :40]

    def roughness(strength: float) -> float:
        return float(np.abs(np.diff(Prefilter(strength).apply(image, middle())[far].astype(int), axis=0)).mean())

    assert roughness(0) > 1.3 * roughness(0.3) > 1.3 * 1.1 * roughness(1.0)


def test_between_region_and_background_there_is_no_edge() -> None:
    """What is done to a plain picture with a fine grid grows from the rim outwards, not all at once."""
    rows, columns = np.indices((96, 160))
    image = np.repeat(np.where((rows + columns) % 2, 160, 96).astype(np.uint8)[..., None], 3, axis=2)
    mask = np.zeros((96, 160), np.uint8)
    mask[:, :80] = 255
    filtered = Prefilter(1.0).apply(image, mask)[48].astype(int)
    contrast = np.abs(np.diff(filtered[:, 0]))
    assert (contrast[:79] == 64).all()
    assert contrast[80 + 2 * FEATHER + 2 :].max() < 4
    assert (np.abs(np.diff(contrast[80:])) < 20).all()


def test_noise_of_a_still_background_becomes_less_from_picture_to_picture() -> None:
    rng = np.random.default_rng(3)
    still, nothing = np.full((64, 96, 3), 120, np.uint8), np.zeros((64, 96), np.uint8)
    prefilter = Prefilter(0.4)
    noisy = [np.clip(still + rng.normal(0, 4, still.shape), 0, 255).astype(np.uint8) for _ in range(12)]
    errors = [np.abs(prefilter.apply(image, nothing).astype(int) - 120).mean() for image in noisy]
    assert errors[-1] < 0.6 * errors[0]


def test_what_moves_leaves_no_trail() -> None:
    nothing = np.zeros((64, 96), np.uint8)
    dark, bright = np.full((64, 96, 3), 40, np.uint8), np.full((64, 96, 3), 200, np.uint8)
    prefilter = Prefilter(1.0)
    prefilter.apply(dark, nothing)
    np.testing.assert_array_equal(prefilter.apply(bright, nothing), bright)
    np.testing.assert_array_equal(prefilter.apply(dark, nothing), dark)


def test_pictures_of_another_size_begin_anew() -> None:
    prefilter = Prefilter(0.5)
    prefilter.apply(textured(0), middle())
    small = textured(0, 64, 48)
    fresh = Prefilter(0.5).apply(small, np.zeros((48, 64), np.uint8))
    np.testing.assert_array_equal(prefilter.apply(small, np.zeros((48, 64), np.uint8)), fresh)


@pytest.mark.parametrize("codec", ["h264", "h265"])
def test_it_saves_bytes_of_a_noisy_camera_at_the_same_quantisers(codec: str) -> None:
    rng = np.random.default_rng(5)
    still = textured(0).astype(int)
    noisy = [np.clip(still + rng.normal(0, 6, still.shape), 0, 255).astype(np.uint8) for _ in range(8)]

    def taken(strength: float) -> int:
        encoder, prefilter = RoiEncoder(192, 128, Fraction(25), codec, preset="ultrafast"), Prefilter(strength)
        images = [prefilter.apply(image, middle()) for image in noisy]
        return sum(len(encoder.encode(image, middle(), Quantiser(28, 30)).data) for image in images)

    assert taken(0.5) < 0.9 * taken(0.0)
    assert taken(1.0) < 0.8 * taken(0.0)
