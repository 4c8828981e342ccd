"""Histograms: bounded, and near the truth."""

from __future__ import annotations

import random

import numpy as np
import pytest

from pipeline.metrics import Histogram


@pytest.mark.parametrize("middle", [-9, -5, -1, 0, 3], ids=lambda middle: f"around {np.exp(middle):.2g} s")
def test_quantiles_are_within_two_percent_of_the_truth_at_any_scale(middle: int) -> None:
    seed = random.randrange(1 << 30)
    print(f"{seed = }")
    rng = random.Random(seed)
    values = [rng.lognormvariate(middle, 1.5) for _ in range(3000)]
    histogram = Histogram()
    for value in values:
        histogram.add(value)
    assert histogram.seconds == pytest.approx(sum(values))
    for share in (0.01, 0.5, 0.95, 0.99, 1.0):
        truth = float(np.quantile(values, share, method="inverted_cdf"))
        assert histogram.quantile(share) == pytest.approx(truth, rel=0.02)


@pytest.mark.parametrize("value", [1e-9, 0.0099, 0.99, 0.999999, 1.0, 1.000001, 1.01, 60.0, 3600.0])
def test_a_single_value_comes_back_within_two_percent(value: float) -> None:
    histogram = Histogram()
    histogram.add(value)
    assert histogram.quantile(0.5) == pytest.approx(value, rel=0.02)


def test_an_empty_histogram_answers_zero() -> None:
    assert Histogram().summary_ms() == {"p50": 0.0, "p95": 0.0, "p99": 0.0}


def test_its_size_does_not_grow_with_the_number_of_values() -> None:
    histogram = Histogram()
    for value in np.geomspace(1e-7, 1e3, 200_000):
        histogram.add(float(value))
    assert histogram.total == 200_000
    assert len(histogram.counts) < 1300


def test_zero_and_nearly_zero_are_counted() -> None:
    histogram = Histogram()
    histogram.add(0.0)
    histogram.add(1e-12)
    assert histogram.quantile(0.5) < 1e-8
