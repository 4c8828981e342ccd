"""Tracks: everything of the source beside its picture comes along, in step, or it is said why not."""

import re
from collections import Counter
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from av.stream import Disposition

from pipeline.errors import RunError
from pipeline.stage import Context
from stages.output.track import Copied
from stages.output.tracks import Tracks
from stages.output.window import Window
from tests.clips import MALFORMED, decode, make_clip, needs, sound_of, stamps_of
from tests.full_clips import FONT, ffmpeg, full_clip
from tests.sinks import SPEC, copy_through, opened, write


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


# Everything else


@pytest.fixture(scope="module")
def mkv(tmp_path_factory) -> Path:
    return full_clip(tmp_path_factory.mktemp("clips") / "a.mkv")


@pytest.fixture(scope="module")
def mp4(tmp_path_factory) -> Path:
    return full_clip(tmp_path_factory.mktemp("clips") / "a.mp4", subtitles="mov_text")


def texts(path: Path) -> list[tuple[float, float, str]]:
    """The subtitles of a file: begin, length in seconds, text without its markup."""
    found = []
    with av.open(str(path)) as box:
        stream = box.streams.subtitles[0]
        for packet in box.demux(stream):
            for line in packet.decode() if packet.size > 2 else ():
                said = re.sub(r"\{.*?\}", "", line.ass.decode().split(",", 8)[8]).replace("\\N", "\n")
                base = packet.time_base
                found.append((float(packet.pts * base), float(packet.duration * base), said))
    return found


def chapters(path: Path) -> list[tuple[float, float, str]]:
    with av.open(str(path)) as box:
        return [
            (float(c["start"] * c["time_base"]), float(c["end"] * c["time_base"]), c["metadata"]["title"])
            for c in box.chapters()
        ]


def about(path: Path) -> dict[str, str]:
    with av.open(str(path)) as box:
        return {key.lower(): value for key, value in box.metadata.items()}


def tracks(path: Path, kind: str) -> list[tuple[str | None, str | None, bool, bool]]:
    """Language, title, default, forced of each track of a kind."""
    with av.open(str(path)) as box:
        return [
            (
                stream.metadata.get("language"),
                stream.metadata.get("title") or stream.metadata.get("name"),
                bool(stream.disposition & Disposition.default),
                bool(stream.disposition & Disposition.forced),
            )
            for stream in box.streams
            if stream.type == kind
        ]


def test_matroska_to_matroska_loses_nothing(tmp_path, mkv):
    sink = copy_through(mkv, tmp_path / "o.mkv")
    made = tmp_path / "o.mkv"
    assert sink.context.notes == []
    assert [sound_of(made, track) for track in (0, 1)] == [sound_of(mkv, track) for track in (0, 1)]
    assert texts(made) == texts(mkv) == [(0.5, 1.0, "Hello there"), (2.0, 1.0, "Two\nlines")]
    assert chapters(made) == chapters(mkv) == [(0, 1, "One"), (1, 4, "Two")]
    assert tracks(made, "audio") == [("ger", "Ton", False, False), ("fre", None, True, False)]
    assert tracks(made, "subtitle") == [("eng", "Words", False, True)]
    before, after = about(mkv), about(made)
    assert before.pop("encoder") != after.pop("encoder")
    assert before == after
    with av.open(str(made)) as box:
        assert [(a.name, a.mimetype, a.data) for a in box.streams.attachments] == [
            ("font.ttf", "application/x-truetype-font", FONT)
        ]


def test_mp4_gets_its_own_kind_of_subtitles_and_it_is_said_what_it_cannot_hold(tmp_path, mkv):
    sink = copy_through(mkv, tmp_path / "o.mp4")
    made = tmp_path / "o.mp4"
    assert sink.context.notes == [
        "subtitle track 3 (srt): mp4 cannot hold it; converted to mov_text",
        "attachment track 4 (font.ttf): mp4 cannot hold it; left out",
        "mp4 cannot hold the metadata SCENE; left out",
    ]
    assert texts(made) == texts(mkv)
    assert chapters(made) == chapters(mkv)
    assert tracks(made, "audio") == tracks(mkv, "audio")
    assert [(track[:2], track[3]) for track in tracks(made, "subtitle")] == [(("eng", "Words"), True)]
    wanted = {"title": "The film", "comment": "a comment", "location": "+48.1000+011.5000/"}
    assert wanted.items() <= about(made).items()
    assert about(made)["creation_time"] == about(mkv)["creation_time"]


def test_mov_holds_tags_of_any_name_and_what_it_cannot_hold_of_a_track_is_said(tmp_path, mkv):
    sink = copy_through(mkv, tmp_path / "o.mov")
    assert about(tmp_path / "o.mov")["scene"] == "7b"
    assert "mov cannot hold track 2: language fre; left out" in sink.context.notes
    assert "mov cannot hold track 3: mark forced; left out" in sink.context.notes


