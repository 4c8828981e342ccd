"""Parts of a source by their times: exact to the frame, on the clock that a player shows, the same after a restart."""

from fractions import Fraction

import av
import numpy as np
import pytest
from pydantic import ValidationError

from pipeline.config import load_config
from pipeline.errors import ConfigError, SetupError
from stages.ingest import file as file_source
from stages.ingest.file import File
from stages.ingest.lavfi import Lavfi
from stages.ingest.resume import entry_point
from stages.ingest.span import Span, parse_time, write_time
from stages.media import open_media
from tests.clips import MALFORMED, make_clip, needs, number_of, read_all, rest_of


def numbers(images):
    return [number_of(image) for image in images]


def taken(path, **bounds):
    """What a range gives: numbers of the pictures, and the source."""
    source = File(input=str(path), **bounds)
    return numbers(read_all(source)[1]), source


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("0", 0), ("12.5", Fraction(25, 2)), ("1:30", 90), ("01:02:03.250", Fraction(372325, 100)), ("90:00", 5400),
        (" 7 ", 7), (12, 12), (0.1, Fraction(1, 10)), (3600.04, Fraction(360004, 100)), ("120", 120),
    ],
)  # fmt: skip
def test_times_are_read_as_people_write_them(text, seconds):
    assert parse_time(text) == seconds


@pytest.mark.parametrize(
    "text",
    [
        "", "-1", "1:60", "1:2:3:4", "1:90:00", "ten", "1,5", ":30", "1:", "1.", "inf", "1e3", "٣", None, True,
        float("nan"),
        float("inf"), -0.5, [1], "9" * 5000,
    ],
)  # fmt: skip
def test_what_is_no_time_is_refused(text):
    with pytest.raises(ValueError, match="not a time"):
        parse_time(text)


def test_times_are_written_as_they_are_read():
    rng = np.random.default_rng(3)
    for thousandths in [0, 1, 999, 59_999, 60_000, 3_600_000, *rng.integers(0, 10**8, 200)]:
        seconds = Fraction(int(thousandths), 1000)
        assert parse_time(write_time(seconds)) == seconds
    assert [write_time(parse_time(text)) for text in ("12.50", "90", "3723.5")] == ["12.5", "1:30", "1:02:03.5"]


@pytest.mark.parametrize("bounds", [{"start": 2, "end": 2}, {"start": 2, "end": 1}, {"end": 0}, {"start": "x"}])
def test_a_range_that_is_none_is_refused_as_configuration(bounds):
    with pytest.raises(ValidationError):
        File(input="a.mp4", **bounds)


@pytest.mark.parametrize(
    ("key", "value", "why"),
    [
        ("end", "1", "end: must be after the start, 2, not .1."),
        ("start", "1:70", "start: is not a time: minutes and sec"),
    ],
)
def test_a_wrong_range_in_a_configuration_is_told_in_one_line(key, value, why):
    sets = ["ingest.start=2", f'ingest.{key}="{value}"']
    with pytest.raises(ConfigError, match=why) as told:
        load_config("remove-people", sets=sets, given="a.mp4", wanted="b.mp4")
    assert "\n" not in str(told.value)


@pytest.mark.parametrize("ending", ["mp4", "mkv", "ts", "avi", "h264"])
@pytest.mark.parametrize(
    ("bounds", "wanted"),
    [
        ({"start": 1}, range(25, 60)),
        ({"end": 1}, range(25)),
        ({"start": "0:01", "end": "0:01.2"}, range(25, 30)),
        ({"start": 0, "end": 9}, range(60)),
        ({"start": 0.99, "end": 1.01}, range(25, 26)),
        ({"start": 1.01}, range(26, 60)),
        ({"start": 2.36}, range(59, 60)),
    ],
)
def test_a_range_is_exact_to_the_frame(tmp_path, ending, bounds, wanted):
    """Frames with start <= t < end, and not one more, whatever the container."""
    path = tmp_path / f"a.{ending}"
    if ending == "avi":  # its time stamps are those of decoding: B-frames would shift them
        clip = make_clip(path, 60, codec="mjpeg", pixels="yuvj420p")
    else:
        clip = make_clip(path, 60, options={"bf": "0" if ending == "h264" else "3"})
    found, source = taken(clip, **bounds)
    assert found == list(wanted)
    assert not source.context.errors


