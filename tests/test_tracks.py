"""Tracks: everything of the source beside its picture comes along, in step, or it is said why not."""

from collections import Counter
from fractions import Fraction

import av
import pytest

from tests.clips import MALFORMED, make_clip, needs, sound_of, stamps_of
from tests.full_clips import FONT, about, chapters, ffmpeg, full_clip, lead_of, texts, tracks
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
    assert abs(lead_of(output) - lead_of(clip)) <= 0.0015


def test_a_track_that_the_container_cannot_hold_is_encoded_anew_and_said_so(tmp_path):
    clip = needs(MALFORMED / "vp9_opus.webm")
    sink = copy_through(clip, tmp_path / "o.mov")
    assert "audio track 1 (opus): mov cannot hold it; re-encoded to aac" in sink.context.notes
    with av.open(str(tmp_path / "o.mov")) as box:
        length = sum(f.samples for f in box.decode(audio=0)) / 48000
    assert abs(length - 1.04) < 0.05


# Everything else


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


def test_data_that_no_container_holds_is_said_and_a_stream_with_an_offset_begins_at_zero(tmp_path):
    clip = tmp_path / "a.ts"
    with av.open(str(make_clip(tmp_path / "a.mp4", 50, audio=1))) as given, av.open(str(clip), "w") as made:
        rows = {s.index: made.add_stream_from_template(s, opaque=True) for s in given.streams}
        made.add_data_stream("klv")
        for packet in given.demux():
            if packet.size:
                packet.stream = rows[packet.stream_index]
                made.mux_one(packet)
    assert stamps_of(clip)[0] > Fraction(1, 20)
    for ending in ("mp4", "mkv"):
        sink = copy_through(clip, tmp_path / f"o.{ending}")
        kind = {"mp4": "mp4", "mkv": "matroska"}[ending]
        assert f"data track 2 (klv): {kind} cannot hold it; left out" in sink.context.notes
        assert 0 <= stamps_of(tmp_path / f"o.{ending}")[0] < Fraction(1, 20)
        assert abs(lead_of(tmp_path / f"o.{ending}") - lead_of(clip)) <= 0.0015
        assert len(sound_of(tmp_path / f"o.{ending}")) == len(sound_of(clip))


SPEECH = """1
00:00:00,500 --> 00:00:01,500
One

2
00:00:01,000 --> 00:00:02,000
speaks

3
00:00:01,000 --> 00:00:02,500
over the other
"""


@pytest.mark.parametrize("ending", ["mkv", "mp4"])
def test_texts_that_overlap_or_come_at_the_same_moment_are_all_there_and_in_time(tmp_path, ending):
    (tmp_path / "s.srt").write_text(SPEECH)
    clip = make_clip(tmp_path / "a.mp4", 75, audio=1)
    ffmpeg("-i", clip, "-i", tmp_path / "s.srt", "-c:v", "copy", "-c:a", "copy", "-c:s", "subrip", tmp_path / "a.mkv")
    sink = copy_through(tmp_path / "a.mkv", tmp_path / f"o.{ending}")
    assert not any("damaged" in note for note in sink.context.notes)
    lead = min(stamps_of(tmp_path / f"o.{ending}"))  # where Matroska's zero is the sound's
    found = [(round(begin - float(lead), 2), text) for begin, _, text in texts(tmp_path / f"o.{ending}")]
    assert found == [(0.5, "One"), (1.0, "speaks"), (1.0, "over the other")]
    copy_through(tmp_path / f"o.{ending}", tmp_path / "again.mp4")
    assert [text for _, _, text in texts(tmp_path / "again.mp4")] == ["One", "speaks", "over the other"]


def test_sound_that_a_trimmed_file_keeps_from_players_is_not_heard_in_the_result(tmp_path):
    clip = make_clip(tmp_path / "a.mp4", 100, audio=1)
    ffmpeg("-ss", "1.5", "-i", clip, "-c", "copy", tmp_path / "b.mp4")
    with av.open(str(tmp_path / "b.mp4")) as box:
        assert next(box.demux(audio=0)).pts * Fraction(1, 44100) < Fraction(-1, 4)  # hidden, but there
    copy_through(tmp_path / "b.mp4", tmp_path / "o.mkv")
    assert stamps_of(tmp_path / "o.mkv")[0] < Fraction(1, 8)
    assert 0 < len(sound_of(tmp_path / "o.mkv")) < len(sound_of(tmp_path / "b.mp4"))
    with av.open(str(tmp_path / "o.mkv")) as box:
        sound = [(frame.time, frame.samples) for frame in box.decode(audio=0)]
    assert abs(sound[-1][0] + sound[-1][1] / 44100 - float(stamps_of(tmp_path / "o.mkv")[-1]) - 0.04) < 0.1


def test_surround_sound_is_encoded_anew_too(tmp_path):
    clip = make_clip(tmp_path / "a.mp4", 50, audio=1)
    ffmpeg("-i", clip, "-c:v", "copy", "-c:a", "ac3", "-af", "pan=5.1(side)|FL=FL|FR=FR", tmp_path / "a.mkv")
    sink = copy_through(tmp_path / "a.mkv", tmp_path / "o.webm", codec="vp9")
    assert sink.context.notes == ["audio track 1 (ac3): webm cannot hold it; re-encoded to libopus"]
    with av.open(str(tmp_path / "o.webm")) as box:
        assert box.streams.audio[0].codec_context.layout.name == "5.1"
        assert abs(sum(frame.samples for frame in box.decode(audio=0)) / 48000 - 2) < 0.1


@pytest.mark.parametrize("channels", ["1", "2"])
def test_sound_whose_speakers_nobody_named_is_encoded_anew_too(tmp_path, channels):
    clip = make_clip(tmp_path / "a.mp4", 50, audio=1)
    ffmpeg("-i", clip, "-c:v", "copy", "-c:a", "wmav2", "-ac", channels, tmp_path / "a.mkv")
    sink = copy_through(tmp_path / "a.mkv", tmp_path / "o.mp4")
    assert sink.context.notes == ["audio track 1 (wmav2): mp4 cannot hold it; re-encoded to aac"]
    with av.open(str(tmp_path / "o.mp4")) as box:
        assert box.streams.audio[0].codec_context.channels == int(channels)
        assert abs(sum(frame.samples for frame in box.decode(audio=0)) / 44100 - 2) < 0.1
