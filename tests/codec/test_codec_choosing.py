"""What the neural encoder decides before and after its networks: predictions, blocks left alone, where to look."""

from __future__ import annotations

from copy import deepcopy

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from models.base import Image
from models.codec_choosing import choose_plan, squares, without_silent
from models.codec_drawing import GRID, RIM, Drawing, padded, window
from models.codec_picture import Guess, Numbers, Past
from models.codec_plan import CORRECTED, FRESH, KEPT, Plan
from models.codec_steps import matters, rounded, step
from models.coding import Quantiser
from tests.codec.untrained import network, panned

LEVELS = rounded(Quantiser(24, 34))
HEIGHT, WIDTH = 96, 160
SHAPE = HEIGHT // 16, WIDTH // 16
NOWHERE = np.zeros(SHAPE, np.bool_)


def past_of(image: Image) -> Past:
    return Past(image, Plan(np.full(SHAPE, FRESH, np.int32), NOWHERE))


def test_the_first_picture_is_said_anew_everywhere() -> None:
    guess, prediction = choose_plan(panned(1, HEIGHT, WIDTH)[0], NOWHERE, None, LEVELS)
    assert (guess.plan.kinds == FRESH).all()
    assert prediction.shape == (HEIGHT, WIDTH, 3)


def test_what_has_not_changed_is_left_alone() -> None:
    picture = panned(1, HEIGHT, WIDTH)[0]
    guess, prediction = choose_plan(picture, NOWHERE, past_of(picture), LEVELS)
    assert (guess.plan.kinds == KEPT).all()
    assert np.array_equal(prediction, picture)


def test_only_what_has_changed_is_coded() -> None:
    before = panned(1, HEIGHT, WIDTH)[0]
    after = before.copy()
    after[32:48, 64:96] = 255 - after[32:48, 64:96]
    plan = choose_plan(after, NOWHERE, past_of(before), LEVELS)[0].plan
    changed = NOWHERE.copy()
    changed[2, 4:6] = True
    assert np.array_equal(plan.coded, changed)


def test_another_scene_is_said_anew_where_the_last_one_is_no_help() -> None:
    flat = np.full((HEIGHT, WIDTH, 3), 200, np.uint8)
    plan = choose_plan(flat, NOWHERE, past_of(panned(1, HEIGHT, WIDTH)[0]), LEVELS)[0].plan
    assert (plan.kinds == FRESH).mean() > 0.9


def test_what_matters_is_left_alone_only_where_it_is_nearer() -> None:
    before = panned(1, HEIGHT, WIDTH)[0]
    noise = np.random.default_rng(0).normal(0, 1.6, before.shape)
    after = np.clip(before + noise, 0, 255).round().astype(np.uint8)
    same = LEVELS[0], LEVELS[0]
    kept = [
        (choose_plan(after, region, past_of(before), same)[0].plan.kinds == KEPT).mean()
        for region in (NOWHERE, ~NOWHERE)
    ]
    assert kept[0] > 0.9
    assert kept[1] < 0.1


def test_blocks_of_which_nothing_is_said_are_left_alone_but_new_ones_stay_new() -> None:
    kinds = np.full(SHAPE, CORRECTED, np.int32)
    kinds[0, :3] = KEPT, FRESH, CORRECTED
    guess = Guess(Plan(kinds, NOWHERE), np.zeros((1, 2), np.int32), kinds * 0, np.zeros((*SHAPE, 3), np.int32))
    said = NOWHERE.copy()
    said[0, 2] = True
    found = without_silent(guess, said).plan.kinds
    assert found[0, :3].tolist() == [KEPT, FRESH, CORRECTED]
    assert (found.ravel()[3:] == KEPT).all()


def test_squares_are_means_of_each_block() -> None:
    one, other = panned(2, HEIGHT, WIDTH)
    found = squares(one, other)
    exact = ((one[16:32, 48:64].astype(float) - other[16:32, 48:64]) ** 2).mean()
    assert found.shape == SHAPE
    assert found[1, 3] == pytest.approx(exact, rel=1e-3)


