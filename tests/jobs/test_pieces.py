"""Pieces: whatever the stamps, the keys and the cuts, every picture belongs to one piece and to one only."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.jobs.index import Index
from pipeline.jobs.pieces import Piece, cuts_by_scene, cuts_by_time, pieces

BASE = Fraction(1, 1000)


def index_of(pts: list[int], keys: list[int] | None = None, base: Fraction = BASE) -> Index:
    return Index(np.array(pts, np.int64), np.array(keys or pts[:1], np.int64), base, copied=True)


@st.composite
def indices(draw: st.DrawFn) -> Index:
    """Any video: steps of any size, beginning anywhere, also below zero; keys anywhere, and at the start."""
    steps = draw(st.lists(st.integers(1, 5000), min_size=0, max_size=80))
    begin = draw(st.integers(-100_000, 100_000))
    pts = [begin, *(begin + int(sum_) for sum_ in np.cumsum(steps))]
    keys = draw(st.sets(st.sampled_from(pts)))
    return index_of(pts, sorted({begin, *keys}))


def check_cover(index: Index, made: list[Piece], preroll: Fraction) -> None:
    """Every picture once, in order; each lead is what lies up to `preroll` seconds before its piece, no more."""
    stops = [np.inf if one.stop is None else one.stop for one in made]
    owned = [index.pts[(index.pts >= one.first) & (index.pts < stop)] for one, stop in zip(made, stops, strict=True)]
    assert np.concatenate(owned).tolist() == index.pts.tolist()
    assert [one.index for one in made] == list(range(len(made)))
    assert made[-1].stop is None
    for one, own in zip(made, owned, strict=True):
        lead = index.pts[(index.pts >= one.lead_from) & (index.pts < one.first)]
        before = index.pts[index.pts < one.first]
        assert one.frames == len(own) > 0
        assert one.lead == len(lead)
        assert lead.tolist() == before[before >= one.first - preroll / index.time_base].tolist()
        assert one.lead_from == (lead[0] if len(lead) else one.first)


@settings(max_examples=60, deadline=None)
@given(indices(), st.data(), st.fractions(0, 30))
def test_pieces_hold_every_picture_once_at_whichever_pictures_they_begin(
    index: Index, data: st.DataObject, preroll: Fraction
) -> None:
    cuts = data.draw(st.lists(st.sampled_from([*index.pts.tolist(), -200_000, 600_000]), max_size=12))
    made = pieces(index, cuts, preroll)
    check_cover(index, made, preroll)


@settings(max_examples=60, deadline=None)
@given(indices(), st.fractions(Fraction(1, 2), 40), st.fractions(0, 10))
def test_cuts_by_time_lie_on_pictures_go_forward_and_leave_no_stub(
    index: Index, seconds: Fraction, preroll: Fraction
) -> None:
    cuts = cuts_by_time(index, seconds)
    assert cuts == sorted(set(cuts))
    assert set(cuts) <= set(index.pts.tolist())
    made = pieces(index, cuts, preroll)
    check_cover(index, made, preroll)
    if len(made) > 1:
        assert (int(index.pts[-1]) - made[-1].first) * index.time_base >= seconds / 4


@settings(max_examples=60, deadline=None)
@given(indices(), st.fractions(Fraction(1, 2), 20), st.data())
def test_cuts_by_scene_make_no_piece_shorter_than_a_quarter_but_the_last(
    index: Index, seconds: Fraction, data: st.DataObject
) -> None:
    scenes = sorted(data.draw(st.sets(st.sampled_from(index.pts.tolist()))) - {int(index.pts[0])})
    cuts = cuts_by_scene(index, scenes, seconds)
    made = pieces(index, cuts, Fraction(3))
    check_cover(index, made, Fraction(3))
    for one in made[:-1]:
        assert one.stop is not None
        assert (one.stop - one.first) * index.time_base >= seconds / 4


def test_a_cut_goes_to_the_key_frame_that_is_nearest() -> None:
    index = index_of(list(range(0, 60_000, 40)), [0, 9_600, 14_800, 15_200, 29_000, 44_000])
    assert cuts_by_time(index, Fraction(15)) == [14_800, 29_000, 44_000]


def test_where_no_key_frame_is_near_the_cut_goes_to_a_picture() -> None:
    index = index_of(list(range(0, 60_000, 40)), [0])
    assert cuts_by_time(index, Fraction(15)) == [15_000, 30_000, 45_000]


def test_a_short_remainder_belongs_to_the_piece_before_it() -> None:
    index = index_of(list(range(0, 31_000, 40)))
    assert cuts_by_time(index, Fraction(15)) == [15_000]


def test_scenes_far_apart_are_cut_by_time() -> None:
    index = index_of(list(range(0, 200_000, 40)))
    assert cuts_by_scene(index, [10_000, 11_000, 150_000], Fraction(15)) == [10_000, 25_000, 40_000, 55_000, 70_000,
                                                                              85_000, 100_000, 150_000]  # fmt: skip


@pytest.mark.parametrize(("pts", "entry"), [(0, 0), (360, 0), (400, 0), (760, 0), (800, 400), (5000, 800)])
def test_decoding_begins_a_group_before_the_one_that_is_wanted(pts: int, entry: int) -> None:
    """Its first pictures may refer back to the group before."""
    assert index_of(list(range(0, 6000, 40)), [0, 400, 800, 1200]).entry(pts) == entry


def test_an_index_that_begins_below_zero_is_cut_there_too() -> None:
    index = index_of(list(range(-4000, 8000, 40)), [-4000, 0, 4000])
    made = pieces(index, cuts_by_time(index, Fraction(4)), Fraction(1))
    assert [(one.first, one.lead_from, one.frames) for one in made] == [
        (-4000, -4000, 100), (0, -1000, 100), (4000, 3000, 100),
    ]  # fmt: skip
