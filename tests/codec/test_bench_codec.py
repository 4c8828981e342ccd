"""The measures of semantic coding: figures that are known beforehand, and none where there can be none."""

from __future__ import annotations

import math

import numpy as np
import pytest
from skimage.metrics import peak_signal_noise_ratio, structural_similarity

from benchmarks.codec_compared import compared, overall
from benchmarks.codec_delta import Curve, quality_gained, rate_saved, value_at, worst_point
from benchmarks.codec_judge import Judge
from tests.clips import picture

RATES = [0.05, 0.1, 0.2, 0.4, 0.8]
DECIBELS = [28.0, 31.0, 34.0, 37.0, 40.0]


def curve(factor: float = 1.0, better: float = 0.0) -> Curve:
    """A straight line that takes so many times the bytes, and is so much better."""
    return Curve([factor * rate for rate in RATES], [better + value for value in DECIBELS])


def test_a_curve_saves_nothing_beside_itself() -> None:
    assert rate_saved(curve(), curve()).value == pytest.approx(0, abs=1e-9)
    assert quality_gained(curve(), curve()).value == pytest.approx(0, abs=1e-9)
    assert worst_point(curve(), curve()).value == pytest.approx(0, abs=1e-9)


def test_three_quarters_of_the_bytes_at_every_quality_are_a_quarter_saved() -> None:
    assert rate_saved(curve(), curve(0.75)).value == pytest.approx(-25, abs=1e-6)
    assert worst_point(curve(), curve(0.75)).value == pytest.approx(-25, abs=1e-6)
    # three decibels for each doubling: as much as those bytes would have given
    assert quality_gained(curve(), curve(0.75)).value == pytest.approx(-3 * math.log2(0.75), abs=1e-6)


def test_one_bad_point_is_the_worst_and_hardly_moves_the_mean() -> None:
    bumpy = Curve([0.8 * rate for rate in RATES[:2]] + [RATES[2] * 1.1] + [0.8 * rate for rate in RATES[3:]], DECIBELS)
    worst, saved = worst_point(curve(), bumpy).value, rate_saved(curve(), bumpy).value
    assert worst == pytest.approx(10, abs=1e-6)
    assert saved is not None
    assert -20 < saved < 0


def test_points_beyond_the_plain_curve_are_not_judged() -> None:
    far = Curve([*(0.9 * rate for rate in RATES), 30.0], [*DECIBELS, 60.0])
    assert worst_point(curve(), far).value == pytest.approx(-10, abs=1e-6)


def test_curves_that_hardly_share_a_quality_give_no_figure_but_say_why() -> None:
    above = curve(better=9.0)
    found = rate_saved(curve(), above)
    assert found.value is None
    assert "25 % of the narrower one's quality" in found.why
    assert quality_gained(curve(), above).value == pytest.approx(9)  # at equal bytes they can be compared
    nowhere = curve(better=30)
    assert rate_saved(curve(), nowhere).value is None
    assert worst_point(curve(), nowhere).facts() == {
        "value": None,
        "why": "no point lies within the plain curve's quality",
    }


def test_a_narrow_curve_within_a_wide_one_is_enough() -> None:
    narrow = Curve([0.1, 0.12, 0.14, 0.16], [value - 1 for value in (31.0, 31.789, 32.456, 33.034)])
    assert rate_saved(curve(), narrow).value == pytest.approx(100 * (2 ** (1 / 3) - 1), abs=0.1)


def test_few_points_and_curves_that_fall_give_no_figure() -> None:
    assert "fewer than 4" in rate_saved(curve(), Curve(RATES[:3], DECIBELS[:3])).why
    falling = Curve(RATES, [28.0, 31.0, 30.5, 37.0, 40.0])
    assert "do not always give more" in worst_point(curve(), falling).why


def test_between_two_points_decibels_go_with_the_logarithm_of_the_rate() -> None:
    assert value_at(curve(), 0.1) == pytest.approx(31)
    assert value_at(curve(), math.sqrt(0.1 * 0.2)) == pytest.approx(32.5)
    assert value_at(curve(), 0.04) is None
    assert value_at(curve(), 0.9) == 40.0  # as good with fewer


def test_points_without_a_value_are_left_out_and_the_others_sorted() -> None:
    found = Curve.of([(0.4, 37.0), (0.1, 31.0), (0.2, None)])
    assert (found.rates, found.values) == ([0.1, 0.4], [31.0, 37.0])


def noisy(image: np.ndarray, level: float, seed: int) -> np.ndarray:
    noise = np.random.default_rng(seed).normal(0, level, image.shape)
    return np.clip(np.rint(image + noise), 0, 255).astype(np.uint8)


