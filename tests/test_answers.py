"""What a network answers becomes a picture, or nothing; a GPU that is full is told as memory that ran out."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from models.answers import pictures, short_of_memory


def test_colours_are_turned_round_and_brought_between_black_and_white() -> None:
    answer = torch.tensor([0.0, 0.5, 2.0]).reshape(1, 3, 1, 1).expand(1, 3, 2, 4)
    (found,) = pictures(answer)
    assert found is not None
    assert found.shape == (2, 4, 3)
    assert found.dtype == np.uint8
    assert found[1, 3].tolist() == [255, 128, 0]


@pytest.mark.parametrize("value", [float("nan"), float("inf"), float("-inf")])
def test_one_that_is_not_finite_is_none_and_the_others_stay(value: float) -> None:
    answer = torch.full((3, 3, 2, 2), 0.2)
    answer[1, 0, 0, 0] = value
    found = pictures(answer)
    assert [picture is None for picture in found] == [False, True, False]


def test_a_gpu_that_is_full_is_memory_that_ran_out() -> None:
    with pytest.raises(MemoryError, match="out of it"), short_of_memory():
        raise torch.OutOfMemoryError("out of it")


def test_another_error_stays_what_it_is() -> None:
    with pytest.raises(RuntimeError, match="another"), short_of_memory():
        raise RuntimeError("another")
