"""A job's file is the one that an unsplit run makes: picture for picture, packet for packet."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import pytest

from tests.clips import MALFORMED, make_clip, needs
from tests.commands import cleanplate
from tests.copying import write_copying
from tests.jobs.jobs import beside, facts_of, finished, manifest_of

pytestmark = pytest.mark.real


def whole_of(video: Path, config: str, output: Path, *args: str) -> Path:
    ended = cleanplate("run", config, "-i", str(video), "-o", str(output), "--quiet", *args, timeout=120)
    assert ended.returncode == 0, ended.stderr
    return output


def check_equal(joined: Path, whole: Path, *, lossless: bool = True) -> None:
    """Of a lossy codec pictures are others behind a seam: there its encoder begins anew."""
    made, wanted = facts_of(joined), facts_of(whole)
    assert made.stamps == wanted.stamps
    assert made.pictures == wanted.pictures or not lossless
    assert made.tracks == wanted.tracks
    assert made.chapters == wanted.chapters
    assert made.tags == wanted.tags
    assert made.rotation == wanted.rotation
    assert made.end == wanted.end


NAMES = [pytest.param(name, marks=pytest.mark.long) for name in ("ok_av.mp4", "audio_delay_400ms.mp4")]


@pytest.mark.parametrize("name", [*NAMES, "vfr.mp4"])
def test_the_joined_file_is_the_unsplit_one(tmp_path: Path, name: str) -> None:
    video, config = needs(MALFORMED / name), write_copying(tmp_path, codec="ffv1")
    joined = finished(video, config, tmp_path / "joined.mkv", "--segment", "0.6")
    assert len(manifest_of(joined)["segments"]) >= 2
    assert [one["how"] for one in manifest_of(joined)["segments"]] == ["copied"] * len(manifest_of(joined)["segments"])
    check_equal(joined, whole_of(video, config, tmp_path / "whole.mkv"))
    assert len(facts_of(joined).tracks) == 1


@pytest.mark.long
def test_every_track_comes_along(tmp_path: Path, mkv: Path) -> None:
    """Two tracks of sound, subtitles, chapters, tags, attachments."""
    config = write_copying(tmp_path, codec="ffv1")
    joined = finished(mkv, config, tmp_path / "joined.mkv", "--segment", "0.6")
    check_equal(joined, whole_of(mkv, config, tmp_path / "whole.mkv"))
    facts = facts_of(joined)
    assert [kind for kind, *_ in facts.tracks].count("audio") == 2
    assert "subtitle" in [kind for kind, *_ in facts.tracks]
    assert facts.chapters
    assert facts.tags


def test_a_turned_video_with_two_tracks_of_sound_and_two_outputs(tmp_path: Path) -> None:
    """Each output is joined of its own parts."""
    video = make_clip(tmp_path / "a.mp4", 60, audio=2, rotation=90, options={"bf": "2"})
    config = write_copying(tmp_path, codec="ffv1")
    more = ("--output", str(tmp_path / "joined.mp4"), "--set", "output-2.codec=h264", "--set", "output-2.crf=10")
    joined = finished(video, config, tmp_path / "joined.mkv", *more)
    outputs = ("-o", str(tmp_path / "whole.mp4"), "--set", "output-2.codec=h264", "--set", "output-2.crf=10")
    check_equal(joined, whole_of(video, config, tmp_path / "whole.mkv", *outputs))
    check_equal(tmp_path / "joined.mp4", tmp_path / "whole.mp4", lossless=False)
    assert len(facts_of(joined).tracks) == 2
    assert len(list((beside(joined) / "parts").iterdir())) == 2 * len(manifest_of(joined)["segments"])


@pytest.mark.long
def test_a_range_of_a_video_is_done_as_an_unsplit_run_does_it(tmp_path: Path) -> None:
    video = make_clip(tmp_path / "a.mp4", 100, audio=1, options={"bf": "2"})
    config = write_copying(tmp_path, codec="ffv1")
    span = ("--set", "ingest.start=1", "--set", "ingest.end=3.2")
    joined = finished(video, config, tmp_path / "joined.mkv", *span)
    check_equal(joined, whole_of(video, config, tmp_path / "whole.mkv", *span))
    assert len(facts_of(joined).pictures) == 55
    assert facts_of(joined).stamps[0] == Fraction(0)
