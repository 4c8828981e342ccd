"""Readings: what is said of a decoded picture is what others say of it."""

from __future__ import annotations

import json
import math
import time

import numpy as np
import pytest

from pipeline.config import load_config
from pipeline.frame import NUMBERS, Frame, FrameSpec
from stages.codec.readings import BEST_DB, FIELDS, Readings, psnr, ssim, ssim_map
from stages.output.hud import Hud
from stages.output.page_pictures import head_of
from tests.codec.clips import middle, textured
from tests.codec.clips import psnr as true_psnr

NOISE = np.random.default_rng(4)


def noisy(image: np.ndarray, inside: float, outside: float) -> np.ndarray:
    spread = np.where(middle()[..., None] > 0, inside, outside)
    return (image + NOISE.normal(0, 1, image.shape) * spread).clip(0, 255).round().astype(np.uint8)


def test_the_psnr_of_each_part_is_that_of_its_pixels_alone() -> None:
    image, mask = textured(1), middle()
    decoded = noisy(image, 3, 12)
    found = psnr(image, decoded, mask)
    assert found.region == pytest.approx(true_psnr(image, decoded, mask > 0), abs=1e-6)
    assert found.background == pytest.approx(true_psnr(image, decoded, mask == 0), abs=1e-6)
    assert found.whole == pytest.approx(true_psnr(image, decoded), abs=1e-6)
    assert found.region > found.whole > found.background


@pytest.mark.parametrize(("level", "empty"), [(0, "region"), (255, "background")])
def test_a_part_without_a_pixel_has_no_figure_and_the_other_is_the_whole(level: int, empty: str) -> None:
    image, mask = textured(1), np.full_like(middle(), level)
    decoded = noisy(image, 5, 5)
    for found in (psnr(image, decoded, mask), ssim(image, decoded, mask)):
        other = "background" if empty == "region" else "region"
        assert math.isnan(getattr(found, empty))
        assert getattr(found, other) == pytest.approx(found.whole, abs=1e-4)


def test_equal_pictures_have_the_best_figures_and_no_infinite_ones() -> None:
    image = textured(1)
    assert psnr(image, image.copy(), middle()) == (BEST_DB, BEST_DB, BEST_DB)
    assert ssim(image, image.copy(), middle()) == pytest.approx((1, 1, 1), abs=1e-5)


@pytest.mark.parametrize("spread", [2, 15, 60])
def test_the_ssim_is_scikit_image_s(spread: float) -> None:
    metrics = pytest.importorskip("skimage.metrics", reason="scikit-image is not installed")
    import cv2

    image = textured(2)
    decoded = noisy(image, spread, spread)
    one, other = (cv2.cvtColor(picture, cv2.COLOR_BGR2GRAY) for picture in (image, decoded))
    mean, whole = metrics.structural_similarity(
        one, other, data_range=255, gaussian_weights=True, sigma=1.5, use_sample_covariance=False, full=True
    )
    ours = ssim_map(one, other)
    assert ours[5:-5, 5:-5].mean() == pytest.approx(mean, abs=1e-4)
    assert np.abs(ours - whole)[5:-5, 5:-5].max() < 1e-3


def test_the_ssim_of_a_part_is_the_mean_of_its_map() -> None:
    import cv2

    image, mask = textured(3), middle()
    decoded = noisy(image, 2, 25)
    one, other = (cv2.cvtColor(picture, cv2.COLOR_BGR2GRAY) for picture in (image, decoded))
    found, whole = ssim(image, decoded, mask), ssim_map(one, other)
    assert found.region == pytest.approx(whole[mask > 0].mean(), abs=1e-4)
    assert found.background == pytest.approx(whole[mask == 0].mean(), abs=1e-4)
    assert found.region > found.background + 0.1


def test_large_pictures_are_reduced_before_their_structures_are_compared() -> None:
    image, mask = textured(1, 1280, 1024), middle(1280, 1024)
    decoded = np.clip(image.astype(int) + NOISE.integers(-40, 41, image.shape), 0, 255).astype(np.uint8)
    small = ssim(image[:128, :192], decoded[:128, :192], middle())
    assert ssim(image, decoded, mask).whole > small.whole, "noise of single pixels is averaged away"


def test_readings_lie_in_their_plane_and_come_back_with_nan_where_nothing_was_measured() -> None:
    plane = np.zeros(NUMBERS, np.float32)
    Readings(ratio=0.1, psnr=31.5, bytes=1234).put(plane)
    found = Readings.of(plane)
    assert (found.ratio, found.psnr, found.bytes) == (pytest.approx(0.1), 31.5, 1234)
    others = set(FIELDS) - {"ratio", "psnr", "bytes"}
    assert all(math.isnan(getattr(found, name)) for name in others)
    assert len(FIELDS) <= NUMBERS


@pytest.mark.alone
def test_a_picture_of_640x360_is_measured_within_a_few_milliseconds() -> None:
    image, mask = textured(0, 640, 360), middle(640, 360)
    decoded = np.roll(image, 1, 1)

    def once() -> float:
        begun = time.perf_counter()
        psnr(image, decoded, mask)
        ssim(image, decoded, mask)
        return time.perf_counter() - begun

    assert min(once() for _ in range(20)) < 0.020


# Over a picture


def shown(readings: Readings, **fields: bool) -> list[str]:
    planes = {"readings": np.zeros(NUMBERS, np.float32)}
    readings.put(planes["readings"])
    return [word for word, _ in Hud().words(Frame(planes, index=120, **fields))]


def test_what_was_measured_is_written_over_a_picture() -> None:
    known = Readings(ratio=0.1, region_psnr=19.14, background_psnr=12.88, psnr=16.77, kbps=742.31)
    assert shown(known)[2:] == ["0.10x", "742 kbps", "region 19.1  background 12.9  overall 16.8 dB"]


def test_what_was_not_measured_is_not_written() -> None:
    assert shown(Readings(ratio=0.1, background_psnr=20, psnr=20))[2:] == ["0.10x", "background 20.0  overall 20.0 dB"]
    assert shown(Readings(ratio=0.1, psnr=20), blank=True)[2:] == ["blank"]


def test_a_sink_of_the_codec_that_writes_over_its_pictures_gets_the_readings() -> None:
    plan = load_config("semantic-codec", given="in.mp4", wanted="out.mp4")
    assert "readings" in plan.stages[-1].extra
    assert plan.stages[-1].options["view"] == "panel"
    bare = load_config("semantic-codec", sets=["output.view=result", "output.hud=false"], given="a.mp4", wanted="o.mp4")
    assert bare.stages[-1].reads == ("clean",)


def test_a_page_is_told_what_was_measured_as_numbers_that_any_reader_of_json_takes() -> None:
    planes = {"readings": np.zeros(NUMBERS, np.float32)}
    Readings(ratio=0.1, background_psnr=28.04, psnr=28.04, kbps=576.2).put(planes["readings"])
    spec = FrameSpec(width=64, height=48)
    told = head_of(Frame(planes, index=3), spec, 1.0, ())["coding"]
    assert told == {"region_psnr": None, "background_psnr": 28.04, "psnr": 28.04, "kbps": 576.2, "ratio": 0.1}
    assert json.loads(json.dumps(told, allow_nan=False)) == told
    assert "coding" not in head_of(Frame(planes, blank=True), spec, 1.0, ())
    assert "coding" not in head_of(Frame({}), spec, 1.0, ())
