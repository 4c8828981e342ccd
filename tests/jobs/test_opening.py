"""What an earlier job has left is kept as far as it still holds, and what does not is said and done again."""

from __future__ import annotations

import json
import os
import shutil
from fractions import Fraction
from pathlib import Path

import pytest

from pipeline.errors import ConfigError, SetupError
from pipeline.jobs.manifest import load
from pipeline.jobs.opening import duration, folder_of, segment_of
from tests.clips import make_clip, picture
from tests.copying import write_copying
from tests.jobs.fakes import Fake, call_of, opened, work

COUNT = 5
CALM = {"bf": "0", "g": "10", "qp": "20", "rc-lookahead": "0"}  # a picture changes none before it


def clip(path: Path, *changed: int, frames: int = 100) -> Path:
    images = [picture(number) for number in range(frames)]
    for number in changed:
        images[number] = 255 - images[number]
    return make_clip(path, images, options=CALM)


@pytest.fixture
def video(tmp_path: Path) -> Path:
    return clip(tmp_path / "a.mp4")


@pytest.fixture
def config(tmp_path: Path) -> str:
    return write_copying(tmp_path, codec="ffv1")


def test_a_change_of_what_decides_about_the_frames_has_all_done_again(tmp_path: Path, video: Path, config: str) -> None:
    work(video, call_of(config, tmp_path / "o.mkv"))
    _, engine, said = work(video, call_of(config, tmp_path / "o.mkv", "output.codec=h264"))
    assert engine.done == list(range(COUNT))
    assert said == ["the configuration has changed: all segments are done again"]


def test_a_change_of_what_is_only_joined_has_none_done_again(tmp_path: Path, video: Path, config: str) -> None:
    job, _, _ = work(video, call_of(config, tmp_path / "o.mkv"))
    job.manifest.joined = job.manifest.contents
    after, engine, said = work(video, call_of(config, tmp_path / "o.mkv", "output.audio=drop"))
    assert engine.orders == []
    assert said == ["only what is joined has changed: no segment is done again"]
    assert after.manifest.contents != job.manifest.joined


@pytest.mark.parametrize("line", ["ingest.workers=1", "slots=12", "middle.workers=2"])
def test_what_changes_only_the_speed_has_none_done_again(tmp_path: Path, video: Path, config: str, line: str) -> None:
    work(video, call_of(config, tmp_path / "o.mkv"))
    _, engine, said = work(video, call_of(config, tmp_path / "o.mkv", line))
    assert (engine.orders, said) == ([], [])


def test_other_cuts_have_all_done_again(tmp_path: Path, video: Path, config: str) -> None:
    work(video, call_of(config, tmp_path / "o.mkv"))
    job, engine, said = work(video, call_of(config, tmp_path / "o.mkv", segment="1.6"))
    assert len(said) == 1
    assert "cut anew" in said[0]
    assert engine.done == list(range(len(job.manifest.segments)))
    assert len(job.manifest.segments) < COUNT


@pytest.mark.fault("G9")
def test_of_a_video_that_changed_in_the_middle_only_what_it_touches_is_done_again(
    tmp_path: Path, video: Path, config: str
) -> None:
    job, _, _ = work(video, call_of(config, tmp_path / "o.mkv"))
    clip(video, 45)
    touched = [one.index for one in job.manifest.segments if one.stop is None or one.stop > 45 * 512]
    _, engine, said = work(video, call_of(config, tmp_path / "o.mkv"))
    assert 0 not in engine.done
    assert 2 in engine.done
    assert set(engine.done) <= set(touched)
    assert said == [f"the video has changed: {len(engine.done)} of {COUNT} segments are done again"]


