"""The steps that all families of YOLO share, with a family made up: from a canvas to instances."""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from models import yolo
from models.base import Instances, ModelError
from models.registry import load_segmenter
from models.suppress import MAX_FOUND
from models.yolo import YoloSegmenter, read_family


class Fixed:
    """A family that always proposes the same; the engine's outputs are its prototypes alone."""

    kind, network, names = "fixed", nn.Identity(), ("person", "dog")

    def __init__(self, proposed: Tensor) -> None:
        self.proposed = proposed

    def candidates(self, outputs: Sequence[Tensor], wanted: Sequence[int], confidence: float) -> Tensor:
        return self.proposed


def fixed(monkeypatch: pytest.MonkeyPatch, proposed: Tensor, *, logit: float = 1.0) -> YoloSegmenter:
    """A segmenter for a canvas of 320 x 320 whose masks are all of one logit."""
    prototypes = torch.full((1, 32, 80, 80), logit)
    monkeypatch.setattr(yolo, "read_family", lambda path: Fixed(proposed))
    mine = YoloSegmenter(classes=["person", "dog"], size=320, engine="torch")
    mine._engine = lambda canvas: (prototypes,)  # type: ignore[assignment]
    return mine


def proposals(rows: list[tuple[float, ...]]) -> Tensor:
    """(x, y, w, h, score as a person, score as a dog) to what a family proposes."""
    table = torch.tensor(rows, dtype=torch.float32).reshape(-1, 6)
    return torch.cat((table, torch.full((len(table), 32), 1 / 32)), 1).T[None]


def segment(mine: YoloSegmenter) -> Instances:
    return mine.segment(np.zeros((320, 320, 3), np.uint8))


def test_of_boxes_that_overlap_the_best_of_each_class_stays(monkeypatch: pytest.MonkeyPatch) -> None:
    rows = [(50, 50, 20, 40, 0.6, 0), (52, 50, 20, 40, 0.9, 0), (50, 50, 20, 40, 0, 0.7), (200, 50, 20, 40, 0.3, 0)]
    found = segment(fixed(monkeypatch, proposals(rows)))
    assert found.scores.tolist() == pytest.approx([0.9, 0.7, 0.3])
    assert found.classes.tolist() == [0, 1, 0]
    assert found.boxes[0].tolist() == [42, 30, 62, 70]


def test_what_scores_below_the_threshold_is_not_found(monkeypatch: pytest.MonkeyPatch) -> None:
    found = segment(fixed(monkeypatch, proposals([(50, 50, 20, 40, 0.24, 0), (150, 50, 20, 40, 0.26, 0)])))
    assert found.scores.tolist() == pytest.approx([0.26])


def test_an_instance_without_a_pixel_is_none(monkeypatch: pytest.MonkeyPatch) -> None:
    rows = proposals([(50, 50, 20, 40, 0.9, 0), (-50, 50, 20, 40, 0.9, 0)])
    assert len(segment(fixed(monkeypatch, rows))) == 1  # the other lies outside the picture
    found = segment(fixed(monkeypatch, rows, logit=-1.0))
    assert (len(found), found.patches, found.boxes.shape) == (0, (), (0, 4))


def test_nothing_proposed_is_nothing_found(monkeypatch: pytest.MonkeyPatch) -> None:
    found = segment(fixed(monkeypatch, proposals([])))
    assert (len(found), found.patches, found.boxes.shape) == (0, (), (0, 4))


@pytest.mark.parametrize("wrong", [float("nan"), float("inf"), -float("inf")])
def test_an_output_that_is_not_finite_is_no_answer(monkeypatch: pytest.MonkeyPatch, wrong: float) -> None:
    mine = fixed(monkeypatch, proposals([(50, 50, 20, 40, 0.9, 0)]))
    mine._engine(np.zeros(0))[0][0, 3, 5, 7] = wrong
    with pytest.raises(FloatingPointError, match="not finite"):
        segment(mine)


def test_large_outputs_in_half_precision_are_finite_still(monkeypatch: pytest.MonkeyPatch) -> None:
    mine = fixed(monkeypatch, proposals([(50, 50, 20, 40, 0.9, 0)]))
    prototypes = torch.full((1, 32, 80, 80), 1000.0, dtype=torch.float16)  # their sum is beyond what float16 holds
    mine._engine = lambda canvas: (prototypes,)  # type: ignore[assignment]
    assert len(segment(mine)) == 1


def test_thousands_of_proposals_are_bounded_in_number_and_time(monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(1)
    corner, score = rng.uniform(0, 320, (20_000, 2)), rng.uniform(0.3, 1, (20_000, 1))
    rows = np.concatenate((corner, np.full((20_000, 2), 1.5), score, 0 * score), 1).astype(np.float32)
    mine = fixed(monkeypatch, proposals([]))
    mine._family.proposed = torch.cat((torch.from_numpy(rows), torch.full((20_000, 32), 1 / 32)), 1).T[None]
    started = time.perf_counter()
    assert len(segment(mine)) <= MAX_FOUND
    assert time.perf_counter() - started < 10  # unbounded it takes minutes


def test_a_file_of_something_else_is_refused_in_one_line(tmp_path: Path) -> None:
    for content, said in (
        ({"epoch": 3}, "no model in this checkpoint"),
        ([1, 2], "no model in this checkpoint"),
        ({"model": nn.Linear(1, 1)}, r"holds a torch\.nn\.modules\.linear\.Linear, not a YOLO segmentation model"),
    ):
        torch.save(content, tmp_path / "other.pt")
        with pytest.raises(ModelError, match=said) as caught:
            read_family(tmp_path / "other.pt")
        assert "\n" not in str(caught.value)


def test_a_path_will_do_as_a_model_but_not_with_other_weights(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"none\.pt is not a file that can be read"):
        load_segmenter(str(tmp_path / "none.pt"), classes=["person"])
    with pytest.raises(ModelError, match=r"model 'a/best\.pt' is a file of weights, and 'b\.pt' another"):
        load_segmenter("a/best.pt", classes=["person"], weights_file="b.pt")