def test_the_whole_is_judged_as_scikit_image_judges_it() -> None:
    import cv2

    image, judge = picture(3, 160, 120), Judge()
    decoded = noisy(image, 6, 1)
    judge.see(image, decoded, np.zeros(image.shape[:2], np.uint8))
    whole = judge.figures()["whole"]
    assert whole["psnr"] == pytest.approx(peak_signal_noise_ratio(image, decoded), abs=1e-3)
    lumas = [cv2.cvtColor(one, cv2.COLOR_BGR2GRAY) for one in (image, decoded)]
    theirs = structural_similarity(*lumas, gaussian_weights=True, sigma=1.5, use_sample_covariance=False)
    assert whole["ssim"] == pytest.approx(theirs, abs=0.01)  # they leave the rim out


def test_noise_in_the_background_is_not_the_regions() -> None:
    image, judge = picture(3, 160, 120), Judge()
    mask = np.zeros(image.shape[:2], np.uint8)
    mask[:, :80] = 255
    decoded = np.where(mask[..., None] > 0, noisy(image, 2, 1), noisy(image, 10, 2))
    judge.see(image, decoded, mask)
    figures = judge.figures()
    assert figures["region"]["psnr"] == pytest.approx(20 * math.log10(255 / 2), abs=0.3)
    assert figures["background"]["psnr"] == pytest.approx(20 * math.log10(255 / 10), abs=0.3)
    assert figures["region"]["ssim"] > figures["background"]["ssim"]


def test_pixels_count_the_same_whichever_picture_they_lie_in() -> None:
    image, judge = np.full((40, 40, 3), 100, np.uint8), Judge()
    large, one = np.full((40, 40), 255, np.uint8), np.zeros((40, 40), np.uint8)
    one[0, 0] = 255
    judge.see(image, image + 1, large)
    judge.see(image, image + 50, one)  # a single pixel that is far off
    squares = (1600 * 1 + 2500) / 1601
    assert judge.figures()["region"]["psnr"] == pytest.approx(10 * math.log10(255**2 / squares), abs=1e-6)


def test_an_empty_part_and_a_perfect_one_have_no_psnr() -> None:
    image, judge = picture(1), Judge()
    judge.see(image, image, np.zeros(image.shape[:2], np.uint8))
    assert judge.figures()["region"] == {"psnr": None, "ssim": None}
    assert judge.figures()["background"]["psnr"] is None
    assert judge.figures()["background"]["ssim"] == pytest.approx(1)


def points(factor: float, background: float) -> list[dict[str, float]]:
    """Five points as of `codec_curves.point`, those of `curve`."""
    return [
        {"bpp": factor * rate, "psnr_region": value, "psnr_background": value - background, "psnr_whole": value - 1,
         "vmaf": 2 * value}
        for rate, value in zip(RATES, DECIBELS, strict=True)
    ]  # fmt: skip


def test_goals_are_met_by_what_saves_a_fifth_and_is_nowhere_worse() -> None:
    found = compared({"x264": points(1, 0), "roi-12": points(0.7, 6), "roi-6": points(0.9, 6), "x265": points(1.2, 0)})
    assert found["roi-12"]["goal"] == {"saved": True, "worst": True}
    assert found["roi-6"]["goal"] == {"saved": False, "worst": True}
    assert found["x265"]["goal"] == {"saved": False, "worst": False}
    assert found["roi-12"]["psnr_background_gained"]["value"] == pytest.approx(-6 - 3 * math.log2(0.7), abs=0.01)


def test_over_all_clips_the_mean_is_of_those_that_could_be_compared_and_the_worst_is_the_worst() -> None:
    def clip(factor: float, better: float) -> dict[str, object]:
        shifted = [{**one, "psnr_region": one["psnr_region"] + better} for one in points(factor, 4)]
        return {"compared": compared({"x264": points(1, 0), "roi-12": shifted})}

    found = overall({"one": clip(0.7, 0), "two": clip(0.9, 0), "far": clip(1, 25)})["roi-12"]
    assert (found["clips"], found["compared"], found["met"]) == (3, 2, 1)
    assert found["region_saved"] == pytest.approx(-20, abs=0.01)
    assert found["region_worst"] == pytest.approx(-10, abs=0.01)


def test_clips_that_the_neural_coder_has_learned_from_do_not_count_for_it() -> None:
    def clip(factor: float, learned: bool) -> dict[str, object]:
        curves = {"x264": points(1, 0), "roi-12": points(factor, 4), "neural": points(factor, 4)}
        return {"compared": compared(curves), "learned": learned}

    found = overall({"seen": clip(0.5, True), "new": clip(0.9, False)})
    assert (found["roi-12"]["clips"], found["neural"]["clips"]) == (2, 1)
    assert found["neural"]["region_saved"] == pytest.approx(-10, abs=0.01)
