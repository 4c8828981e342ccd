"""Of boxes that overlap, the best of each class stays."""

from __future__ import annotations

import time

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from models.nms import MAX_KEPT, suppress


def suppressed(boxes: list[list[float]], scores: list[float], classes: list[int], iou: float = 0.45) -> list[int]:
    return suppress(np.array(boxes, np.float32), np.array(scores, np.float32), np.array(classes), iou).tolist()


def test_the_better_of_two_overlapping_boxes_stays() -> None:
    assert suppressed([[0, 0, 10, 10], [1, 0, 11, 10], [50, 0, 60, 10]], [0.5, 0.9, 0.3], [0, 0, 0]) == [1, 2]


def test_boxes_of_different_classes_do_not_suppress_each_other() -> None:
    assert suppressed([[0, 0, 10, 10], [0, 0, 10, 10]], [0.5, 0.9], [0, 1]) == [1, 0]


def test_the_threshold_is_the_overlap_by_the_union() -> None:
    boxes = [[0, 0, 10, 10], [5, 0, 15, 10]]  # overlap 50 of 150
    assert suppressed(boxes, [0.9, 0.8], [0, 0], iou=0.34) == [0, 1]
    assert suppressed(boxes, [0.9, 0.8], [0, 0], iou=0.32) == [0]


def test_nothing_in_nothing_out() -> None:
    assert suppress(np.zeros((0, 4), np.float32), np.zeros(0, np.float32), np.zeros(0, np.int64), 0.5).tolist() == []


def test_what_was_suppressed_suppresses_nothing() -> None:
    chain = [[0, 0, 10, 10], [4, 0, 14, 10], [8, 0, 18, 10]]
    assert suppressed(chain, [0.9, 0.8, 0.7], [0, 0, 0], iou=0.3) == [0, 2]


@given(
    st.lists(st.tuples(*[st.integers(0, 40)] * 4, st.integers(0, 2)), max_size=25), st.randoms(use_true_random=False)
)
def test_no_two_that_stay_overlap_and_each_that_goes_had_a_better(rows: list[tuple[int, ...]], random: object) -> None:
    boxes = np.array([[min(a, c), min(b, d), max(a, c), max(b, d)] for a, b, c, d, _ in rows], np.float32).reshape(
        -1, 4
    )
    classes, scores = np.array([row[4] for row in rows], np.int64), np.linspace(0.9, 0.1, len(rows), dtype=np.float32)
    kept = suppress(boxes, scores, classes, 0.45).tolist()
    for index in range(len(rows)):
        rivals = [k for k in kept if k < index and classes[k] == classes[index]]
        overlaps = [_iou(boxes[k], boxes[index]) > 0.45 for k in rivals]
        assert (index in kept) != any(overlaps)


def test_thousands_of_candidates_are_bounded_in_number_and_time() -> None:
    rng = np.random.default_rng(1)
    corner = rng.uniform(0, 600, (20_000, 2)).astype(np.float32)
    boxes = np.concatenate((corner, corner + 5), 1)
    started = time.perf_counter()
    kept = suppress(boxes, rng.random(20_000).astype(np.float32), np.zeros(20_000, np.int64), 0.45)
    assert len(kept) == MAX_KEPT
    assert time.perf_counter() - started < 2


def _iou(a: np.ndarray, b: np.ndarray) -> float:
    sides = np.maximum(np.minimum(a[2:], b[2:]) - np.maximum(a[:2], b[:2]), 0)
    union = np.prod(a[2:] - a[:2]) + np.prod(b[2:] - b[:2]) - np.prod(sides)
    return float(np.prod(sides) / union) if union else 0.0
