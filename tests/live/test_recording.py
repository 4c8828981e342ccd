"""Recordings: files of equal length, each complete or not there; what is kept, and what is never touched."""

from __future__ import annotations

import itertools
import os
from datetime import UTC, datetime, timedelta
from pathlib import Path

import av
import pytest

from pipeline.errors import ConfigError, SetupError
from stages.output import Auto
from stages.output.recording import Recording
from stages.output.recording_index import Index
from stages.output.recording_room import GB
from tests.clips import number_of
from tests.live.recordings import at, facts, numbers, opened, parts, pictures, record, segments, settled, times
from tests.sinks import SPEC


def test_a_recording_is_cut_into_files_of_its_length_each_from_a_key_frame_on(tmp_path: Path) -> None:
    sink = opened(tmp_path / "cam")
    record(sink, range(25))
    report = sink.finish()
    sink.close()
    assert numbers(tmp_path / "cam") == [list(range(10)), list(range(10, 20)), list(range(20, 25))]
    assert report["frames"] == 25
    assert report["segments"] == 3
    assert report["bytes"] == sum(path.stat().st_size for path in segments(tmp_path / "cam"))
    for path in segments(tmp_path / "cam"):
        assert times(path)[0] == 0.0
        with av.open(str(path)) as box:
            assert next(box.demux(video=0)).is_keyframe
            assert not box.streams.audio
    assert not parts(tmp_path / "cam")


def test_a_file_is_named_by_the_time_of_its_first_frame_and_its_number(tmp_path: Path) -> None:
    before = datetime.now(UTC) - timedelta(milliseconds=1)
    sink = opened(tmp_path)
    record(sink, range(25))
    sink.finish()
    sink.close()
    made = [path.name for path in segments(tmp_path)]
    assert [name.partition("-")[2] for name in made] == ["000001.mp4", "000002.mp4", "000003.mp4"]
    index = Index(tmp_path)
    assert len(index.segments) == 3
    for segment in index.segments:
        assert before <= segment.begun <= datetime.now(UTC)
    index.close()
    again = opened(tmp_path)
    record(again, range(3))
    again.finish()
    again.close()
    assert segments(tmp_path)[-1].name.endswith("-000004.mp4")


def test_a_file_appears_when_it_is_complete_while_the_recording_goes_on(tmp_path: Path) -> None:
    sink = opened(tmp_path)
    record(sink, range(11))
    settled(sink)
    assert numbers(tmp_path) == [list(range(10))]
    assert len(parts(tmp_path)) == 1
    sink.close()


def test_a_gap_and_a_clock_that_goes_back_begin_a_new_file(tmp_path: Path) -> None:
    sink = opened(tmp_path, length=60)
    for number, seconds in enumerate((0.0, 0.04, 100.0, 100.04, 3.0, 3.04)):
        sink.write(at(number, seconds))
    sink.finish()
    sink.close()
    assert numbers(tmp_path) == [[0, 1], [2, 3], [4, 5]]


def test_a_file_is_completed_when_no_frame_comes_for_long(tmp_path: Path) -> None:
    sink = opened(tmp_path, length=60)
    record(sink, range(5))
    sink.idle()
    assert not segments(settled(sink)._index.folder)
    sink._came -= 11
    sink.idle()
    settled(sink)
    assert numbers(tmp_path) == [[0, 1, 2, 3, 4]]
    record(sink, range(5, 8))
    sink.finish()
    sink.close()
    assert numbers(tmp_path) == [[0, 1, 2, 3, 4], [5, 6, 7]]


@pytest.mark.parametrize(
    ("codec", "container"), [("h264", "mp4"), ("h265", "mkv"), ("mjpeg", "avi"), ("prores", "mov"), ("vp9", "webm")]
)
def test_each_codec_in_its_container_keeps_every_frame_and_the_time(tmp_path: Path, codec: str, container: str) -> None:
    sink = opened(tmp_path, codec=codec, container=container, length=60)
    moments = [number / 25 + (0.2 if number % 10 > 5 else 0) for number in (*range(6), 6, 7, 8, 9)]
    for number, moment in enumerate(moments):  # a live source that stands still for a while
        sink.write(at(number, 7 + moment))
    sink.finish()
    sink.close()
    (path,) = segments(tmp_path)
    assert path.suffix == f".{container}"
    assert [number_of(image) for image in pictures(path)] == list(range(10))
    assert times(path) == pytest.approx(moments, abs=0.0011)


def test_what_a_container_cannot_hold_is_refused_before_the_run(tmp_path: Path) -> None:
    with pytest.raises(SetupError, match=r"\.mp4 cannot hold prores; take \.mkv"):
        opened(tmp_path, codec="prores")
    with pytest.raises(SetupError, match="--output recording:FOLDER"):
        Recording(output="recording:").setup(SPEC)


def test_a_wish_that_the_codec_cannot_follow_is_a_mistake_of_the_configuration() -> None:
    with pytest.raises(ValueError, match="must be within 0 to 51"):
        Recording(crf=99)


# What is kept


def test_more_files_than_are_kept_make_the_oldest_go(tmp_path: Path) -> None:
    sink = opened(tmp_path, keep_files=2)
    for start in range(0, 50, 10):
        record(sink, range(start, start + 10))
        settled(sink)
    report = sink.finish()
    sink.close()
    assert numbers(tmp_path) == [list(range(30, 40)), list(range(40, 50))]
    assert report["deleted"] == 3
    assert [fact["begin"] for fact in facts(tmp_path) if "begin" in fact][-2:] == [p.name for p in segments(tmp_path)]