def test_frames_keep_the_time_stamps_that_they_have_in_the_file(tmp_path):
    clip = make_clip(tmp_path / "a.mp4", 60)
    spec, images, stamps = read_all(File(input=str(clip), start=1, end=2))
    assert (spec.start, spec.end) == (1, 2)
    assert stamps == [512 * number for number in range(25, 50)]
    assert spec.declared_frames == 25
    whole = read_all(File(input=str(clip)))[1]
    assert all(np.array_equal(a, b) for a, b in zip(images, whole[25:50], strict=True))


def test_zero_is_where_the_container_starts_as_in_a_player(tmp_path):
    """A transport stream does not begin at 0, nor does a part of a recording."""
    transport = make_clip(tmp_path / "a.ts", 50)
    spec, images, stamps = read_all(File(input=str(transport), start=1, end=1.2))
    assert numbers(images) == [25, 26, 27, 28, 29]
    assert spec.start == stamps[0] * spec.time_base > 1
    late = make_clip(tmp_path / "b.mkv", 50, pts=[512 * (n + 500) for n in range(50)])
    assert taken(late, start=1, end=1.2)[0] == [25, 26, 27, 28, 29]
    thirds = make_clip(
        tmp_path / "c.mkv", 20, pts=[round(1001 * (n + 7) / 30) for n in range(20)], time_base=Fraction(1, 1000)
    )
    assert taken(thirds, start=0)[0] == list(range(20))


def test_sound_that_starts_before_the_pictures_is_where_time_begins(tmp_path):
    """A player shows 0:00 when the first of them starts."""
    clip = tmp_path / "late.mkv"
    source = make_clip(tmp_path / "a.mkv", 50, audio=1, options={"bf": "0"})
    with av.open(str(source)) as given, av.open(str(clip), "w") as made:
        streams = {stream.index: made.add_stream_from_template(stream) for stream in given.streams}
        for packet in given.demux():
            if packet.size and packet.pts is not None:
                packet.pts += 400 if packet.stream.type == "video" else 0
                packet.dts = packet.pts
                packet.stream = streams[packet.stream.index]
                made.mux(packet)
    assert taken(clip, end=0.5)[0] == [0, 1, 2]
    assert taken(clip, start=1.4)[0][0] == 25


def test_a_variable_rate_is_cut_by_time_and_not_by_number(tmp_path):
    clip = make_clip(tmp_path / "a.mp4", 7, pts=[0, 512, 1024, 40960, 41000, 60000, 60100])
    assert taken(clip, start="3.2", end="3.204")[0] == [3, 4]


@pytest.mark.parametrize("ending", ["mp4", "ts"])
def test_a_start_after_the_end_is_refused_in_one_line(tmp_path, ending):
    clip = make_clip(tmp_path / f"a.{ending}", 50)
    with pytest.raises(SetupError, match=r"--start 1:30 is after its last picture, at 1\.96$"):
        File(input=str(clip), start="1:30").open()
    with pytest.raises(SetupError, match=r"no picture between 1\.001 and 1\.002"):
        File(input=str(clip), start=1.001, end=1.002).open()
    late = make_clip(tmp_path / "late.mkv", 5, pts=[12800 + 512 * n for n in range(5)], audio=1)
    with pytest.raises(SetupError, match=r"no picture between 0 and 0\.5"):
        File(input=str(late), end=0.5).open()


def test_a_far_start_is_reached_by_seeking_where_that_is_sure(tmp_path, monkeypatch):
    decoded = []
    accept = file_source.Pictures._accept
    monkeypatch.setattr(file_source.Pictures, "_accept", lambda self, frame: decoded.append(1) or accept(self, frame))
    clip = make_clip(tmp_path / "a.mp4", 200, options={"sc_threshold": "0"})
    source = File(input=str(clip), start=7)
    spec = source.open()
    assert len(decoded) < 40
    assert numbers(rest_of(source, spec)[0]) == list(range(175, 200))
    assert entry_point(open_media(str(clip)), 175 * 512, lambda: None) == 160 * 512
    doubled = make_clip(tmp_path / "b.mkv", 60, options={"sc_threshold": "0"})
    assert entry_point(open_media(str(doubled)), 500, lambda: None) is None  # nothing to be saved
    transport = str(make_clip(tmp_path / "a.ts", 60))
    assert entry_point(open_media(transport), 90000 * 3, lambda: None) is None