def test_mp4_to_matroska_keeps_texts_chapters_and_tags_but_no_brands(tmp_path, mp4):
    copy_through(mp4, tmp_path / "o.mkv")
    made = tmp_path / "o.mkv"
    lead = float(stamps_of(made)[0])  # what the sound encoder ran in
    assert [(round(begin - lead, 3), length, said) for begin, length, said in texts(made)] == texts(mp4)
    assert chapters(made) == chapters(mp4)
    assert tracks(made, "audio") == tracks(mp4, "audio")
    assert about(made).keys() == {"title", "comment", "location", "creation_time", "encoder"}


def test_mp4_to_mp4_keeps_one_chapter_track_and_copies_the_subtitles(tmp_path, mp4):
    sink = copy_through(mp4, tmp_path / "o.mp4")
    assert sink.context.notes == []
    with av.open(str(mp4)) as given, av.open(str(tmp_path / "o.mp4")) as made:
        assert [stream.type for stream in made.streams] == [stream.type for stream in given.streams]
        assert [bytes(p) for p in made.demux(subtitles=0)] == [bytes(p) for p in given.demux(subtitles=0)]


def test_webm_gets_opus_and_webvtt(tmp_path, mkv):
    copy_through(mkv, tmp_path / "o.webm", codec="vp9")
    made = tmp_path / "o.webm"
    assert texts(made) == texts(mkv)
    with av.open(str(made)) as box:
        assert [stream.codec_context.name for stream in box.streams.audio] == ["opus", "opus"]
        assert abs(sum(frame.samples for frame in box.decode(audio=0)) / 48000 - 4) < 0.05


def test_a_time_code_is_carried_on(tmp_path):
    clip = full_clip(tmp_path / "a.mov", subtitles="mov_text", extra=("-timecode", "01:00:00:00"))
    for ending in ("mov", "mkv"):
        copy_through(clip, tmp_path / f"o.{ending}")
        with av.open(str(tmp_path / f"o.{ending}")) as box:
            found = {key.lower(): value for key, value in box.streams.video[0].metadata.items()}
            assert found["timecode"] == "01:00:00:00"
    sink = copy_through(clip, tmp_path / "c.mov", start=Fraction(1))
    assert "timecode: left out, as the file begins later than its source" in sink.context.notes
    with av.open(str(tmp_path / "c.mov")) as box:
        assert "timecode" not in box.streams.video[0].metadata


@pytest.mark.parametrize(
    ("field", "left"),
    [
        ("audio", {"subtitle": 1, "attachment": 1}),
        ("subtitles", {"audio": 2, "attachment": 1}),
        ("attachments", {"audio": 2, "subtitle": 1}),
        ("chapters", {"audio": 2, "subtitle": 1, "attachment": 1}),
        ("metadata", {"audio": 2, "subtitle": 1, "attachment": 1}),
    ],
)
def test_each_kind_can_be_dropped_alone(tmp_path, mkv, field, left):
    sink = copy_through(mkv, tmp_path / "o.mkv", **{field: "drop"})
    made = tmp_path / "o.mkv"
    with av.open(str(made)) as box:
        assert Counter(stream.type for stream in box.streams) == {"video": 1, **left}
    assert (chapters(made) == []) == (field == "chapters")
    assert ("title" not in about(made)) == (field == "metadata")
    assert sink.context.notes == []


def test_without_metadata_a_track_can_still_be_chosen_by_its_language(tmp_path, mkv):
    copy_through(mkv, tmp_path / "o.mkv", metadata="drop")
    assert tracks(tmp_path / "o.mkv", "audio") == [("ger", None, False, False), ("fre", None, True, False)]
    assert about(tmp_path / "o.mkv").keys() == {"encoder"}


def test_other_pictures_show_what_was_removed_and_stay_behind(tmp_path):
    cover = tmp_path / "c.png"
    ffmpeg("-f", "lavfi", "-i", "testsrc2=size=64x64:duration=0.04", "-frames:v", "1", cover)
    clip = tmp_path / "a.mp4"
    # fmt: off
    ffmpeg(
        "-f", "lavfi", "-i", "testsrc2=size=96x64:duration=1", "-f", "lavfi", "-i", "testsrc2=size=64x48:duration=1",
        "-i", cover, "-map", "0", "-map", "1", "-map", "2", "-c:v", "libx264", "-c:v:2", "png",
        "-disposition:v:2", "attached_pic", clip,
    )
    # fmt: on
    sink = copy_through(clip, tmp_path / "o.mp4")
    assert sink.context.notes == [
        "video track 1 (h264): shows what was removed; left out",
        "video track 2 (png): shows what was removed; left out",
    ]
    with av.open(str(tmp_path / "o.mp4")) as box:
        assert len(box.streams) == 1


# Cutting


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
    still = tmp_path / "in" / "a.png"
    still.write_bytes(b"a picture")
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
