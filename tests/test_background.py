"""The background in the making: votes, colours, what is shown and what is forgotten."""

from __future__ import annotations

import numpy as np
import pytest

from stages.inpainting.background import MAX_VOTES, PROVEN, Background
from tests.frames import noisy, scenery

HEIGHT, WIDTH = 100, 24  # more rows than one band


class Learner:
    """A background with its memory, fed picture by picture."""

    def __init__(self) -> None:
        self.background = Background(HEIGHT, WIDTH, tolerance=16)
        self.memory = [{n: np.zeros(*a) for n, a in Background.memory(HEIGHT, WIDTH).items()} for _ in range(2)]

    def see(self, picture: np.ndarray, mask: np.ndarray | None = None, forget: bool = False) -> np.ndarray:
        """Learn; return where the mask could be filled."""
        hidden = np.zeros((HEIGHT, WIDTH), np.uint8) if mask is None else mask
        free, known = 255 - hidden, np.empty((HEIGHT, WIDTH), np.uint8)
        before, after = self.memory
        after["color"][:], after["votes"][:] = 99, 99  # what is left of an older frame must be written over
        self.background.compare(picture, free, before)
        self.background.learn(picture, free, before, after, forget)
        self.background.known(hidden, after, out=known)
        self.memory.reverse()
        return known

    @property
    def color(self) -> np.ndarray:
        return self.memory[0]["color"]

    @property
    def votes(self) -> np.ndarray:
        return self.memory[0]["votes"]


def plain(*color: int) -> np.ndarray:
    return np.full((HEIGHT, WIDTH, 3), color, np.uint8)


def upper_half() -> np.ndarray:
    mask = np.zeros((HEIGHT, WIDTH), np.uint8)
    mask[: HEIGHT // 2] = 255
    return mask


def test_what_is_first_seen_is_taken_as_it_is() -> None:
    learner = Learner()
    learner.see(plain(3, 90, 200))
    assert (learner.color == (3, 90, 200)).all()
    assert (learner.votes == 1).all()


def test_nothing_is_learned_under_the_mask() -> None:
    learner = Learner()
    learner.see(plain(9, 9, 9), upper_half())
    assert not learner.votes[: HEIGHT // 2].any()
    assert not learner.color[: HEIGHT // 2].any()
    assert (learner.color[HEIGHT // 2 :] == 9).all()


def test_a_colour_is_shown_once_it_was_seen_twice() -> None:
    learner = Learner()
    everything = np.full((HEIGHT, WIDTH), 255, np.uint8)
    learner.see(plain(50, 60, 70))
    assert not learner.see(plain(0, 0, 0), everything).any()
    for _ in range(PROVEN):
        learner.see(plain(50, 60, 70))
    assert learner.see(plain(0, 0, 0), everything).all()
    assert (learner.color == (50, 60, 70)).all()


def test_what_was_hidden_before_it_was_proven_begins_again() -> None:
    learner = Learner()
    learner.see(plain(0, 0, 200))  # somebody, missed by the segmenter in one frame
    learner.see(plain(0, 0, 200), upper_half())
    learner.see(plain(50, 60, 70))
    assert (learner.color[: HEIGHT // 2] == (50, 60, 70)).all()


def test_a_lone_noisy_pixel_among_proven_ones_is_no_hole() -> None:
    learner = Learner()
    learner.see(plain(50, 60, 70))
    flash = plain(50, 60, 70)
    flash[20, 10] = 255
    learner.see(flash)  # takes the place of the one vote that there was
    known = learner.see(plain(0, 0, 0), upper_half())
    assert known[: HEIGHT // 2].all()
    assert not known[HEIGHT // 2 :].any()


def test_who_goes_undetected_for_a_while_does_not_get_into_the_background() -> None:
    learner = Learner()
    room, person = scenery(HEIGHT, WIDTH), plain(255, 0, 255)
    for _ in range(30):
        learner.see(room)
    for _ in range(20):
        learner.see(person)
    assert np.abs(learner.color.astype(int) - room).max() <= 20  # one level a frame
    for _ in range(20):
        learner.see(room)
    assert np.array_equal(learner.color, room)


def test_what_has_changed_for_good_is_learned_in_the_end() -> None:
    learner = Learner()
    for _ in range(3 * MAX_VOTES):
        learner.see(plain(50, 60, 70))
    for _ in range(MAX_VOTES + 1):
        learner.see(plain(200, 60, 70))
    assert (learner.color == (200, 60, 70)).all()
    assert (learner.votes >= 1).all()


def test_noise_averages_out() -> None:
    learner = Learner()
    room = np.clip(scenery(HEIGHT, WIDTH), 20, 235)
    for seed in range(40):
        learner.see(noisy(room, seed, sigma=4))
    assert np.abs(learner.color.astype(int) - room).mean() < 1.3  # a single picture: 3.2


def test_slow_light_is_followed() -> None:
    learner = Learner()
    for level in range(100, 150):
        learner.see(plain(level, level, level))
    assert (learner.color == 149).all()
    assert (learner.votes > 30).all()


def test_black_is_a_colour_like_any_other() -> None:
    learner = Learner()
    for _ in range(3):
        learner.see(plain(5, 5, 5))
    assert (learner.color == 5).all()
    assert (learner.votes == 3).all()


def test_forgetting_keeps_nothing_but_the_picture_at_hand() -> None:
    learner = Learner()
    for _ in range(10):
        learner.see(plain(50, 60, 70))
    known = learner.see(plain(51, 60, 70), upper_half(), forget=True)
    assert not known.any()
    assert (learner.votes[: HEIGHT // 2] == 0).all()
    assert (learner.votes[HEIGHT // 2 :] == 1).all()
    assert (learner.color[HEIGHT // 2 :] == (51, 60, 70)).all()


@pytest.mark.parametrize("forget", [False, True])
def test_votes_agree_with_a_pixel_by_pixel_reckoning(forget: bool) -> None:
    rng = np.random.default_rng(5)
    learner = Learner()
    votes, color = np.zeros((HEIGHT, WIDTH), int), np.zeros((HEIGHT, WIDTH, 3), int)
    for step in range(80):
        palette = np.array([[40, 40, 40], [44, 44, 44], [120, 120, 120]])
        picture = palette[rng.choice(3, (HEIGHT, WIDTH), p=[0.6, 0.2, 0.2])].astype(np.uint8)
        mask = np.zeros((HEIGHT, WIDTH), np.uint8)
        now = forget and step == 50
        learner.see(picture, mask, now)
        agrees = (np.abs(picture.astype(int) - color).max(2) <= 16) & (votes > 0) & (not now)
        stepped = color + np.sign(picture.astype(int) - color)
        counted = np.where(agrees, np.minimum(votes + 1, MAX_VOTES), votes - 1)
        adopted = (counted <= 0) | (votes == 0) | now
        color = np.where(adopted[..., None], picture, stepped)
        votes = np.where(adopted, 1, counted)
        assert np.array_equal(learner.votes, votes)
        assert np.array_equal(learner.color, color)
