"""Values that are not finite are noticed wherever they could change what is found."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from models import weights
from models.finite import demand_finite
from models.yolo import Family, read_family

WRONG = [float("nan"), float("inf"), -float("inf")]


@pytest.fixture(scope="module")
def anchored() -> Family:
    return read_family(weights.locate("yolov5s-seg"))


def outputs() -> list[Tensor]:
    """Of a canvas of 64 x 64: nothing passes but one cell of the first level."""
    levels = [torch.full((1, 3 * 117, side, side), -9.0) for side in (8, 4, 2)]
    levels[0][0, 4:6, 3, 5] = 9.0
    return [*levels, torch.zeros(1, 32, 16, 16)]


@pytest.mark.parametrize("wrong", WRONG)
@pytest.mark.parametrize("place", [(0, 4, 0, 0), (0, 117 + 4, 2, 2), (0, 90, 3, 5), (0, 5, 3, 5)])
def test_where_it_could_be_an_object_it_is_no_answer(
    anchored: Family, wrong: float, place: tuple[int, int, int, int]
) -> None:
    found = outputs()
    assert anchored.candidates(found, [0], 0.25).shape[2] == 1
    found[0][place] = wrong
    with pytest.raises(FloatingPointError, match="not finite"):
        anchored.candidates(found, [0], 0.25)


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.float16])
def test_every_format_is_looked_at(dtype: torch.dtype) -> None:
    part = torch.ones(3, 5, dtype=dtype)
    demand_finite(part)
    demand_finite(part[:0])
    part[1, 2] = float("nan")
    with pytest.raises(FloatingPointError):
        demand_finite(part)
