"""Tracks: of a part of the source everything keeps its place, and damage never costs the video."""

from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest

from pipeline.errors import RunError
from pipeline.stage import Context
from stages.output import tracks as tracks_module
from stages.output.track import Copied
from stages.output.tracks import Tracks
from stages.output.window import Window
from tests.clips import decode, make_clip, picture, sound_of, stamps_of
from tests.full_clips import about, chapters, full_clip, texts
from tests.sinks import SPEC, copy_through, opened, write
from tests.stills import write_still


@pytest.mark.parametrize("ending", ["mp4", "mkv"])
@pytest.mark.parametrize("offset", ["0", "10"])
def test_a_part_begins_at_zero_and_everything_in_it_keeps_its_place(tmp_path, ending, offset):
    clip = full_clip(tmp_path / "a.mkv", offset=offset)
    shift = int(offset)
    output = tmp_path / f"o.{ending}"
    copy_through(clip, output, start=Fraction(1) + shift, end=Fraction(5, 2) + shift)
    stamps = stamps_of(output)
    assert (stamps[0], len(stamps)) == (0, 38)
    assert texts(output) == [(0.0, 0.5, "Hello there"), (1.0, 0.5, "Two\nlines")]
    if not shift:  # FFmpeg's offset does not move the chapters
        assert chapters(output) == [(0, 1.5, "Two")]
    whole = sound_of(clip)
    part = sound_of(output)
    first = whole.index(part[0])
    assert part == whole[first : first + len(part)]
    assert 0 <= first * 1024 / 44100 - 1 < 0.05  # the encoder's run-in comes before the first sample
    assert abs(len(part) * 1024 / 44100 - 1.5) < 0.05


@pytest.mark.parametrize("ending", ["mkv", "mp4"])
def test_a_part_of_a_long_file_is_found_without_reading_all_of_it(tmp_path, monkeypatch, ending):
    text = "subrip" if ending == "mkv" else "mov_text"
    clip = full_clip(tmp_path / f"a.{ending}", subtitles=text, extra=("-g", "5"))
    read: list[float] = []
    shift = Window.holds
    monkeypatch.setattr(Window, "holds", lambda self, p: read.append(float(p.pts * p.time_base)) or shift(self, p))
    for spread, name in ((30, "whole"), (Fraction(4, 5), "near")):
        monkeypatch.setattr(tracks_module, "SPREAD", spread)
        read.clear()
        copy_through(clip, tmp_path / f"{name}.mkv", start=Fraction(68, 25), end=Fraction(3))
        seen = min(read), max(read)
        assert (seen[0] > 1.5 and seen[1] < 3.9) == (name == "near")
    for track in (0, 1):
        assert sound_of(tmp_path / "near.mkv", track) == sound_of(tmp_path / "whole.mkv", track) != []
    found = texts(tmp_path / "near.mkv")
    assert found == texts(tmp_path / "whole.mkv")
    assert [(length, said) for _, length, said in found] == [(pytest.approx(0.28, abs=0.002), "Two\nlines")]


def test_a_whole_file_that_does_not_begin_at_zero_is_moved_as_a_whole(tmp_path):
    clip = full_clip(tmp_path / "a.mkv", offset="10")
    output = tmp_path / "o.mkv"
    copy_through(clip, output)
    assert stamps_of(output)[0] == 0
    assert texts(output) == [(0.5, 1.0, "Hello there"), (2.0, 1.0, "Two\nlines")]
    assert [sound_of(output, track) for track in (0, 1)] == [sound_of(clip, track) for track in (0, 1)]


def test_sound_that_begins_late_stays_late_in_a_part(tmp_path, mkv):
    output = tmp_path / "o.mkv"
    copy_through(mkv, output, start=Fraction(1, 5))
    assert _first_sound(mkv) == pytest.approx(0.4, abs=0.001)
    assert _first_sound(output) == pytest.approx(0.2, abs=0.001)


