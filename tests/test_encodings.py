"""Encodings: colours and shapes of pixels survive, and each codec follows the wishes it can, and refuses the others."""

import zlib
from fractions import Fraction
from pathlib import Path
from uuid import uuid4

import av
import numpy as np
import pytest
from pydantic import ValidationError

from pipeline.errors import RunError, SetupError
from pipeline.frame import Frame
from stages.output import aspect
from stages.output.aspect import ROOM, display_size, set_display_size
from stages.output.file import File
from tests.clips import decode, make_clip, number_of, picture
from tests.sinks import CODECS, SPEC, STEP, copy_through, killed, opened, part_of, write


@pytest.mark.parametrize("matrix", [1, 2, 6, 9])
@pytest.mark.parametrize("full", [1, 2])
def test_colours_survive_the_way_through(tmp_path, matrix, full):
    tags = {"colorspace": matrix, "color_range": full}
    clip = make_clip(tmp_path / "a.mp4", 3, options={"crf": "0"}, tags=tags)
    output = tmp_path / "o.mp4"
    copy_through(clip, output, crf=0)
    with av.open(str(output)) as box:
        made = next(box.decode(video=0))
    with av.open(str(clip)) as box:
        given = next(box.decode(video=0))
    assert made.colorspace == given.colorspace == matrix
    assert (made.color_range or 1) == (given.color_range or 1) == full  # not said means limited
    before, after = (frame.to_ndarray(format="bgr24").astype(int)[:40] for frame in (given, made))
    assert np.abs(before - after).max() <= 4
    assert np.abs(before - after).mean() < 2
    assert abs((before - after).mean()) < 1.5


def test_an_rgb_source_is_written_as_bt709(tmp_path):
    clip = make_clip(tmp_path / "a.mkv", 3, codec="ffv1", pixels="bgr0")
    copy_through(clip, tmp_path / "o.mp4", crf=0)
    with av.open(str(tmp_path / "o.mp4")) as box:
        frame = next(box.decode(video=0))
    assert frame.colorspace in (1, 2)
    assert np.abs(frame.to_ndarray(format="bgr24").astype(int)[:40] - picture(0)[:40]).max() <= 6


# Shapes of pixels


@pytest.mark.parametrize("codec", CODECS)
@pytest.mark.parametrize(("size", "shape"), [((96, 64), Fraction(16, 11)), ((120, 90), Fraction(4, 5))])
def test_every_codec_keeps_the_shape_of_pixels_in_matroska(tmp_path, codec, size, shape):
    spec = SPEC.model_copy(update={"width": size[0], "height": size[1], "sample_aspect": shape})
    output = tmp_path / "o.mkv"
    sink = opened(output, spec, codec=codec)
    write(sink, range(3), spec)
    sink.finish()
    with av.logging.Capture(local=False) as said, av.open(str(output)) as box:
        av.logging.set_level(av.logging.WARNING)
        assert abs(box.streams.video[0].sample_aspect_ratio - shape) < Fraction(1, 100)
        assert "title" not in box.streams.video[0].metadata
        assert len(list(box.decode(video=0))) == 3
    av.logging.set_level(None)
    assert not said


@pytest.mark.parametrize("title", ["", "A film"])
def test_the_room_for_the_shape_is_no_part_of_the_title(tmp_path, title):
    output = tmp_path / "o.mkv"
    with av.open(str(output), "w") as box:
        stream = box.add_stream("ffv1", rate=25)
        stream.width, stream.height, stream.pix_fmt = 96, 64, "bgr0"
        stream.metadata["title"] = title + ROOM
        box.mux(stream.encode(av.VideoFrame.from_ndarray(picture(7), format="bgr24").reformat(format="bgr0")))
        box.mux(stream.encode(None))
    size = output.stat().st_size
    set_display_size(str(output), display_size(96, 64, Fraction(4, 3)))
    assert output.stat().st_size == size
    found = output.read_bytes()
    start, end = aspect._tracks(found, "")
    (kind, checksum), *_ = aspect._parse(found[start:end])
    assert (kind, checksum) == (aspect.CHECKSUM, zlib.crc32(found[start + 6 : end]).to_bytes(4, "little"))
    with av.open(str(output)) as box:
        assert box.streams.video[0].metadata.get("title", "") == title
        assert box.streams.video[0].sample_aspect_ratio == Fraction(4, 3)
        assert number_of(next(box.decode(video=0)).to_ndarray(format="bgr24")) == 7


