"""Tracks: everything of the source beside its picture comes along, in step, or it is said why not."""

from pathlib import Path

import av
import pytest

from tests.clips import MALFORMED, make_clip, needs, sound_of
from tests.sinks import copy_through


@pytest.mark.parametrize("ending", ["mp4", "mkv", "mov"])
def test_all_audio_tracks_are_copied_bit_for_bit(tmp_path, ending):
    clip = make_clip(tmp_path / "a.mp4", 50, audio=2)
    output = tmp_path / f"o.{ending}"
    copy_through(clip, output)
    assert [sound_of(output, track) for track in (0, 1)] == [sound_of(clip, track) for track in (0, 1)]


def test_audio_can_be_dropped(tmp_path):
    clip = make_clip(tmp_path / "a.mp4", 10, audio=1)
    copy_through(clip, tmp_path / "o.mp4", audio="drop")
    with av.open(str(tmp_path / "o.mp4")) as box:
        assert len(box.streams) == 1


def test_the_sound_of_an_interrupted_run_ends_with_its_video(tmp_path):
    clip = make_clip(tmp_path / "a.mp4", 100, audio=1)
    copy_through(clip, tmp_path / "o.mp4", frames=50)
    whole, part = sound_of(clip), sound_of(tmp_path / "o.mp4")
    assert part == whole[: len(part)]
    assert abs(len(part) * 1024 / 44100 - 2) < 0.05


@pytest.mark.parametrize("name", ["audio_delay_400ms.mp4", "audio_shorter.mp4", "ok_av.mp4", "vp9_opus.webm"])
@pytest.mark.parametrize("ending", ["mp4", "mkv"])
def test_sound_stays_in_step_with_the_picture(tmp_path, name, ending):
    clip, output = needs(MALFORMED / name), tmp_path / f"o.{ending}"
    copy_through(clip, output)
    assert sound_of(output) == sound_of(clip)
    assert abs(_lead(output) - _lead(clip)) <= 0.0015


def _lead(path: Path) -> float:
    """Seconds from the first picture to the first audio packet."""
    with av.open(str(path)) as box:
        first: dict[str, float] = {}
        for packet in box.demux():
            if packet.pts is not None:
                first.setdefault(packet.stream.type, float(packet.pts * packet.time_base))
    return first["audio"] - first["video"]


def test_a_track_that_the_container_cannot_hold_is_encoded_anew_and_said_so(tmp_path):
    clip = needs(MALFORMED / "vp9_opus.webm")
    sink = copy_through(clip, tmp_path / "o.mov")
    assert "audio track 1 (opus): mov cannot hold it; re-encoded to aac" in sink.context.notes
    with av.open(str(tmp_path / "o.mov")) as box:
        length = sum(f.samples for f in box.decode(audio=0)) / 48000
    assert abs(length - 1.04) < 0.05
