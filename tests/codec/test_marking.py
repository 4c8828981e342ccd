"""Pictures bear their regions in the order in which they hold, with the offsets that were asked for."""

from __future__ import annotations

import struct
from fractions import Fraction

import av.filter
import numpy as np
import pytest
from av.sidedata.sidedata import Type
from av.video.frame import VideoFrame

from stages.codec.colours import ToYuv
from stages.codec.marking import Marking
from stages.codec.regions import Region
from tests.codec.clips import textured

RATE = Fraction(25)
WHOLE = Region(0, 0, 192, 128)
ONE, OTHER = Region(0, 16, 32, 48), Region(96, 64, 192, 128)


def picture(number: int = 0) -> VideoFrame:
    frame = ToYuv(192, 128).convert(textured(number))
    frame.pts, frame.time_base = number, 1 / RATE
    return frame


def marks(frame: VideoFrame) -> list[tuple[Region, float]]:
    """What libavutil/frame.h: AVRegionOfInterest holds, with offsets in steps of the quantiser."""
    data = bytes(frame.side_data[Type.REGIONS_OF_INTEREST])
    found = []
    for size, top, bottom, left, right, over, under in struct.iter_unpack("=I6i", data):
        assert size == 28
        found.append((Region(left, top, right, bottom), 51 * over / under))
    return found


def test_regions_come_first_since_the_first_one_that_holds_a_pixel_decides() -> None:
    marked = Marking(192, 128, RATE).mark(picture(), (ONE, OTHER), -4.0, 9.5)
    assert marks(marked) == [(ONE, pytest.approx(-4)), (OTHER, pytest.approx(-4)), (WHOLE, pytest.approx(9.5))]


def test_without_regions_and_where_there_is_no_difference_one_mark_holds_for_all() -> None:
    marking = Marking(192, 128, RATE)
    assert marks(marking.mark(picture(), (), -4.0, 9.5)) == [(WHOLE, pytest.approx(9.5))]
    assert marks(marking.mark(picture(), (ONE,), 3.0, 3.0)) == [(WHOLE, pytest.approx(3))]


def test_offsets_are_kept_to_a_quarter_of_a_step_over_the_whole_range() -> None:
    marking = Marking(192, 128, RATE)
    for offset in (-26.0, -0.25, 0.0, 0.1, 12.375, 25.0):
        ((_, inside), (_, outside)) = marks(marking.mark(picture(), (ONE,), offset, -offset - 1))
        assert inside == pytest.approx(offset, abs=0.126)
        assert outside == pytest.approx(-offset - 1, abs=0.126)


def test_each_picture_bears_its_own_regions_and_is_otherwise_as_it_was() -> None:
    marking = Marking(192, 128, RATE)
    for number, region in enumerate([ONE, ONE, OTHER, ONE]):
        plain = picture(number)
        marked = marking.mark(plain, (region,), -1, 1)
        assert [box for box, _ in marks(marked)] == [region, WHOLE]
        assert (marked.pts, marked.time_base) == (number, 1 / RATE)
        assert (marked.colorspace, marked.color_range) == (6, 1)
        np.testing.assert_array_equal(marked.to_ndarray(), plain.to_ndarray())


def test_filters_are_made_anew_only_where_something_changes(monkeypatch: pytest.MonkeyPatch) -> None:
    made = []
    graph = av.filter.Graph

    def counted() -> av.filter.Graph:
        made.append(1)
        return graph()

    monkeypatch.setattr(av.filter, "Graph", counted)
    marking = Marking(192, 128, RATE)
    for number in range(6):
        marking.mark(picture(number), (ONE,), -4.0, 9.5 + number // 3)
    assert len(made) == 2