@pytest.mark.parametrize("options", [{"bf": "3"}, {"bf": "3", "x264-params": "open-gop=1"}, {"bf": "2", "refs": "4"}])
def test_what_is_reached_by_seeking_is_what_decoding_from_the_start_gives(tmp_path, options):
    clip = make_clip(tmp_path / "a.mp4", 90, options=options)
    whole = read_all(File(input=str(clip)))[1]
    for first in range(0, 90, 7):
        images = read_all(File(input=str(clip), start=Fraction(first, 25)))[1]
        assert len(images) == 90 - first
        assert all(np.array_equal(a, b) for a, b in zip(images, whole[first:], strict=True))


@pytest.mark.parametrize("ending", ["mp4", "mkv", "ts", "avi"])
@pytest.mark.parametrize("after", [1, 2, 14, 15, 29, 30])
def test_a_restarted_source_goes_on_within_its_range(tmp_path, ending, after):
    clip = make_clip(tmp_path / f"a.{ending}", 60, options={"bf": "0" if ending == "avi" else "3"})
    bounds = {"start": 1, "end": 2.2}
    _, images, stamps = read_all(File(input=str(clip), **bounds))
    assert len(images) == 30
    again = File(input=str(clip), **bounds)
    spec = again.open()
    again.resume(after, stamps[after - 1])
    rest, times = rest_of(again, spec)
    assert times == stamps[after:]
    assert all(np.array_equal(a, b) for a, b in zip(rest, images[after:], strict=True))
    assert not again.context.errors


@pytest.mark.parametrize("name", ["bitflips_mdat.mp4", "no_timescale.mp4", "vfr.mp4", "audio_delay_400ms.mp4"])
def test_a_range_of_an_odd_file_is_that_part_of_the_whole(name):
    clip = str(needs(MALFORMED / name))
    whole = File(input=clip)
    spec, images, stamps = read_all(whole)
    middle = stamps[len(stamps) // 2]
    first = whole._spec.time_base * stamps[0]
    source = File(input=clip, start=middle * spec.time_base)
    trimmed, rest, times = read_all(source)
    kept = [at for at, pts in enumerate(stamps) if trimmed.start is not None and pts * spec.time_base >= trimmed.start]
    assert times == [stamps[at] for at in kept]
    assert 0 < len(rest) < len(images)
    assert first >= 0


def damaged(tmp_path, at):
    """A clip of 100 pictures with one packet in ruins: a key frame stands at every tenth."""
    clip = make_clip(tmp_path / "a.mkv", 100, options={"bf": "0", "sc_threshold": "0"})
    made = tmp_path / "damaged.mkv"
    with av.open(str(clip)) as given, av.open(str(made), "w") as box:
        stream = box.add_stream_from_template(given.streams.video[0])
        for number, packet in enumerate(given.demux(given.streams.video[0])):
            if packet.size:
                fresh = av.Packet(bytes(len(bytes(packet))) if number == at else bytes(packet))
                fresh.pts, fresh.dts, fresh.time_base = packet.pts, packet.dts, packet.time_base
                fresh.is_keyframe, fresh.stream = packet.is_keyframe, stream
                box.mux(fresh)
    return made


@pytest.mark.parametrize(("at", "counts"), [(3, False), (45, False), (55, True), (75, True), (95, False)])
@pytest.mark.parametrize("seeks", [True, False])
def test_damage_counts_where_the_range_may_show_it(tmp_path, monkeypatch, at, counts, seeks):
    """Taken are 65 to 84: what was lost before 50 or at 95 cannot be seen there, however one gets there."""
    if not seeks:
        monkeypatch.setattr(file_source, "entry_point", lambda *_: None)
    source = File(input=str(damaged(tmp_path, at)), start=2.6, end=3.4)
    read_all(source)
    assert bool(source.context.errors) is counts


def test_a_drawn_picture_has_parts_too():
    whole = read_all(Lavfi(input="lavfi:testsrc2=size=64x48:rate=10", seconds=3))[1]
    part = read_all(Lavfi(input="lavfi:testsrc2=size=64x48:rate=10", start=1, end=1.5))[1]
    assert len(part) == 5
    assert all(np.array_equal(a, b) for a, b in zip(part, whole[10:15], strict=True))


def test_a_span_holds_its_first_tick_and_not_its_last():
    span = Span.of(Fraction(1), Fraction(2), Fraction(1, 30))
    assert [span.begun(pts) for pts in (29, 30)] == [False, True]
    assert [span.over(pts) for pts in (59, 60)] == [False, True]
    ntsc = Span.of(Fraction(1), None, Fraction(1001, 30000))
    assert (ntsc.first, ntsc.stop) == (30, None)  # 30 * 1001 / 30000 is the first that is not before 1
