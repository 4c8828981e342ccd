"""The measures of matting: errors that are known beforehand, figures that follow from rates, a page that is in step."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest
import torch

from benchmarks import matting, matting_page, random_rvm
from benchmarks.matting_quality import GOAL, compared, errors, flicker, overall
from benchmarks.matting_usual import by_network, run
from models.rvm import Rvm
from models.rvm_state import memory
from tests.clips import make_clip
from tests.cutouts import HEIGHT, WIDTH, disc
from tests.frames import scenery


def test_a_matte_that_is_true_has_no_error() -> None:
    truth = disc(100, 90, 40)
    assert errors(truth, truth) == pytest.approx({"mad": 0.0, "gradient": 0.0}, abs=1e-9)
    assert flicker(truth, truth, truth, truth) == 0.0


def test_the_difference_is_the_mean_over_all_pixels() -> None:
    truth = np.zeros((10, 20), np.uint8)
    found = truth.copy()
    found[:, :5] = 100
    assert errors(found, truth)["mad"] == pytest.approx(25.0)


def test_an_edge_that_is_too_soft_or_elsewhere_has_a_gradient_error() -> None:
    truth = disc(160, 90, 50)
    soft, moved = cv2.GaussianBlur(truth, (0, 0), 3), disc(163, 90, 50)
    assert errors(soft, truth)["gradient"] > 0.05
    assert errors(moved, truth)["gradient"] > errors(disc(161, 90, 50), truth)["gradient"] > 0


def test_a_steady_error_does_not_flicker_and_a_moving_one_does() -> None:
    truth, wrong = disc(160, 90, 50), disc(160, 90, 55)
    assert flicker(wrong, wrong, truth, truth) == 0.0
    assert flicker(wrong, truth, truth, truth) > 5


def test_the_shares_and_the_goals_follow_from_the_means() -> None:
    good = compared({"mask": dict.fromkeys(("mad", "gradient", "flicker"), 2.0),
                     "matte": {"mad": 1.0, "gradient": 1.2, "flicker": 3.0}})  # fmt: skip
    assert good["share"] == {"mad": 0.5, "gradient": 0.6, "flicker": 1.5}
    bad = compared({"mask": good["mask"], "matte": {**good["matte"], "mad": 1.9}})
    whole = overall({"one": good, "two": bad})
    assert whole["share"]["mad"] == pytest.approx(0.725)
    assert whole["goals"] == {"mad": False, "gradient": True}
    assert GOAL == 0.6


def test_hours_follow_from_the_rate_by_pixels() -> None:
    figures = matting._figures([4.0, 5.0, 6.0], [1.0, 2.0, 1.0])
    assert (figures["frames_per_s"], figures["usual_frames_per_s"], figures["times_usual"]) == (5.0, 1.0, 5.0)
    assert figures["hours_40_min_4k"] == 16.0  # 72,000 frames of four times the pixels at 5 frames/s
    assert figures["goal"]


def test_the_random_network_has_the_size_and_the_states_of_the_published_one() -> None:
    network = random_rvm.RandomRvm().eval()
    assert sum(weight.numel() for weight in network.parameters()) == pytest.approx(3.75e6, rel=0.01)
    with torch.inference_mode():
        front, alpha, *states = network(torch.rand(1, 3, 90, 161), None, None, None, None, 0.5)
    assert (front.shape, alpha.shape) == ((1, 3, 90, 161), (1, 1, 90, 161))
    assert [tuple(state.shape) for state in states] == [(1, 16, 23, 40), (1, 20, 12, 20), (1, 40, 6, 10), (1, 64, 3, 5)]


def test_the_usual_script_and_the_adapter_give_the_same_matte(tmp_path: Path) -> None:
    path = random_rvm.write(tmp_path / "rvm.torchscript")
    usual, ours = by_network(path, 1.0), Rvm(str(path), ratio=1.0, device="cpu")
    turns = [{n: np.zeros(shape, kind) for n, (shape, kind) in memory(HEIGHT, WIDTH, 1.0).items()} for _ in range(2)]
    alpha, colours = np.empty((HEIGHT, WIDTH), np.uint8), np.empty((HEIGHT, WIDTH, 3), np.uint8)
    for seed in range(2):
        image = scenery(HEIGHT, WIDTH, seed)
        ours.matte(image, None, turns[0], turns[1], alpha, colours)
        turns.reverse()
        right, front = usual(image)
        assert np.abs(alpha.astype(int) - right).max() <= 1
        assert np.abs(colours.astype(int) - front).max() <= 1


def test_the_usual_script_writes_every_frame_that_it_counts(tmp_path: Path) -> None:
    clip = make_clip(tmp_path / "in.mp4", 8)
    seen = []

    def matte(image: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        seen.append(image.shape)
        return np.full(image.shape[:2], 255, np.uint8), image

    assert run(matte, clip, tmp_path / "out.mp4", 4) > 0
    assert len(seen) == 4 + 3
    assert (tmp_path / "out.mp4").stat().st_size > 0


def test_the_page_shows_these_results() -> None:
    assert matting_page.PAGE.read_text() == matting_page.page()
