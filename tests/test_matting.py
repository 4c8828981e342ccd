"""The matte that is refined from a mask: nearer to the truth, steady, with colours of its own."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest

from models.edges import both
from models.guided import fit
from models.palette import likelihood
from models.refined import Refined, memory, step
from models.registry import catalogue, load_matter, matter_memory
from tests.cutouts import HEIGHT, SKIN, WIDTH, behind, disc, error, mixed, rough
from tests.frames import noisy, scenery


class Cutting:
    """Runs a matting model as the stage does."""

    def __init__(self, height: int = HEIGHT, width: int = WIDTH, **options: float) -> None:
        self.matter = Refined(**options)
        self.turns = [{n: np.zeros(shape, kind) for n, (shape, kind) in memory(height, width).items()} for _ in "ab"]
        self.size = height, width

    def cut(self, image: np.ndarray, mask: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        alpha, colours = np.full(self.size, 99, np.uint8), np.full((*self.size, 3), 99, np.uint8)
        for array in (image, mask, *self.turns[0].values()):
            array.flags.writeable = False
        self.matter.matte(image, mask, *self.turns, alpha, colours)
        for array in self.turns[0].values():
            array.flags.writeable = True
        self.turns.reverse()
        return alpha, colours


def test_a_linear_function_of_the_colours_is_found_exactly() -> None:
    guide = scenery(60, 80).astype(np.float32) / 255
    target = guide @ np.array((0.2, 0.7, -0.4), np.float32) + np.float32(0.1)
    found = fit(guide, target, 4, 1e-7)
    assert np.abs(found.of(guide) - target).max() < 0.01


def test_colours_without_any_edge_give_the_average_of_the_target() -> None:
    guide = np.full((40, 40, 3), 0.5, np.float32)
    target = np.zeros((40, 40), np.float32)
    target[:, 20:] = 1
    found = fit(guide, target, 5, 1e-3).of(guide)
    assert abs(float(found[20, 19:21].mean()) - 0.5) < 0.01
    assert found[20, 5] < 1e-3
    assert found[20, 35] > 1 - 1e-3


def test_a_colour_is_of_the_side_on_which_it_was_surely_seen() -> None:
    picture = np.full((64, 64, 3), (200, 60, 60), np.uint8)
    picture[:, 32:] = SKIN
    inner, outer = (np.zeros((64, 64), np.uint8) for _ in range(2))
    inner[:, 44:], outer[:, 20:] = 255, 255
    doubtful = np.nonzero((outer > 0) & (inner == 0))
    found = np.zeros((64, 64))
    found[doubtful] = likelihood(picture, inner, outer, doubtful)
    assert found[:, 20:32].max() < 0.05
    assert found[:, 32:44].min() > 0.95


def test_a_colour_that_nobody_has_seen_is_of_either_side() -> None:
    picture = np.full((64, 64, 3), (200, 60, 60), np.uint8)
    picture[:, 40:] = SKIN
    picture[30:34, 28:36] = (0, 255, 0)
    inner, outer = (np.zeros((64, 64), np.uint8) for _ in range(2))
    inner[:, 44:], outer[:, 20:] = 255, 255
    assert likelihood(picture, inner, outer, (np.array([32]), np.array([32]))) == pytest.approx(0.5)


def test_two_likelihoods_agree_more_surely_than_each() -> None:
    surer = both(np.array([0.8, 0.2, 0.5], np.float32), np.array([0.8, 0.2, 0.7], np.float32))
    assert surer[0] > 0.9
    assert surer[1] < 0.1
    assert surer[2] == pytest.approx(0.7)


def test_the_matte_is_nearer_to_the_truth_than_the_mask() -> None:
    truth, cutting = disc(160, 90, 50, soft=1.5), Cutting()
    image, mask = mixed(truth, behind()), rough(truth)
    alpha, _ = cutting.cut(image, mask)
    assert error(alpha, truth) < 0.5 * error(mask, truth)
    soft = (truth > 40) & (truth < 215)
    assert np.corrcoef(alpha[soft], truth[soft])[0, 1] > 0.7  # not just a mask with another outline


def test_a_composite_has_no_fringe_of_the_old_background() -> None:
    truth = disc(160, 90, 50, soft=2.0)
    alpha, colours = Cutting().cut(mixed(truth, behind()), rough(truth))
    edge = (alpha > 60) & (alpha < 200)
    assert edge.sum() > 200
    seen = mixed(truth, behind())
    assert error(colours[edge], SKIN) < 0.4 * error(seen[edge], SKIN)


def test_inside_the_foreground_the_picture_is_as_it_was() -> None:
    truth = disc(160, 90, 50)
    image = mixed(truth, behind())
    alpha, colours = Cutting().cut(image, rough(truth))
    inside = disc(160, 90, 40) == 255
    assert (alpha[inside] == 255).all()
    assert np.array_equal(colours[inside], image[inside])


def test_far_from_the_mask_there_is_nothing() -> None:
    truth = disc(160, 90, 50)
    alpha, colours = Cutting().cut(mixed(truth, behind()), rough(truth))
    outside = disc(160, 90, 62) == 0
    assert not alpha[outside].any()
    assert not colours[outside].any()


def test_without_a_mask_nobody_is_in_front() -> None:
    alpha, colours = Cutting().cut(behind(), np.zeros((HEIGHT, WIDTH), np.uint8))
    assert not alpha.any()
    assert not colours.any()


def test_a_mask_of_everything_is_foreground_throughout() -> None:
    image = behind()
    alpha, colours = Cutting().cut(image, np.full((HEIGHT, WIDTH), 255, np.uint8))
    assert (alpha == 255).all()
    assert np.array_equal(colours, image)


@pytest.mark.parametrize("where", [(0, 90), (319, 90), (160, 0), (160, 179), (0, 0)])
def test_who_stands_at_the_border_is_cut_out_as_well(where: tuple[int, int]) -> None:
    truth = disc(*where, 40)
    alpha, _ = Cutting().cut(mixed(truth, behind()), rough(truth))
    assert error(alpha, truth) < 0.5 * error(rough(truth), truth)


@pytest.mark.parametrize("size", [(1, 1), (2, 3), (7, 200), (361, 643), (720, 1281)])
def test_every_size_of_picture_is_taken(size: tuple[int, int]) -> None:
    mask = np.zeros(size, np.uint8)
    mask[size[0] // 2 :, size[1] // 2 :] = 255
    alpha, _ = Cutting(*size).cut(scenery(*size), mask)
    assert alpha[-1, -1] > 60
    if min(size) > 100:
        assert alpha[-1, -1] == 255
        assert alpha[0, 0] == 0


def test_a_large_picture_is_worked_out_small_and_has_its_own_edges() -> None:
    size = 720, 1280
    assert step(*size) == 2
    truth = np.zeros(size, np.uint8)
    truth[200:600, 501:800] = 255  # an odd column: half a pixel of the small picture
    room = np.full((*size, 3), (150, 120, 30), np.uint8)
    image = np.where(truth[..., None] > 0, SKIN, room).astype(np.uint8)
    alpha, _ = Cutting(*size).cut(noisy(image, 0), rough(truth, 4))
    row = alpha[400].astype(int)
    assert row[498] < 40
    assert row[503] > 215


def test_an_edge_that_flickers_in_the_mask_is_steadier_in_the_matte() -> None:
    """Nothing moves but the mask, and the camera's noise."""

    def change(steady: float) -> float:
        cutting, alphas = Cutting(steady=steady), []
        truth = disc(160, 90, 50)
        for index in range(10):
            mask = rough(truth, off=index % 3 + 1)
            alphas.append(cutting.cut(noisy(mixed(truth, behind()), index), mask)[0].astype(int))
        return float(np.mean([np.abs(b - a).mean() for a, b in pairwise(alphas[2:])]))

    assert change(0.6) < 0.7 * change(0.0)


def test_who_walks_leaves_no_trail() -> None:
    cutting = Cutting(steady=0.8)
    for index in range(8):
        truth = disc(60 + 12 * index, 90, 40)
        alpha, _ = cutting.cut(mixed(truth, behind()), rough(truth))
    assert error(alpha, truth) < 0.4 * error(rough(truth), truth)


def test_two_runs_give_the_same_matte() -> None:
    truth = disc(160, 90, 50)
    one, other = (Cutting().cut(mixed(truth, behind()), rough(truth)) for _ in range(2))
    assert np.array_equal(one[0], other[0])
    assert np.array_equal(one[1], other[1])


def test_the_catalogue_knows_both_and_what_one_of_them_wants() -> None:
    lines = {line.name: line for line in catalogue() if line.task == "matte"}
    assert lines["refined"].state == "present"
    assert (lines["rvm"].state, lines["rvm"].licence) == ("missing", "GPL-3.0")
    assert load_matter("refined").info.name == "refined"
    assert matter_memory("refined", HEIGHT, WIDTH).keys() == {"alpha", "grey", "known"}