def test_without_room_the_file_is_refused_rather_than_broken(tmp_path):
    clip = make_clip(tmp_path / "a.mkv", 3)
    before = clip.read_bytes()
    with pytest.raises(RunError, match="no room for the shape of its pixels"):
        set_display_size(str(clip), (70000, 70000))
    (tmp_path / "no.mkv").write_bytes(b"nothing of the kind")
    with pytest.raises(RunError, match="no description of its tracks"):
        set_display_size(str(tmp_path / "no.mkv"), (64, 64))
    assert clip.read_bytes() == before


def test_the_size_shown_is_exact_where_it_is_near_and_rounded_where_not():
    assert display_size(720, 576, Fraction(16, 15)) == (768, 576)
    assert display_size(1440, 1080, Fraction(4, 3)) == (1920, 1080)
    assert display_size(97, 65, Fraction(16, 11)) == (141, 65)
    assert display_size(97, 65, Fraction(11, 16)) == (97, 95)


# Pixel formats


@pytest.mark.parametrize(
    ("codec", "pixels"),
    [
        ("h264", "yuv420p10le"),
        ("h264", "yuv422p"),
        ("h265", "yuv422p10le"),
        ("av1", "yuv420p10le"),
        ("vp9", "yuv444p"),
        ("ffv1", "yuv422p16le"),
        ("mjpeg", "yuvj422p"),
        ("prores", "yuva444p10le"),
    ],
)
def test_pixels_are_encoded_in_the_format_that_was_asked_for(tmp_path, codec, pixels):
    output = tmp_path / "o.mkv"
    sink = opened(output, codec=codec, pixels=pixels)
    write(sink, range(3))
    sink.finish()
    with av.open(str(output)) as box:
        frame = next(box.decode(video=0))
        wanted = "yuva444p12le" if pixels.startswith("yuva") else pixels  # what ProRes decodes to
        assert frame.format.name == wanted
    assert [number_of(image) for image in decode(output)] == [0, 1, 2]


def test_colour_tags_are_kept_in_a_lossless_file_of_yuv(tmp_path):
    spec = SPEC.model_copy(update={"colorspace": 9, "color_range": 1, "color_primaries": 9, "color_trc": 16})
    sink = opened(tmp_path / "o.mkv", spec, codec="ffv1", pixels="yuv420p10le")
    write(sink, [0], spec)
    sink.finish()
    with av.open(str(tmp_path / "o.mkv")) as box:
        frame = next(box.decode(video=0))
    assert (frame.colorspace, frame.color_range, frame.color_primaries, frame.color_trc) == (9, 1, 9, 16)


@pytest.mark.parametrize(
    ("profile", "pixels", "tag"),
    [("proxy", "yuv422p10le", "apco"), ("hq", "yuv422p10le", "apch"), ("4444", "yuv444p12le", "ap4h")],
)
def test_prores_has_its_profiles(tmp_path, profile, pixels, tag):
    sink = opened(tmp_path / "o.mov", codec="prores", profile=profile)
    write(sink, range(3))
    sink.finish()
    with av.open(str(tmp_path / "o.mov")) as box:
        stream = box.streams.video[0]
        assert (stream.codec_context.name, stream.codec_tag) == ("prores", tag)
        assert next(box.decode(video=0)).format.name == pixels


def test_a_part_of_prores_plays_under_any_name(tmp_path):
    folder = tmp_path / "a [b]|c:'d\\e ="
    folder.mkdir()
    output = folder / "ö 1.mov"
    killed(output, 4, codec="prores")
    assert [number_of(image) for image in decode(part_of(output))] == [0, 1, 2, 3]


@pytest.mark.parametrize(
    ("wish", "why"),
    [
        ({"pixels": "yuv411p"}, r"pixels: 'yuv411p' is none that libx264 takes: yuv420p, yuvj420p, yuv422p"),
        ({"codec": "av1", "pixels": "yuv444p"}, "is none that libsvtav1 takes: yuv420p, yuv420p10le"),
        ({"codec": "prores", "profile": "hq", "pixels": "yuv444p10le"}, "does not fit profile 'hq'"),
        ({"codec": "prores", "profile": "4444", "pixels": "yuv422p10le"}, "does not fit profile '4444'"),
    ],
)
def test_pixels_that_an_encoder_does_not_take_are_refused_with_those_it_takes(tmp_path, wish, why):
    with pytest.raises(SetupError, match=why):
        opened(tmp_path / "o.mkv", **wish)


