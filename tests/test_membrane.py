"""The membrane over a hole knows nothing of what the hole hides, and lies evenly between its edges."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
import torch
from torch import Tensor

from models.infill_plan import DIRECTIONS, FLATTEST, WAYS
from models.membrane import known_light, membrane, membranes
from tests.frames import scenery

SIDE = 128


def hole(y0: int, y1: int, x0: int, x1: int) -> Tensor:
    made = torch.zeros(1, 1, SIDE, SIDE)
    made[:, :, y0:y1, x0:x1] = 1
    return made


def picture(seed: int = 0) -> Tensor:
    shown = np.roll(scenery(SIDE, SIDE), seed, 2)
    return torch.from_numpy(shown.copy()).permute(2, 0, 1)[None].float() / 255


def ramp() -> Tensor:
    return torch.linspace(0, 1, SIDE).expand(1, 3, SIDE, SIDE).contiguous()


def test_what_is_known_stays_as_it_is() -> None:
    where, shown = hole(30, 90, 40, 80), picture()
    filled = membrane(shown, where)
    assert torch.equal(filled * (1 - where), shown * (1 - where))


def test_nothing_of_what_the_hole_hides_has_a_part_in_it() -> None:
    where, shown = hole(20, 100, 30, 70), picture()
    other = torch.where(where > 0, 1 - shown, shown)
    assert torch.equal(membrane(shown, where), membrane(other, where))


def test_one_colour_is_continued() -> None:
    shown = torch.full((1, 3, SIDE, SIDE), 0.3)
    assert torch.allclose(membrane(shown, hole(10, 120, 5, 60)), shown, atol=1e-5)


def test_a_slope_is_continued() -> None:
    """Which averages alone do not: they are flat in the middle of a hole."""
    filled = membrane(ramp(), hole(32, 96, 40, 88))
    assert (filled - ramp()).abs().max() < 0.02


def test_it_stays_between_what_surrounds_it() -> None:
    where, shown = hole(16, 112, 24, 104), picture()
    known = shown[(where == 0).expand_as(shown)]
    filled = membrane(shown, where)
    assert filled.min() >= known.min() - 1e-5
    assert filled.max() <= known.max() + 1e-5


@pytest.mark.parametrize("sides", [(0, SIDE, 0, SIDE), (0, SIDE, 0, SIDE - 1), (0, 1, 0, 1)])
def test_it_is_finite_however_little_is_known(sides: tuple[int, int, int, int]) -> None:
    filled = membrane(picture(), hole(*sides))
    assert bool(torch.isfinite(filled).all())


def test_it_comes_near_the_solution_of_laplaces_equation() -> None:
    """Found by relaxing at full size until nothing moves."""
    where, shown = hole(52, 76, 52, 76), cv2.GaussianBlur(scenery(SIDE, SIDE), (0, 0), 4)
    start = torch.from_numpy(shown).permute(2, 0, 1)[None].float() / 255
    inner = (slice(None), slice(None), slice(48, 80), slice(48, 80))
    exact, moving = (start * (1 - where))[inner], where[inner]
    kernel = torch.tensor([[0, 1.0, 0], [1, 0, 1], [0, 1, 0]]).div(4).repeat(3, 1, 1, 1)
    for _ in range(1500):
        exact = torch.lerp(exact, torch.conv2d(exact, kernel, padding=1, groups=3), moving)
    hidden = moving.expand_as(exact) > 0
    off = (membrane(start, where)[inner] - exact)[hidden]
    assert off.abs().mean() < 0.1 * exact[hidden].std()


def stripes(along: str) -> Tensor:
    """Bars of 24 pixels, soft at their edges, that run along the rows, the columns or a diagonal."""
    y, x = torch.meshgrid(torch.arange(SIDE), torch.arange(SIDE), indexing="ij")
    place = {"rows": y, "columns": x, "falling": (x - y) / 2**0.5, "rising": (x + y) / 2**0.5}[along]
    return (0.5 + 0.4 * torch.sin(place * (torch.pi / 12))).expand(1, 3, SIDE, SIDE).contiguous()


@pytest.mark.parametrize(("along", "way"), [("rows", 1), ("columns", 2), ("falling", 3), ("rising", 4)])
def test_what_runs_in_a_direction_is_continued_by_the_membrane_of_that_direction(along: str, way: int) -> None:
    where, shown = hole(40, 88, 40, 88), stripes(along)
    each = membranes(shown, where).unflatten(1, (WAYS, 3))
    off = [float(((each[:, number] - shown) * where).square().sum()) for number in range(WAYS)]
    assert int(np.argmin(off)) == way
    assert off[way] < 0.7 * off[0]


def test_every_neighbour_has_its_share() -> None:
    for kernel in DIRECTIONS:
        assert np.sum(kernel) == pytest.approx(1)
        assert np.array_equal(np.array(kernel), np.array(kernel)[::-1, ::-1])
        assert kernel[1][1] == 0


def test_each_picture_of_a_batch_is_filled_as_it_is_alone() -> None:
    where = torch.cat([hole(30, 90, 40, 80), hole(0, 64, 0, 64)])
    shown = torch.cat([picture(), picture(1)])
    together = membrane(shown, where)
    alone = torch.cat([membrane(shown[at : at + 1], where[at : at + 1]) for at in range(2)])
    assert torch.allclose(together, alone, atol=1e-6)


def test_light_is_measured_by_what_is_known() -> None:
    where = hole(0, SIDE, 64, SIDE)
    shown = torch.full((1, 3, SIDE, SIDE), 0.75)
    shown[..., :32], shown[..., 32:64] = 0.15, 0.35
    mean, spread = known_light(shown, where)
    assert torch.allclose(mean, torch.full((1, 3, 1, 1), 0.25))
    assert spread.item() == pytest.approx(0.1)


def test_where_there_is_nothing_to_see_the_deviation_is_not_none() -> None:
    for where in (torch.ones(1, 1, SIDE, SIDE), hole(0, 64, 0, 64)):
        mean, spread = known_light(torch.full((1, 3, SIDE, SIDE), 0.5), where)
        assert bool(torch.isfinite(mean).all())
        assert spread.item() == pytest.approx(FLATTEST)
