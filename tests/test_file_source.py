"""The file source: exact, forward in time, honest about damage, and the same after a restart."""

import os
from fractions import Fraction

import av
import numpy as np
import pytest

from pipeline.errors import ConfigError, SetupError
from stages.clock import Clock, nominal_step
from stages.ingest import Auto
from stages.ingest.file import File
from stages.ingest.lavfi import Lavfi
from stages.ingest.length import missing_bytes
from stages.ingest.resume import seek_point
from stages.media import check_size, open_media
from tests.clips import MALFORMED, make_clip, needs, number_of, picture, read_all, rest_of

HEALTHY = {
    "ok_av.mp4": 38, "ok_faststart.mp4": 38, "vfr.mp4": 28, "odd_size_444.mp4": 38, "rotated90_flag.mp4": 38,
    "hevc10.mp4": 13, "vp9_opus.webm": 13, "mjpeg_pcm.avi": 13, "video_only.mp4": 38, "one_frame.mp4": 1,
    "audio_delay_400ms.mp4": 38, "audio_shorter.mp4": 38, "sar16_11.mp4": 38, "video_rotation_90.mp4": 1,
}  # fmt: skip
REFUSED = {
    "audio_only.m4a": "no video stream",
    "audio_only_named.mp4": "no video stream",
    "bipbop_nonfragment_header.mp4": "cannot decode",
    "chunk_out_of_range.mp4": "not media",
    "invalid_userdata.mp4": "cannot decode",
    "opus_audioinit_two_desc.mp4": "no video stream",
    "random_text.mp4": "not media",
    "short-cenc.mp4": "encrypted",
    "test_case_1185230.mp4": "cannot decode",
    "trunc_no_moov.mp4": "not media",
    "zero_bytes.mp4": "is empty",
    "zero_empty_stsc.mp4": "cannot decode",
}


def resumed(source: File, after: int, pts: int) -> tuple[list[np.ndarray], list[int]]:
    spec = source.open()
    source.resume(after, pts)
    return rest_of(source, spec)


def test_every_picture_comes_out_once_and_in_order(tmp_path):
    clip = make_clip(tmp_path / "a.mp4", 40, options={"bf": "3"})
    source = File(input=str(clip))
    spec, images, stamps = read_all(source)
    assert [number_of(image) for image in images] == list(range(40))
    assert [pts * spec.time_base for pts in stamps] == [Fraction(i, 25) for i in range(40)]
    assert not source.context.errors
    assert not source.context.counts


def test_the_spec_says_what_is_in_the_file(tmp_path):
    clip = make_clip(
        tmp_path / "a.mp4", 10, tags={"colorspace": 1, "color_range": 1, "color_primaries": 1, "color_trc": 1}
    )
    spec = File(input=str(clip)).open()
    assert (spec.width, spec.height, spec.rate, spec.declared_frames) == (96, 64, 25, 10)
    assert (spec.colorspace, spec.color_range, spec.color_primaries, spec.color_trc) == (1, 1, 1, 1)
    assert spec.source == str(clip)
    assert not spec.live


def test_variable_frame_rate_keeps_its_time_stamps(tmp_path):
    stamps = [0, 512, 1024, 4096, 4608, 9000, 9100]
    clip = make_clip(tmp_path / "a.mp4", 7, pts=stamps)
    assert read_all(File(input=str(clip)))[2] == stamps


def test_missing_time_stamps_are_replaced_by_the_nominal_ones(tmp_path):
    clip = make_clip(tmp_path / "a.h264", 12, options={"bf": "0"})
    source = File(input=str(clip))
    spec, images, stamps = read_all(source)
    assert [number_of(image) for image in images] == list(range(12))
    assert np.diff(stamps).tolist() == [nominal_step(spec.rate, spec.time_base)] * 11
    assert source.context.counts["pts_repaired"] == 12
    assert not source.context.errors


def test_a_clock_only_goes_forward():
    clock = Clock(10)
    assert [clock.tick(pts) for pts in (5, 15, 15, None, 20, 60, 30)] == [5, 15, 25, 35, 45, 60, 70]
    assert clock.repaired == 4


def test_later_pictures_of_another_size_are_scaled_to_the_first(tmp_path):
    parts = [
        make_clip(tmp_path / "a.ts", [picture(i) for i in range(5)]),
        make_clip(tmp_path / "b.ts", [picture(i, 192, 128) for i in range(5, 10)]),
    ]
    both = tmp_path / "both.ts"
    both.write_bytes(b"".join(part.read_bytes() for part in parts))
    source = File(input=str(both))
    spec, images, stamps = read_all(source)
    assert (spec.width, spec.height) == (96, 64)
    assert {image.shape for image in images} == {(64, 96, 3)}
    assert len(images) == 10
    assert stamps == sorted(set(stamps))
    assert any("scaled to 96x64" in note for note in source.context.notes)


