"""A live source may be told how many pictures a second are enough."""

from __future__ import annotations

from fractions import Fraction

import pytest

from pipeline.frame import FrameSpec
from stages.ingest.camera import Camera
from stages.ingest.capped import Capped


def taken(fps: float | None, times: list[float]) -> list[float]:
    source = Capped(fps=fps)
    return [at for at in times if source.is_due(at)]


def evenly(rate: float, count: int) -> list[float]:
    return [100 + number / rate for number in range(count)]


def test_without_a_cap_all_pictures_are_taken() -> None:
    assert taken(None, evenly(30, 90)) == evenly(30, 90)


@pytest.mark.parametrize("fps", [1, 5, 10, 12.5, 15, 20, 24, 29])
def test_of_thirty_a_second_so_many_are_taken_as_are_wanted(fps: float) -> None:
    assert len(taken(fps, evenly(30, 600))) == pytest.approx(20 * fps, abs=2)


def test_who_comes_a_little_early_now_and_then_is_not_left_out() -> None:
    times = [100 + number / 15 + (-0.01 if number % 2 else 0.01) for number in range(150)]
    assert len(taken(15, times)) == 150


def test_after_a_gap_nothing_is_made_up_for() -> None:
    late = [200 + number / 30 for number in range(30)]
    assert len(taken(10, [*evenly(30, 30), *late])) == pytest.approx(20, abs=2)


def test_a_slower_source_keeps_its_own_rate() -> None:
    spec = FrameSpec(width=64, height=48, rate=Fraction(15))
    assert Capped(fps=30).live_spec(spec).rate == 15
    assert Capped(fps=5).live_spec(spec).rate == 5


def test_a_capped_camera_brings_fewer_pictures_of_the_same_stream() -> None:
    from tests.clips import lend

    camera = Camera(input="cam:lavfi:testsrc2=size=64x48:rate=50", fps=10)
    spec = camera.open()
    try:
        frame = lend(camera, spec)
        stamps = []
        for _ in camera.frames():
            stamps.append(float(frame.pts * spec.time_base))
            if len(stamps) == 8:
                break
    finally:
        camera.close()
    assert spec.rate == 10
    assert stamps[-1] - stamps[0] > 0.5  # eight of fifty a second would be 0.14