def test_halved_colours_are_refused_for_odd_sizes(tmp_path):
    spec = SPEC.model_copy(update={"width": 97})
    with pytest.raises(SetupError, match="'yuv420p10le' halves the colours, which 97x64 does not allow; take yuv444p"):
        opened(tmp_path / "o.mkv", spec, pixels="yuv420p10le")


@pytest.mark.parametrize("codec", CODECS)
def test_every_codec_takes_odd_sizes(tmp_path, codec):
    spec = SPEC.model_copy(update={"width": 97, "height": 65})
    sink = opened(tmp_path / "o.mkv", spec, codec=codec)
    write(sink, range(3), spec)
    sink.finish()
    images = decode(tmp_path / "o.mkv")
    assert [(image.shape, number_of(image)) for image in images] == [((65, 97, 3), n) for n in range(3)]


# Quality and effort


@pytest.mark.parametrize(
    ("wish", "why"),
    [
        ({"crf": 52}, "must be within 0 to 51 for libx264, not 52"),
        ({"codec": "av1", "crf": 0}, "must be within 1 to 63"),
        ({"codec": "vp9", "crf": 64}, "must be within 0 to 63"),
        ({"crf": 20, "bitrate": "4M"}, "must be left out where crf is given"),
        ({"bitrate": "4 M"}, "bits per second, as 4M, 800k or 2500000"),
        ({"bitrate": "0"}, "bits per second"),
        ({"codec": "ffv1", "bitrate": "4M"}, "must be left out: ffv1 keeps to none"),
        ({"codec": "prores", "bitrate": "40M"}, "must be left out: prores_ks keeps to none"),
        ({"codec": "ffv1", "crf": 1}, "must be left out: ffv1 has no such quality scale"),
        ({"codec": "prores", "crf": 1}, "must be left out: prores_ks has no such quality scale"),
        ({"codec": "mjpeg", "preset": "slow"}, "must be left out: mjpeg knows no presets"),
        ({"codec": "h264", "profile": "hq"}, "must be left out: libx264 has none, only prores has"),
    ],
)
def test_a_wish_that_a_codec_cannot_follow_is_refused_not_ignored(wish, why):
    with pytest.raises(ValidationError, match=why) as caught:
        File(output="o.mkv", **wish)
    assert caught.value.errors()[0]["loc"] == (list(wish)[-1],)


@pytest.mark.parametrize("codec", ["h264", "h265", "av1", "vp9"])
def test_a_higher_crf_makes_a_smaller_file(tmp_path, codec):
    assert _size(tmp_path, codec=codec, crf=12) > 1.3 * _size(tmp_path, codec=codec, crf=45)


@pytest.mark.parametrize("codec", ["h264", "h265", "av1", "vp9"])
def test_a_bit_rate_is_kept_to_and_each_picture_has_its_packet_at_once(tmp_path, codec):
    for rate in (60_000, 150_000):
        found = _size(tmp_path, pictures=100, codec=codec, bitrate=str(rate)) * 8 / 4
        assert 0.75 * rate < found < 1.25 * rate


def test_a_bit_rate_in_any_unit_is_the_same(tmp_path):
    assert len({_size(tmp_path, bitrate=rate) for rate in ("0.4M", "400k", "400000")}) == 1


@pytest.mark.parametrize("codec", ["h264", "h265", "av1", "vp9"])
@pytest.mark.parametrize("preset", ["ultrafast", "slow"])
def test_every_preset_gives_each_picture_its_packet_at_once(tmp_path, codec, preset):
    usual, other = _size(tmp_path, codec=codec), _size(tmp_path, codec=codec, preset=preset)
    assert usual != other
    assert usual == _size(tmp_path, codec=codec, preset="veryfast")


def _size(folder: Path, pictures: int = 8, **wishes) -> int:
    """Bytes of a part of so many pictures with some noise."""
    output = folder / f"{uuid4().hex}.mkv"
    sink = opened(output, **wishes)
    rng = np.random.default_rng(3)
    for number in range(pictures):
        clean = (picture(number).astype(int) + rng.integers(-9, 10, (64, 96, 3))).clip(0, 255).astype(np.uint8)
        sink.write(Frame({"clean": clean}, pts=number * STEP, duration=STEP))
    size = part_of(output).stat().st_size
    sink.close()
    return size
