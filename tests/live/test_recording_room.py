"""A disk that is nearly full: the oldest files go, then frames are left out and counted."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

from stages.output.recording import FULL
from stages.output.recording_index import Index
from stages.output.recording_room import Limits, Room, free_bytes
from tests.live.recordings import numbers, opened, record, segments, settled


def test_the_oldest_go_until_enough_of_the_disk_is_free(tmp_path: Path) -> None:
    sink = opened(tmp_path)
    record(sink, range(40))
    sink.finish()
    free = {4: 10, 3: 60, 2: 150}
    sink._room = Room(sink._index, Limits(None, None, None, 100), free=lambda _: free[len(segments(tmp_path))])
    record(sink, range(40, 41))
    assert len(segments(tmp_path)) == 2
    assert sink.context.state == ""
    sink.close()


def test_frames_are_left_out_and_counted_where_nothing_can_go_and_it_goes_on_when_there_is_room(tmp_path: Path) -> None:
    sink = opened(tmp_path)
    free = [100_000_000]
    sink._room = Room(sink._index, Limits(None, None, None, 100), free=lambda _: free[0])
    record(sink, range(3))
    free[0] = 10
    record(sink, range(3, 8))
    assert sink.context.state == FULL
    settled(sink)
    assert numbers(tmp_path) == [[0, 1, 2]]
    assert any(FULL in note for note in sink.context.notes)
    free[0] = 104  # no more than a moment ago would have been enough
    record(sink, range(8, 9))
    assert sink.context.state == FULL
    assert sink.context.errors == {f"frames left out: {FULL}": 6}
    free[0] = 100_000_000
    record(sink, range(9, 12))
    sink.finish()
    sink.close()
    assert sink.context.state == ""
    assert numbers(tmp_path)[-1] == [9, 10, 11]


def test_the_room_that_completing_a_file_takes_is_kept_free_too(tmp_path: Path) -> None:
    index = Index(tmp_path)
    limits = Limits(None, None, None, 100)
    assert Room(index, limits, free=lambda _: 150).has_room(50)
    assert not Room(index, limits, free=lambda _: 149).has_room(50)
    assert free_bytes(tmp_path) > 0
    index.close()


def test_what_a_clock_that_was_ahead_recorded_is_not_kept_for_years(tmp_path: Path) -> None:
    index = Index(tmp_path)
    for year in (2036, 2026, 2026):
        index.path(segment := index.begin(datetime(year, 5, 1, tzinfo=UTC), "mp4", 0)).touch()
        segment.size = 1
    now = [datetime(2026, 5, 1, 0, 30, tzinfo=UTC)]
    room = Room(index, Limits(3600, None, None, 0), now=lambda: now[0])
    room.tidy()
    assert room.deleted == 0
    now[0] += timedelta(hours=1)
    room.tidy()
    assert room.deleted == 3
    index.close()