def test_a_file_that_is_cut_short_gives_what_it_has_and_says_so(tmp_path):
    whole = make_clip(tmp_path / "a.mp4", 40, container_options={"movflags": "faststart"})
    cut = tmp_path / "cut.mp4"
    cut.write_bytes(whole.read_bytes()[: whole.stat().st_size * 6 // 10])
    source = File(input=str(cut))
    images = read_all(source)[1]
    assert 0 < len(images) < 40
    assert [number_of(image) for image in images[:10]] == list(range(10))
    assert source.context.errors["truncated"] == 1
    assert "cut short" in source.context.notes[0]


@pytest.mark.parametrize("ending", ["mp4", "mov", "mkv", "avi"])
def test_the_length_of_a_file_is_checked_against_what_it_says(tmp_path, ending):
    whole = make_clip(tmp_path / f"a.{ending}", 20, options={"bf": "0"})
    assert missing_bytes(str(whole)) == 0
    cut = tmp_path / f"cut.{ending}"
    cut.write_bytes(whole.read_bytes()[:-100])
    assert missing_bytes(str(cut)) >= 99


def test_a_fragmented_file_is_whole(tmp_path):
    whole = make_clip(tmp_path / "a.mp4", 20, container_options={"movflags": "frag_keyframe+empty_moov"})
    source = File(input=str(whole))
    assert len(read_all(source)[1]) == 20
    assert not source.context.errors


def test_damage_in_the_middle_is_counted_and_the_rest_goes_on(tmp_path):
    clip = make_clip(tmp_path / "a.ts", 60)
    data = bytearray(clip.read_bytes())
    rng = np.random.default_rng(7)
    for at in rng.integers(4000, len(data), 40):
        data[at] ^= 0xFF
    clip.write_bytes(data)
    source = File(input=str(clip))
    images, stamps = read_all(source)[1:]
    assert len(images) > 20
    assert stamps == sorted(set(stamps))
    assert source.context.errors.total() > 0


@pytest.mark.parametrize("ending", ["mp4", "mkv", "ts", "avi"])
@pytest.mark.parametrize("after", [1, 9, 10, 11, 25, 39, 40])
def test_a_restarted_source_goes_on_exactly_after_the_last_accepted_frame(tmp_path, ending, after):
    options = {"bf": "0" if ending == "avi" else "3"}
    clip = make_clip(tmp_path / f"a.{ending}", 40, options=options)
    _, images, stamps = read_all(File(input=str(clip)))
    again = File(input=str(clip))
    rest, times = resumed(again, after, stamps[after - 1])
    assert times == stamps[after:]
    assert len(rest) == len(images) - after
    assert all(np.array_equal(a, b) for a, b in zip(rest, images[after:], strict=True))
    assert not again.context.errors


def test_a_source_restarted_before_its_first_frame_gives_all(tmp_path):
    clip = make_clip(tmp_path / "a.mp4", 12)
    assert len(resumed(File(input=str(clip)), 0, 0)[0]) == 12


def test_a_restarted_source_of_a_damaged_file_gives_the_same_pictures_where_it_is_whole(tmp_path):
    """What a decoder makes up for damage lies in memory it never wrote: it may differ until the next key frame."""
    clip = make_clip(tmp_path / "a.mkv", 60)
    with av.open(str(clip)) as box:
        second, last = [packet.pos for packet in box.demux(video=0) if packet.is_keyframe][1::4]
    data = bytearray(clip.read_bytes())
    for at in np.random.default_rng(3).integers(second + 100, last - 100, 25):  # from the 11th to the 50th picture
        data[at] ^= 0xFF
    clip.write_bytes(data)
    _, images, stamps = read_all(File(input=str(clip)))
    tick = 40  # ms; Matroska's clock
    for after in (1, len(images) // 2, len(images) - 1):
        rest, times = resumed(File(input=str(clip)), after, stamps[after - 1])
        assert times == stamps[after:]
        pairs = zip(times, rest, images[after:], strict=True)
        assert [t // tick for t, a, b in pairs if not np.array_equal(a, b) and not 10 <= t // tick < 50] == []


def test_seeking_is_trusted_only_where_packets_prove_the_place(tmp_path):
    clip = str(make_clip(tmp_path / "a.mp4", 40, options={"sc_threshold": "0"}))
    assert seek_point(open_media(clip), 26, 25 * 512, lambda: None) == 10 * 512
    assert seek_point(open_media(clip), 27, 25 * 512, lambda: None) is None
    assert seek_point(open_media(clip), 26, 25 * 512 + 1, lambda: None) is None
    transport = str(make_clip(tmp_path / "a.ts", 40))
    assert seek_point(open_media(transport), 26, 25 * 512, lambda: None) is None


def test_what_is_no_media_is_refused_in_one_line(tmp_path):
    wrong = {
        "": "no input",
        str(tmp_path): "folder",
        str(tmp_path / "absent.mp4"): "No such file",
        str(tmp_path / "bad\udcff.mp4"): "not UTF-8",
        str(tmp_path / "nul\0.mp4"): "not a file name",
        str(tmp_path / "two\nlines.mp4"): "No such file",
    }
    for name, why in wrong.items():
        with pytest.raises(SetupError, match=why) as told:
            File(input=name).open()
        assert "\n" not in str(told.value)


def test_a_pipe_is_no_video_file(tmp_path):
    os.mkfifo(tmp_path / "pipe.mp4")
    with pytest.raises(SetupError, match="not a regular file"):
        File(input=str(tmp_path / "pipe.mp4")).open()


@pytest.mark.parametrize(
    "text",
    [
        "#EXTM3U\n#EXTINF:1,\n{clip}\n",
        "ffconcat version 1.0\nfile {name}\n",
        "v=0\nc=IN IP4 127.0.0.1\nm=video 5 RTP/AVP 96\n",
    ],
)
def test_a_playlist_opens_no_other_file(tmp_path, text):
    clip = make_clip(tmp_path / "secret.mp4", 5)
    trap = tmp_path / "trap.mp4"
    trap.write_text(text.format(clip=clip, name=clip.name))
    with pytest.raises(SetupError, match="not media"):
        File(input=str(trap)).open()


def test_absurd_sizes_are_refused_before_memory_is_taken(tmp_path):
    bomb = tmp_path / "a.y4m"
    bomb.write_bytes(b"YUV4MPEG2 W65535 H65535 F25:1\nFRAME\n" + bytes(1000))
    with pytest.raises(SetupError):
        File(input=str(bomb)).open()
    with pytest.raises(SetupError, match="7680x4320"):
        check_size(7682, 4320, "clip.mp4")
    check_size(4320, 7680, "tall.mp4")


def test_the_class_follows_from_the_address():
    for name in (None, "clip.mp4", "C:\\clips\\a.mp4", "/x/y.mkv", "a:b.mp4"):
        assert Auto.pick(name) is File
    assert Auto.pick("lavfi:testsrc2") is Lavfi
    with pytest.raises(ConfigError, match=r"gopher://me:\*\*\*@hole: no input of this kind"):
        Auto.pick("gopher://me:secret@hole")


def test_a_drawn_picture_is_the_same_each_time_and_after_a_restart():
    address = "lavfi:testsrc2=size=64x48:rate=10"
    spec, images, stamps = read_all(Lavfi(input=address, seconds=2))
    assert (spec.width, spec.height, spec.rate, len(images)) == (64, 48, 10, 20)
    rest, times = resumed(Lavfi(input=address, seconds=2), 7, stamps[6])
    assert times == stamps[7:]
    assert all(np.array_equal(a, b) for a, b in zip(rest, images[7:], strict=True))
    with pytest.raises(SetupError, match="not a filter graph"):
        Lavfi(input="lavfi:nonsense=1").open()


@pytest.mark.parametrize(("name", "count"), HEALTHY.items())
def test_healthy_files_have_all_their_frames_and_no_error(name, count):
    source = File(input=str(needs(MALFORMED / name)))
    assert len(read_all(source)[1]) == count
    assert not source.context.errors


@pytest.mark.parametrize(("name", "why"), REFUSED.items())
def test_hopeless_files_are_refused_in_one_line(name, why):
    with pytest.raises(SetupError, match=why) as told:
        File(input=str(needs(MALFORMED / name))).open()
    assert "\n" not in str(told.value)


@pytest.mark.parametrize("name", ["bitflips_mdat.mp4", "no_timescale.mp4", "trunc_faststart.mp4"])
def test_damaged_files_give_what_can_be_decoded_and_count_the_rest(name):
    source = File(input=str(needs(MALFORMED / name)))
    assert len(read_all(source)[1]) > 10
    assert source.context.errors.total() > 0


@pytest.mark.parametrize("name", ["bitflips_mdat.mp4", "no_timescale.mp4", "trunc_faststart.mp4"])
def test_what_hides_damage_is_the_same_after_a_restart(name):
    clip = str(needs(MALFORMED / name))
    _, images, stamps = read_all(File(input=clip))
    for after in range(1, len(images), 5):
        rest, times = resumed(File(input=clip), after, stamps[after - 1])
        assert times == stamps[after:]
        assert all(np.array_equal(a, b) for a, b in zip(rest, images[after:], strict=True))