@pytest.mark.fault("G9")
def test_a_byte_changed_far_from_both_ends_is_noticed(tmp_path: Path, config: str) -> None:
    """Size, head and tail are what they were; only the time of change tells."""
    images = [picture(number, 640, 480) for number in range(100)]
    video = make_clip(tmp_path / "a.mkv", images, codec="ffv1", time_base=Fraction(1, 25), options={"g": "1"})
    assert video.stat().st_size > 9 << 18
    work(video, call_of(config, tmp_path / "o.mkv"))
    with video.open("r+b") as file:
        file.seek(video.stat().st_size // 2)
        was = file.read(1)[0]
        file.seek(-1, os.SEEK_CUR)
        file.write(bytes([was ^ 255]))
    _, engine, said = work(video, call_of(config, tmp_path / "o.mkv"))
    assert 1 <= len(engine.done) < COUNT
    assert said == [f"the video has changed: {len(engine.done)} of {COUNT} segments are done again"]


def test_a_video_that_was_only_touched_or_moved_is_the_same(tmp_path: Path, video: Path, config: str) -> None:
    work(video, call_of(config, tmp_path / "o.mkv"))
    os.utime(video, (1, 1))
    _, engine, said = work(video, call_of(config, tmp_path / "o.mkv"))
    assert (engine.orders, said) == ([], ["the video was touched, but it is the same"])
    moved = shutil.copy(video, tmp_path / "b.mp4")
    os.utime(moved, (1, 1))
    job, engine, said = work(Path(moved), call_of(config, tmp_path / "o.mkv"))
    assert (engine.orders, said) == ([], [])
    assert job.manifest.input.path == str(moved)
    assert job.manifest.spec.source == str(moved)


@pytest.mark.fault("G9")
def test_a_video_cut_shorter_keeps_what_is_still_in_it(tmp_path: Path, video: Path, config: str) -> None:
    work(video, call_of(config, tmp_path / "o.mkv"))
    clip(video, frames=70)
    job, engine, said = work(video, call_of(config, tmp_path / "o.mkv"))
    assert len(job.manifest.segments) < COUNT
    assert 0 not in engine.done
    assert len(job.manifest.segments) - 1 in engine.done
    assert "the video has changed" in said[0]
    assert sum(one.frames for one in job.manifest.segments) == 70


@pytest.mark.fault("G9")
def test_of_another_video_nothing_is_kept(tmp_path: Path, video: Path, config: str) -> None:
    work(video, call_of(config, tmp_path / "o.mkv"))
    make_clip(video, [picture(number, 64, 64) for number in range(100)], options=CALM)
    _, engine, said = work(video, call_of(config, tmp_path / "o.mkv"))
    assert engine.done == list(range(COUNT))
    assert said == ["the video is another one: all segments are done again"]


@pytest.mark.fault("G6")
@pytest.mark.parametrize("harm", ["gone", "torn", "other"])
def test_a_result_that_is_not_what_was_written_down_is_done_again(
    tmp_path: Path, video: Path, config: str, harm: str
) -> None:
    job, _, _ = work(video, call_of(config, tmp_path / "o.mkv"))
    part = job.folder / "parts" / "00003-0.nut"
    whole = part.read_bytes()
    part.unlink()
    if harm != "gone":
        part.write_bytes(whole[:-1] if harm == "torn" else b"x" * len(whole))
    _, engine, said = work(video, call_of(config, tmp_path / "o.mkv"))
    assert engine.done == [3]
    assert said[0].startswith("segment 3: 00003-0.nut is")
    assert part.read_bytes() == whole


def test_another_output_is_another_job(tmp_path: Path, video: Path, config: str) -> None:
    work(video, call_of(config, tmp_path / "o.mkv"))
    _, engine, _ = work(video, call_of(config, tmp_path / "p.mkv"))
    assert engine.done == list(range(COUNT))
    assert folder_of(str(tmp_path / "p.mkv")) == tmp_path / "p.mkv.job"


@pytest.mark.fault("G10")
@pytest.mark.parametrize("text", ['{"version": 2, "unheard": 1}', '{"version": 1}', "", "no JSON", "\0\1"])
def test_a_manifest_of_another_version_or_none_at_all_is_refused_and_left_as_it_is(
    tmp_path: Path, video: Path, config: str, text: str
) -> None:
    job, _, _ = work(video, call_of(config, tmp_path / "o.mkv"))
    kept = job.folder / "job.json"
    kept.write_text(text)
    with pytest.raises(ConfigError, match=r"job\.json: .*nothing was changed"):
        opened(video, call_of(config, tmp_path / "o.mkv"))
    assert kept.read_text() == text
    assert len(list((job.folder / "parts").iterdir())) == COUNT


@pytest.mark.fault("G10")
def test_a_manifest_of_a_newer_version_with_the_same_fields_is_refused(
    tmp_path: Path, video: Path, config: str
) -> None:
    job, _, _ = work(video, call_of(config, tmp_path / "o.mkv"))
    kept = job.folder / "job.json"
    kept.write_text(json.dumps(json.loads(kept.read_text()) | {"version": 99}))
    with pytest.raises(ConfigError, match="version 99"):
        load(job.folder)


def test_scenes_are_where_it_is_cut(tmp_path: Path, config: str) -> None:
    """Two scenes of 60 s at a frame a second."""
    images = [picture(0)] * 60 + [255 - picture(0)] * 60
    video = make_clip(tmp_path / "a.mp4", images, rate=Fraction(1), options={"g": "10"})
    job = opened(video, call_of(config, tmp_path / "o.mkv", segment="scenes"))
    assert [one.frames for one in job.manifest.segments] == [60, 60]


@pytest.mark.parametrize(("text", "seconds"), [("15s", 15), ("1.5m", 90), ("0:30", 30), ("2", 2), ("1h", 3600),
                                               ("1min", 60), ("0.5", Fraction(1, 2))])  # fmt: skip
def test_a_length_is_read_as_it_is_meant(text: str, seconds: Fraction) -> None:
    assert duration(text) == seconds
    assert segment_of(text) == seconds


@pytest.mark.parametrize("text", ["", "0", "-1", "0.1s", "2h", "1..5s", ".s", "long", "1e9", "nan", "15 x"])
def test_a_length_that_is_none_is_refused(text: str) -> None:
    with pytest.raises(ConfigError, match="--segment"):
        segment_of(text)


def test_scenes_are_no_length() -> None:
    assert segment_of("scenes") is None


def test_a_video_that_is_none_is_refused_and_leaves_nothing(tmp_path: Path, config: str) -> None:
    (tmp_path / "a.mp4").write_text("no video")
    with pytest.raises(SetupError, match=r"a\.mp4"):
        work(tmp_path / "a.mp4", call_of(config, tmp_path / "o.mkv"), Fake())
    assert not (tmp_path / "o.mkv.job").exists()
