"""What is measured of jobs: pictures beside pictures, the beginnings of segments beside all, and the page of it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from benchmarks import jobs, jobs_page
from benchmarks.jobs_runs import likeness
from benchmarks.jobs_seams import LEADS, Lead, at_seams, clips
from benchmarks.results import complete
from pipeline.errors import ConfigError, RunError
from pipeline.frame import FrameSpec
from pipeline.jobs.manifest import Call, Input, Manifest, Segment
from tests.clips import make_clip, picture


def manifest_of(*frames: int) -> Manifest:
    """Segments of so many frames, each but the first with ten frames of lead."""
    segments = [
        Segment(
            index=at, first=at, stop=None, frames=count, lead_from=0, lead=10 * bool(at), seam=at / 2 if at else None
        )
        for at, count in enumerate(frames)
    ]
    call = Call(config="", sets=[], outputs=[], segment="", preroll="")
    given = Input(path="", size=0, mtime_ns=0, ends="")
    spec = FrameSpec(width=8, height=8)
    return Manifest(call=call, input=given, spec=spec, work="", join="", preroll_s=0, segments=segments)


def test_the_beginnings_of_segments_are_told_from_all_of_the_clip() -> None:
    decibels = [50.0] * 20 + [30.0] * 5 + [50.0] * 15 + [44.0] * 5 + [50.0] * 5
    found = at_seams(decibels, manifest_of(20, 20, 10))
    assert (found["median_db"], found["seams_db"], found["worst_seam_db"], found["below_db"]) == (50, 37, 30, 13)
    assert (found["seams"], found["lead_share"], found["largest_jump"]) == (2, 0.4, 1.0)


def test_likeness_is_of_each_picture_and_equal_ones_have_the_most(tmp_path: Path) -> None:
    images = [picture(number) for number in range(6)]
    one = make_clip(tmp_path / "one.mkv", images, codec="ffv1", pixels="bgr0")
    images[3] = images[3].copy()
    images[3][0, 0] ^= 64
    other = make_clip(tmp_path / "other.mkv", images, codec="ffv1", pixels="bgr0")
    found = likeness(one, other)
    assert [decibels == 99 for decibels in found] == [True] * 3 + [False] + [True] * 2
    assert 45 < found[3] < 60


def test_what_has_more_pictures_or_others_times_is_not_alike(tmp_path: Path) -> None:
    one = make_clip(tmp_path / "one.mp4", 6)
    with pytest.raises(RunError, match="differ in their number"):
        likeness(one, make_clip(tmp_path / "more.mp4", 7))
    with pytest.raises(RunError, match=r"a picture at 512, that of later\.mp4 is at 1024"):
        likeness(one, make_clip(tmp_path / "later.mp4", 6, pts=[1024 * number for number in range(6)]))


def test_clips_that_are_not_there_are_not_measured(tmp_path: Path) -> None:
    (tmp_path / "composites" / "a_dog").mkdir(parents=True)
    (tmp_path / "composites" / "a_dog" / "input.mp4").touch()
    assert [(clip.name, clip.classes) for clip in clips(tmp_path)] == [("a_dog", "dog")]


def test_what_comes_before_a_segment_is_said_in_one_word() -> None:
    assert jobs._lead("3/30") == Lead(3, 30)
    assert jobs._lead("2") == Lead(2)
    assert [jobs._lead(lead.name) for lead in LEADS] == list(LEADS)


def test_without_clips_nothing_is_measured() -> None:
    with pytest.raises(ConfigError, match="--data"):
        jobs.main([])


def test_the_page_is_made_from_the_results() -> None:
    """Run `python -m benchmarks.jobs --page` where this fails."""
    assert jobs_page.PAGE.read_text() == jobs_page.page()


def test_a_missed_goal_is_said_to_be_missed() -> None:
    fps = {"whole": 10.0, "lanes_1": 8.0, "lanes_2": 9.0, "measured": 7.0}
    speed = {"frames": 100, "segments": 9, "segment": "15s", "rounds": 3, "start_s": 4.0, "fps": fps}
    content = complete("jobs", {"speed": speed | {"chosen": 2, "of_better": 0.78, "goal": 0.95}, "others_busy": 0.1})
    page = jobs_page.tables(content)
    assert "| 2 segments at a time, half of them each | 9.0 | 0.90 |" in page
    assert "0.78 of the better fixed way; asked was at least 0.95: **no**" in page


def test_every_lead_of_every_clip_is_a_row() -> None:
    coded: dict[str, Any] = at_seams([40.0] * 30, manifest_of(20, 10))
    leads = {lead.name: {"h264": coded, "lossless": coded} for lead in LEADS}
    content = complete("jobs", {"seams": {"room": {"segment": "10s", "leads": leads}}, "others_busy": 0.0})
    rows = [line for line in jobs_page.tables(content).splitlines() if line.startswith("| room")]
    assert len(rows) == len(LEADS)
    assert rows[0] == "| room | 10s | 0/0 | 33 % | 40.00 | 40.00 | 0.00 | 0.5 | 40.00 |"