def test_six_more_double_the_step_as_in_h264() -> None:
    assert step(4 * 4) == pytest.approx(1.0, rel=0.01)
    assert step(30 * 4) == pytest.approx(2 * step(24 * 4), rel=1e-6)


@given(st.floats(-100, 100), st.floats(-100, 100))
@settings(max_examples=30, deadline=None, derandomize=True)
def test_any_quantiser_is_sent_within_its_range(region: float, background: float) -> None:
    assert all(0 <= level <= 204 for level in rounded(Quantiser(region, background)))


def test_a_block_matters_with_a_few_pixels_of_the_mask_but_not_with_two() -> None:
    mask = np.zeros((40, 50), np.uint8)
    mask[:2, 0] = 255
    mask[39, 40:50] = 255
    found = matters(mask)
    assert found.shape == (3, 4)
    assert np.argwhere(found).tolist() == [[2, 2]]  # eight pixels of it; the next one has two


@given(st.integers(0, 2**32 - 1))
@settings(max_examples=50, deadline=None, derandomize=True)
def test_the_networks_look_at_all_that_is_coded_and_around_it(seed: int) -> None:
    random = np.random.default_rng(seed)
    coded = random.random(random.integers(1, 30, 2)) < random.random() ** 4
    part = window(coded)
    if part is None:
        assert not coded.any()
        return
    outside = coded.copy()
    outside[part] = False
    assert not outside.any()
    for span, side, places in zip(part, coded.shape, np.nonzero(coded), strict=True):
        assert span.start == 0 or (span.start <= places.min() - RIM and span.start % GRID == 0)
        assert span.stop == side or (span.stop >= places.max() + 1 + RIM and span.stop % GRID == 0)


def drawn(kinds: np.ndarray, seed: int = 0) -> tuple[Image, Image]:
    """A prediction, and what is drawn of it where numbers are sent."""
    random = np.random.default_rng(seed)
    prediction = panned(1, HEIGHT, WIDTH)[0]
    numbers = Numbers(
        random.integers(-9, 10, (48, *SHAPE)).astype(np.int32),
        random.integers(-9, 10, (48, 2 * SHAPE[0], 2 * SHAPE[1])).astype(np.int32),
    )
    plan = Plan(kinds.astype(np.int32), NOWHERE)
    return prediction, Drawing(network(), torch.device("cpu")).drawn(prediction, plan, numbers, LEVELS)


def test_what_is_kept_stays_as_predicted_to_the_last_bit() -> None:
    kinds = np.where(np.random.default_rng(1).random(SHAPE) < 0.5, KEPT, CORRECTED)
    prediction, made = drawn(kinds)
    kept = (kinds == KEPT).repeat(16, 0).repeat(16, 1)
    assert np.array_equal(made[kept], prediction[kept])
    assert np.abs(made[~kept].astype(int) - prediction[~kept]).mean() > 5


def test_a_picture_of_which_nothing_is_coded_is_its_prediction() -> None:
    prediction, made = drawn(np.full(SHAPE, KEPT))
    assert np.array_equal(made, prediction)


def test_networks_that_answer_nonsense_are_an_error_not_a_picture() -> None:
    broken = deepcopy(network())
    broken.synthesis.last.bias.data[0] = float("nan")  # type: ignore[union-attr]
    picture, past = panned(1, HEIGHT, WIDTH)[0], None
    guess, prediction = choose_plan(picture, NOWHERE, past, LEVELS)
    drawing = Drawing(broken, torch.device("cpu"))
    guess, numbers = drawing.numbers(picture, prediction, guess, LEVELS)
    with pytest.raises(FloatingPointError):
        drawing.drawn(prediction, guess.plan, numbers, LEVELS)


def test_a_picture_is_made_whole_blocks_by_its_last_row_and_column() -> None:
    picture = panned(1, 17, 33)[0]
    whole = padded(picture)
    assert whole.shape == (32, 48, 3)
    assert np.array_equal(whole[:17, :33], picture)
    assert (whole[17:, :33] == picture[16]).all()
    assert (whole[:17, 33:] == picture[:, 32:]).all()
