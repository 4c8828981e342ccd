"""Reach: single pictures of a longer time come before a segment's pre-roll, the same ones however it is cut."""

from __future__ import annotations

import json
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.config import load_config
from pipeline.errors import ConfigError
from pipeline.jobs.cutting import Cut
from pipeline.jobs.manifest import Call, Segment
from pipeline.jobs.opening import open_job
from pipeline.jobs.pieces import EVERY, Piece, cuts_by_time, pieces
from stages.ingest.segment import Segment as SegmentSource
from tests.clips import make_clip, read_all, rest_of
from tests.copying import write_copying
from tests.jobs.films import Film, film_of
from tests.jobs.test_pieces import BASE, index_of, indices

RATE, SECOND = Fraction(10), 12800  # of the films: pictures a second, ticks of one


@pytest.fixture
def film(tmp_path: Path) -> Film:
    """Nine seconds in pieces of one and a half, with half a second of pre-roll, and all that was before in single
    pictures; B-frames between the key frames."""
    path = make_clip(tmp_path / "in.mp4", 90, rate=RATE, options={"g": "7", "bf": "2"})
    found = film_of(path, tmp_path / "cuts", seconds=1.5)
    cuts = cuts_by_time(found.index, Fraction(3, 2))
    return replace(found, pieces=pieces(found.index, cuts, Fraction(1, 2), reach=Fraction(60)))


def shown_by(film: Film, cut: Cut, **more: int) -> tuple[list[int], list[np.ndarray]]:
    piece = cut.piece
    source = SegmentSource(
        input=cut.path, whole=film.spec.model_dump(mode="json"), shift=cut.shift, first=piece.first,
        stop=piece.tail_stop, lead=piece.lead, lead_from=piece.lead_from, own=piece.frames, tail=piece.tail,
        sparse=list(piece.sparse), dense=piece.dense,
    )  # fmt: skip
    _, images, stamps = read_all(source)
    assert not source.context.errors
    return stamps, images


def wanted_of(film: Film, piece: Piece) -> list[int]:
    stop = np.inf if piece.stop is None else piece.stop
    dense = piece.lead_from if piece.dense is None else piece.dense
    return [*piece.sparse, *(stamp for stamp in film.stamps if dense <= stamp < stop)]


@settings(max_examples=60, deadline=None)
@given(indices(), st.fractions(Fraction(1, 2), 40), st.fractions(0, 10), st.fractions(0, 200))
def test_single_pictures_lie_before_the_pre_roll_a_second_apart_and_not_beyond_the_reach(
    index, seconds: Fraction, preroll: Fraction, reach: Fraction
) -> None:
    cuts = cuts_by_time(index, seconds)
    for one, plain in zip(pieces(index, cuts, preroll, reach=reach), pieces(index, cuts, preroll), strict=True):
        assert (one.first, one.stop, one.frames) == (plain.first, plain.stop, plain.frames)
        assert one.lead == plain.lead + len(one.sparse)
        assert set(one.sparse) <= set(index.pts.tolist())
        assert list(one.sparse) == sorted(set(one.sparse))
        assert all(one.first - reach / BASE - 1 <= stamp < plain.lead_from for stamp in one.sparse)
        assert one.dense == (plain.lead_from if one.sparse else None)
        assert one.lead_from == min([*one.sparse, plain.lead_from])
        assert len(one.sparse) <= reach / EVERY


def test_of_a_video_of_even_pace_it_is_a_picture_a_second() -> None:
    index = index_of(list(range(0, 100_000, 40)))
    last = pieces(index, [20_000, 90_000], Fraction(3), reach=Fraction(10))[-1]
    assert last.sparse == tuple(range(80_000, 87_000, 1000))
    assert last.dense == 87_000
    assert (last.lead_from, last.lead) == (80_000, 7 + 75)


def test_where_the_video_begins_there_is_nothing_to_reach_for() -> None:
    index = index_of(list(range(5000, 20_000, 40)))
    first, second = pieces(index, [8000], Fraction(3), reach=Fraction(60))
    assert first.sparse == second.sparse == ()
    assert first.dense is second.dense is None


def test_a_copied_cut_gives_these_pictures_and_no_others(film: Film) -> None:
    cuts = [film.cutter.copy(piece) for piece in film.pieces]
    assert [len(piece.sparse) for piece in film.pieces[-2:]] == [5, 6]
    for cut in cuts:
        stamps, images = shown_by(film, cut)
        assert stamps == wanted_of(film, cut.piece)
        for stamp, image in zip(stamps, images, strict=True):
            assert (image == film.images[film.stamps.index(stamp)]).all()


def test_a_cut_that_was_encoded_anew_gives_the_same_and_holds_no_more(film: Film) -> None:
    for piece in film.pieces:
        cut = film.cutter.recode(piece)
        assert cut.piece == piece
        stamps, images = shown_by(film, cut)
        assert stamps == wanted_of(film, piece)
        assert all(
            (image == film.images[film.stamps.index(at)]).all() for at, image in zip(stamps, images, strict=True)
        )


def test_a_source_that_was_killed_goes_on_behind_what_it_has_given(film: Film) -> None:
    cut = film.cutter.copy(film.pieces[-1])
    stamps, images = shown_by(film, cut)
    for done in (1, 4, cut.piece.lead, cut.piece.lead + 3):
        source = SegmentSource(
            input=cut.path, whole=film.spec.model_dump(mode="json"), shift=cut.shift, first=cut.piece.first,
            lead=cut.piece.lead, lead_from=cut.piece.lead_from, own=cut.piece.frames,
            sparse=list(cut.piece.sparse), dense=cut.piece.dense,
        )  # fmt: skip
        spec = source.open()
        source.resume(done, stamps[done - 1])
        again, pixels = rest_of(source, spec)[::-1]
        assert again == stamps[done:]
        assert all((a == b).all() for a, b in zip(pixels, images[done:], strict=True))
        assert not source.context.errors


def test_the_manifest_keeps_them(film: Film) -> None:
    segment = Segment.of(film.pieces[-1])
    assert segment.sparse
    assert Segment.model_validate_json(segment.model_dump_json()).piece == film.pieces[-1]


def test_a_job_reaches_as_far_as_was_asked(tmp_path: Path) -> None:
    video = str(make_clip(tmp_path / "in.mp4", 60, rate=RATE))
    asked = {"config": write_copying(tmp_path), "sets": [], "outputs": [str(tmp_path / "o.mp4")], "segment": "1"}
    job = open_job(video, Call(**asked, preroll="0", reach="3s"))
    assert [len(one.sparse) for one in job.manifest.segments] == [0, 1, 2, 3, 3, 3]
    sets = dict(one.split("=", 1) for one in job.recipe.sets(job.manifest.segments[4].piece, 0))
    assert json.loads(sets["ingest.sparse"]) == [SECOND, 2 * SECOND, 3 * SECOND]
    assert json.loads(sets["output.lead"]) == 3
    (tmp_path / "work.yaml").write_text(json.dumps(job.recipe.config))
    understood = [f"{key}={value}" for key, value in sets.items()]
    load_config(str(tmp_path / "work.yaml"), sets=understood, environment={}, given=video, wanted="x.nut")
    with pytest.raises(ConfigError, match=r"^--reach 11m: more than 600 s"):
        open_job(video, Call(**asked, preroll="0", reach="11m"))