def _first_sound(path: Path) -> float:
    """When the second audio track can first be heard, in seconds."""
    with av.open(str(path)) as box:
        frame = next(f for f in box.decode(audio=1) if np.abs(f.to_ndarray()).max() > 0.02)
        return float(frame.pts * frame.time_base) + int(np.argmax(np.abs(frame.to_ndarray()[0]) > 0.02)) / 44100


# Damage


def test_a_packet_that_goes_backward_in_time_is_left_out_and_the_rest_is_kept(tmp_path):
    clip = make_clip(tmp_path / "a.mp4", 50, audio=1)
    context = Context()
    with av.open(str(tmp_path / "o.mkv"), "w") as box, av.open(str(clip)) as given:
        video = box.add_stream_from_template(given.streams.video[0], opaque=True)
        row = Tracks(str(clip), {"audio"}, box, video, Window(), context)
        first, second, third, fourth = (row._next, *(next(row._packets) for _ in range(3)))
        late = av.Packet(bytes(second))
        late.pts, late.dts, late.time_base, late.stream = second.pts, second.dts, second.time_base, second.stream
        row._next, row._packets = first, iter([second, third, late, fourth])
        row.finish()
    assert context.notes == ["audio track 1: damaged, 1 packets are left out"]
    assert sound_of(tmp_path / "o.mkv") == sound_of(clip)[:4]


@pytest.mark.parametrize("at", [0.3, 0.6, 0.9])
@pytest.mark.parametrize("kind", ["mkv", "mp4"])
def test_damage_anywhere_never_costs_the_video(tmp_path, mkv, mp4, at, kind):
    given = mkv if kind == "mkv" else mp4
    raw = bytearray(given.read_bytes())
    where = int(len(raw) * at)
    if kind == "mp4":  # its index is at the end
        where = int(raw.index(b"moov") * at)
    raw[where : where + 3000] = np.random.default_rng(5).bytes(3000)
    clip = tmp_path / f"a.{kind}"
    clip.write_bytes(raw)
    sink = copy_through(clip, tmp_path / "o.mkv")
    assert len(decode(tmp_path / "o.mkv")) == sink._frames > 0


def test_where_the_tracks_make_the_file_impossible_the_video_is_finished_without_them(tmp_path, mkv, monkeypatch):
    def fail(self, packet):
        raise av.ArgumentError(22, "Invalid argument")

    monkeypatch.setattr(Copied, "mux", fail)
    sink = copy_through(mkv, tmp_path / "o.mkv")
    what = "attachment, audio, chapters, data, metadata, subtitle"
    said = f"{mkv}: {what} cannot be taken over together (Invalid argument); tried with less"
    assert sink.context.notes == [said]
    assert about(tmp_path / "o.mkv")["title"] == "The film"
    assert len(decode(tmp_path / "o.mkv")) == 100


def test_a_source_that_is_gone_at_the_end_costs_its_sound_and_that_is_said(tmp_path):
    clip = make_clip(tmp_path / "a.mp4", 5, audio=1)
    sink = opened(tmp_path / "o.mp4", SPEC.model_copy(update={"source": str(clip)}))
    write(sink, range(5))
    clip.unlink()
    assert sink.finish()["frames"] == 5
    said = f"{clip}: cannot be opened (No such file or directory); its sound and other tracks are left out"
    assert sink.context.notes == [said]


def test_pictures_have_no_tracks_to_lose(tmp_path):
    (tmp_path / "in").mkdir()
    still = write_still(tmp_path / "in" / "a.png", picture(1))
    for source in (tmp_path / "in", still):
        sink = opened(tmp_path / "o.mp4", SPEC.model_copy(update={"source": str(source)}))
        write(sink, range(2))
        assert sink.finish()["frames"] == 2
        assert sink.context.notes == []


def test_a_full_disk_is_no_damage_of_a_track(tmp_path, mkv, monkeypatch):
    def fail(self, packet):
        raise av.OSError(28, "No space left on device")

    monkeypatch.setattr(Copied, "mux", fail)
    with pytest.raises(RunError, match="No space left on device"):
        copy_through(mkv, tmp_path / "o.mkv")
    assert not (tmp_path / "o.mkv").exists()
    assert (tmp_path / "o.mkv.part").exists()
