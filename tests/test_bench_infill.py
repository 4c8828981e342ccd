"""The measures of inpainting: errors that are known beforehand, crops with a known truth, what follows from figures."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

from benchmarks import infill, infill_cases
from benchmarks.infill_goals import QUALITY, judged
from benchmarks.infill_judge import direction_distance, gains, judge, strength_distance
from benchmarks.infill_ways import OURS, REFERENCE, Way
from tests.crops import flat, square
from tests.frames import scenery

CLIPS = Path(__file__).resolve().parents[2] / "shared" / "data" / "composites"
PEOPLE = CLIPS.parent / "persons_coco"


def stripes(turn: float, size: int = 96) -> np.ndarray:
    """A picture of soft stripes, their normal turned by so many degrees."""
    y, x = np.mgrid[:size, :size]
    angle = np.radians(turn)
    wave = 127 + 60 * np.sin((x * np.cos(angle) + y * np.sin(angle)) / 2)
    return np.repeat(np.rint(wave).astype(np.uint8)[..., None], 3, 2)


# One hole


def test_the_truth_itself_is_without_error() -> None:
    truth = scenery(96, 96)
    figures = judge(truth, truth, square())
    assert figures == pytest.approx({"psnr_db": 108.13, "ssim": 1.0, "edges": 0.0, "turn": 0.0}, abs=0.01)


def test_what_is_outside_the_hole_is_of_no_account_to_the_psnr() -> None:
    truth, hole = scenery(96, 96), square()
    found = truth.copy()
    found[hole > 0] = np.clip(truth[hole > 0].astype(int) + 10, 0, 255)
    wrong = found.copy()
    wrong[hole == 0] = 0
    by_ten = 10 * np.log10(255**2 / 100)
    assert judge(found, truth, hole)["psnr_db"] == pytest.approx(by_ten, abs=0.1)
    assert judge(wrong, truth, hole)["psnr_db"] == judge(found, truth, hole)["psnr_db"]


def test_a_smear_is_farther_off_in_texture_than_texture_from_elsewhere_though_nearer_in_psnr() -> None:
    truth, hole = scenery(96, 96, smooth=1), square()
    elsewhere, smear = truth.copy(), truth.copy()
    elsewhere[hole > 0] = np.roll(truth, 37, 1)[hole > 0]
    smear[hole > 0] = cv2.GaussianBlur(truth, (0, 0), 12)[hole > 0]
    moved, blurred = judge(elsewhere, truth, hole), judge(smear, truth, hole)
    assert blurred["psnr_db"] > moved["psnr_db"]
    assert blurred["edges"] > 3 * moved["edges"]


def test_gradients_twice_as_strong_are_an_octave_away() -> None:
    random = np.random.default_rng(0)
    gradients = random.normal(0, 200, (2000, 2)).astype(np.float32)
    assert strength_distance(gradients, gradients) == 0
    assert strength_distance(2 * gradients, gradients) == pytest.approx(1, abs=0.03)
    assert strength_distance(gradients, random.permutation(gradients)) == 0


@pytest.mark.parametrize(("one", "other", "apart"), [(0, 30, 30), (10, 100, 90), (5, 175, 10), (170, 20, 30)])
def test_directions_are_as_far_apart_as_the_shorter_way_round(one: float, other: float, apart: float) -> None:
    hole = np.full((96, 96), 255, np.uint8)
    assert judge(stripes(one), stripes(other), hole)["turn"] == pytest.approx(apart, abs=4)


def test_what_has_no_gradient_runs_every_way_alike() -> None:
    plain, hole = np.full((96, 96, 3), 127, np.uint8), np.full((96, 96), 255, np.uint8)
    assert judge(plain, stripes(30), hole)["turn"] == pytest.approx(45, abs=3)
    assert judge(plain, plain, hole)["turn"] == 0


def test_the_opposite_direction_is_the_same_edge() -> None:
    gradients = np.array([[3, 1], [2, 2], [0, 4]], np.float32)
    assert direction_distance(gradients, -gradients) == pytest.approx(0)


# Crops


def test_crops_are_always_the_same_and_hide_the_truth() -> None:
    picture = scenery(500, 700)
    once, again = (list(infill_cases.of_picture("hill", picture)) for _ in range(2))
    assert [case.truth.shape[0] for case in once] == list(infill_cases.SIDES)
    for one, other in zip(once, again, strict=True):
        assert np.array_equal(one.hole, other.hole)
        assert np.array_equal(one.truth, other.truth)
        inside = one.hole > 0
        assert 0.01 < inside.mean() < 0.6
        assert (one.image[inside] == infill_cases.GREY).all()
        assert np.array_equal(one.image[~inside], one.truth[~inside])
    other = list(infill_cases.of_picture("dale", picture))
    assert not all(np.array_equal(a.hole, b.hole) for a, b in zip(once, other, strict=True))


def test_crops_show_ever_more_of_the_picture() -> None:
    """A picture whose level is its row: what a crop shows spans so many levels."""
    picture = np.repeat(np.linspace(0, 255, 1000).astype(np.uint8)[:, None], 1200, 1)[..., None].repeat(3, 2)
    spans = [int(case.truth.max()) - int(case.truth.min()) for case in infill_cases.of_picture("slope", picture)]
    assert spans[:2] == pytest.approx([255 * 256 / 1000, 255 * 384 / 1000], abs=4)
    assert spans[4:] == pytest.approx([255 * infill_cases.LARGEST] * 2, abs=4)


def test_a_picture_smaller_than_a_crop_is_shown_whole() -> None:
    cases = list(infill_cases.of_picture("small", scenery(200, 300)))
    assert [case.truth.shape for case in cases] == [(side, side, 3) for side in infill_cases.SIDES]


def test_a_silhouette_keeps_its_outline_and_lies_within() -> None:
    mask = np.zeros((300, 300), np.uint8)
    mask[100:300, 120:160] = 255
    mask[220:300, 100:180] = 255  # a bell: wide below
    found = infill_cases.silhouette(mask, 256, np.random.default_rng(3))
    rows = np.flatnonzero(found.any(1))
    assert 0.4 * 256 < len(rows) < 0.9 * 256
    widths = (found > 0).sum(1)
    assert widths[rows[-5]] > 1.5 * widths[rows[5]]
    assert set(np.unique(found)) == {0, 255}


@pytest.mark.skipif(not PEOPLE.is_dir(), reason="no shared/data")
def test_outlines_of_people_are_read_and_only_of_people(tmp_path: Path) -> None:
    assert len(infill_cases.silhouettes(PEOPLE)) > 30
    bell = " ".join(f"{0.5 + 0.2 * np.cos(t):.3f} {0.5 + 0.3 * np.sin(t):.3f}" for t in np.linspace(0, 6, 30))
    (tmp_path / "a.txt").write_text(f"1 {bell}\n28 {bell}\n1 0.1 0.1 0.2 0.2 0.3 0.1\n")
    (found,) = infill_cases.silhouettes(tmp_path)
    assert found[256, 256] == 255
    assert np.count_nonzero(found) / found.size == pytest.approx(np.pi * 0.2 * 0.3, rel=0.05)


def test_a_frame_is_cut_around_its_holes_with_the_context_of_the_stage() -> None:
    image, truth = scenery(360, 640), scenery(360, 640, seed=1)
    rest = np.zeros((360, 640), np.uint8)
    rest[100:200, 300:340] = 255
    (case,) = infill_cases.of_frame("clip", 5, image, rest, truth)
    assert case.hole.shape == (256, 256)  # the canvas that holds the hole and 48 pixels around it
    assert np.count_nonzero(case.hole) == 100 * 40
    assert (case.of, case.part, case.ours) == ("clip", "5.0", False)
    rest[20:60, 20:40] = 255
    assert sum(np.count_nonzero(case.hole) for case in infill_cases.of_frame("clip", 5, image, rest, truth)) == 4800


@pytest.mark.skipif(not CLIPS.is_dir(), reason="no shared/data")
def test_composites_give_every_fifth_frame_and_are_not_ours_to_show() -> None:
    cases = infill_cases.by_picture(list(infill_cases.composites(CLIPS)))
    assert list(cases) == list(infill_cases.COMPOSITES)
    for of_one in cases.values():
        numbers = [int(case.part.split(".")[0]) for case in of_one]
        assert all(number % 5 == 0 for number in numbers)
        assert len(of_one) > 10
        assert not any(case.ours for case in of_one)
        # Somebody is in the hole, and the truth beside him is as in the picture, but for the codec.
        case = of_one[-1]
        off = np.abs(case.image.astype(int) - case.truth).mean(2)
        assert off[case.hole > 0].mean() > 5 * off[case.hole == 0].mean()


# All of them


def constant(name: str, off: int) -> Way:
    """A way that is off by so many levels everywhere, and ruins what is known, which is not taken of it."""

    def fill(image: np.ndarray, hole: np.ndarray) -> np.ndarray:
        return np.where(hole[..., None] > 0, np.uint8(100 + off), np.uint8(0)).repeat(3, 2)

    return Way(name, fill, {})


def test_the_gain_over_telea_is_the_mean_over_pictures_and_the_worst_is_told() -> None:
    cases = [flat("a", str(number)) for number in range(5)] + [flat("b", ours=False)]
    found, rows = infill.measure(cases, [constant(REFERENCE, 20), constant(OURS, 10)])
    assert found["gain_db"] == pytest.approx(20 * np.log10(2), abs=0.01)
    assert found["worst_gain_db"] == found["gain_db"]
    assert [picture["crops"] for picture in found["pictures"].values()] == [5, 1]
    assert found["pictures"]["a"]["ways"][REFERENCE]["gain_db"] == 0
    assert found["goals"]["gain_db"]["met"]
    assert [case.of for case, _ in rows] == ["a"]  # the other is not ours to show
    assert rows[0][1][OURS][32, 32].tolist() == [110] * 3
    assert rows[0][1][OURS][0, 0].tolist() == [100] * 3  # what is known stays


def test_every_picture_counts_the_same_however_many_crops_it_has() -> None:
    rows = {"psnr_db": 20.0, "ssim": 0.5, "edges": 1.0, "turn": 1.0, "ms": 1.0, "worst_crop_db": -2.0}
    pictures = {
        name: {"crops": crops, "ways": {REFERENCE: rows | {"gain_db": 0.0}, OURS: rows | {"gain_db": gain}}}
        for name, crops, gain in (("a", 100, 4.0), ("b", 1, -1.0))
    }
    found = infill.overall(pictures)
    assert (found["gain_db"], found["worst_gain_db"]) == (1.5, -1.0)
    assert found["overall"][OURS]["worst_crop_db"] == -2.0
    assert [goal["met"] for goal in judged(found, QUALITY).values()] == [True, True, False]


def test_gains_are_told_crop_by_crop() -> None:
    assert gains([{"psnr_db": 20.0}, {"psnr_db": 18.0}], [{"psnr_db": 17.0}, {"psnr_db": 19.0}]) == [3.0, -1.0]


def test_a_goal_that_is_missed_is_said_to_be_missed() -> None:
    found = judged({"gain_db": 1.49, "worst_gain_db": -1.0, "edges_share": 0.8}, QUALITY)
    assert [goal["met"] for goal in found.values()] == [False, True, True]
    assert found["gain_db"]["asked"] == "at least 1.5"
    assert judged({}, QUALITY) == {}