def test_more_bytes_than_are_kept_make_the_oldest_go(tmp_path: Path) -> None:
    sink = opened(tmp_path)
    record(sink, range(50))
    sink.finish()
    sink.close()
    sizes = [path.stat().st_size for path in segments(tmp_path)]
    again = opened(tmp_path, keep_gb=(sum(sizes[2:]) + 10) / GB)
    assert [path.stat().st_size for path in segments(tmp_path)] == sizes[2:]
    again.close()


def test_files_older_than_the_hours_that_are_kept_go_while_the_camera_is_silent_too(tmp_path: Path) -> None:
    sink = opened(tmp_path, keep_hours=1)
    record(sink, range(10))
    sink._cut(sink._index)
    settled(sink)
    (path,) = segments(tmp_path)
    later = datetime.now(UTC) + timedelta(minutes=59)
    sink._room._now = lambda: later
    sink._tidied -= 11
    sink.idle()
    assert path.exists()
    later += timedelta(minutes=2)
    sink._tidied -= 11
    sink.idle()
    assert not path.exists()
    sink.close()


def test_nothing_is_deleted_that_no_recording_made(tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere.mp4"
    elsewhere.write_bytes(b"mine")
    folder = tmp_path / "cam"
    folder.mkdir()
    foreign = {
        "holiday.mp4",
        "20200101T000000.000Z-000001.mp4",  # named as ours, but not in the index
        "20200101T000000.000Z-000002.mp4.part",
        "notes.txt",
    }
    for name in foreign:
        (folder / name).write_bytes(b"mine")
    link, inside = folder / "20200101T000000.000Z-000003.mp4", folder / "20200101T000000.000Z-000004.mp4"
    link.symlink_to(elsewhere)
    inside.mkdir()
    lines = [f'{{"begin": "{name}", "first": 0, "run": 1}}\n' for name in (link.name, inside.name, "../elsewhere.mp4")]
    (folder / "recording.index").write_text("".join(lines) + '{"begin": 7}\n[]\nnonsense\n{"begin": "2020')
    sink = opened(folder, keep_files=1, keep_hours=0.001)
    for start in range(0, 30, 10):
        record(sink, range(start, start + 10))
        settled(sink)
    sink.finish()
    sink.close()
    assert all((folder / name).read_bytes() == b"mine" for name in foreign)
    assert elsewhere.read_bytes() == b"mine"
    assert link.is_symlink()
    assert inside.is_dir()
    assert len(segments(folder)) == 1 + 3  # ours, and the three that look like it


def test_a_second_recording_into_the_same_folder_is_refused(tmp_path: Path) -> None:
    sink = opened(tmp_path)
    with pytest.raises(SetupError, match="another recording writes there; take another folder"):
        opened(tmp_path)
    sink.close()
    opened(tmp_path).close()


def test_a_folder_that_cannot_be_is_said(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    for folder in (tmp_path / "file", tmp_path / "no" / "such"):
        with pytest.raises(SetupError, match="cannot be made a folder for a recording"):
            opened(folder)


def test_an_output_that_begins_with_recording_is_one() -> None:
    assert Auto.pick("recording:cam") is Recording
    with pytest.raises(ConfigError, match="did you mean 'recording'"):
        Auto.pick("recordin://cam")


# A worker that was killed, from inside


def test_the_segment_in_which_a_worker_was_killed_goes_on_after_the_last_frame_that_counts(tmp_path: Path) -> None:
    for frames in (1, 5, 10, 11, 19, 20):
        folder = tmp_path / str(frames)
        left = opened(folder)
        record(left, range(frames + 1))  # the last one was never committed
        settled(left)
        os.close(left._index._lock)  # as the kernel does for a process that has died
        left._index._lock = -1
        sink = opened(folder, resume=frames)
        record(sink, range(frames, 25))
        sink.finish()
        assert list(itertools.chain(*numbers(folder))) == list(range(25))
        assert len(segments(folder)) == 3
        assert not parts(folder)
        sink.close()


def test_what_an_earlier_run_left_is_completed_and_not_taken_for_its_own(tmp_path: Path) -> None:
    left = opened(tmp_path)
    record(left, range(14))
    settled(left)
    left._index.close()
    sink = opened(tmp_path)
    record(sink, range(100, 105))
    sink.finish()
    assert numbers(tmp_path) == [list(range(10)), list(range(10, 14)), list(range(100, 105))]
    assert any("completing 1 of an interrupted recording" in note for note in sink.context.notes)
    sink.close()


def test_a_part_that_cannot_be_completed_stays_and_is_said_and_tried_again(tmp_path: Path, monkeypatch) -> None:
    sink = opened(tmp_path)
    with monkeypatch.context() as patch:
        patch.setattr("stages.output.recording_publish.count_packets", lambda *_: 7)
        record(sink, range(10))
        sink._cut(sink._index)
        settled(sink)
    assert sink.context.errors == {"segments not completed": 1}
    assert "7 of 10 frames can be read back" in sink.context.notes[-1]
    assert len(parts(tmp_path)) == 1
    assert not list(tmp_path.glob("*.part.out"))  # a full disk needs its room
    record(sink, range(10, 12))
    sink.finish()
    sink.close()
    assert numbers(tmp_path) == [list(range(10)), [10, 11]]
