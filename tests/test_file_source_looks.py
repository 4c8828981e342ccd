"""The file source's pictures look as they are meant to: turned, mirrored, in their colours and their shape."""

import subprocess
from fractions import Fraction

import av
import imageio_ffmpeg
import numpy as np
import pytest

from stages.ingest.file import File
from tests.clips import MALFORMED, make_clip, needs, number_of, read_all
from tests.test_file_source import HEALTHY


def shown_by_ffmpeg(path, spec):
    """The pictures as the ffmpeg program gives them, uint8 [N, H, W, 3]."""
    program = imageio_ffmpeg.get_ffmpeg_exe()
    command = [
        program,
        "-v",
        "error",
        "-i",
        str(path),
        "-fps_mode",
        "passthrough",
        "-an",
        "-f",
        "rawvideo",
        "-pix_fmt",
        "bgr24",
        "-",
    ]
    raw = subprocess.run(command, capture_output=True, check=True, timeout=60).stdout
    return np.frombuffer(raw, np.uint8).reshape(-1, spec.height, spec.width, 3)


def test_a_rotation_flag_is_applied_to_the_pixels(tmp_path):
    clip = make_clip(tmp_path / "a.mp4", 3, rotation=90)
    spec, images, _ = read_all(File(input=str(clip)))
    assert (spec.width, spec.height) == (64, 96)
    assert spec.rotation in (90, 270)
    flat = read_all(File(input=str(make_clip(tmp_path / "flat.mp4", 3))))[1]
    assert np.array_equal(images[2], np.rot90(flat[2], spec.rotation // 90))


@pytest.mark.parametrize("flips", [(False, False), (True, False), (False, True), (True, True)])
@pytest.mark.parametrize("angle", [0, 90, 180, 270])
def test_turned_and_mirrored_clips_stand_as_ffmpeg_shows_them(tmp_path, angle, flips):
    clip = make_clip(tmp_path / "a.mp4", 3)
    turned = tmp_path / "turned.mp4"
    with av.open(str(clip)) as given, av.open(str(turned), "w") as made:
        stream = made.add_stream_from_template(given.streams.video[0])
        stream.set_display_rotation(angle, hflip=flips[0], vflip=flips[1])
        for packet in given.demux(given.streams.video[0]):
            if packet.size:
                packet.stream = stream
                made.mux(packet)
    spec, images, _ = read_all(File(input=str(turned)))
    assert (spec.width, spec.height) == ((64, 96) if angle % 180 else (96, 64))
    assert np.abs(images[1].astype(int) - shown_by_ffmpeg(turned, spec)[1]).mean() < 2
    wanted = np.rot90(read_all(File(input=str(clip)))[1][1], spec.rotation // 90)
    assert np.array_equal(images[1], wanted[:, ::-1] if spec.mirrored else wanted)


def test_a_clip_to_be_shown_at_an_odd_angle_is_left_as_it_is(tmp_path):
    source = File(input=str(make_clip(tmp_path / "a.mp4", 3, rotation=30)))
    spec, images, _ = read_all(source)
    assert (spec.width, spec.height, spec.rotation, spec.mirrored) == (96, 64, 0, False)
    assert number_of(images[2]) == 2
    assert "odd angle" in source.context.notes[0]


@pytest.mark.parametrize("name", HEALTHY)
def test_healthy_files_look_as_ffmpeg_shows_them(name):
    """Rotation, odd sizes, ten bits, full range: the same picture."""
    clip = needs(MALFORMED / name)
    spec, images, _ = read_all(File(input=str(clip)))
    wanted = shown_by_ffmpeg(clip, spec)
    assert len(wanted) == len(images)
    worst = max(np.abs(a.astype(int) - b).mean() for a, b in zip(images, wanted, strict=True))
    assert worst < 1.5


@pytest.mark.parametrize("full", [False, True])
@pytest.mark.parametrize(
    ("pixels", "size"), [("yuv420p", (96, 64)), ("yuv420p10le", (96, 64)), ("yuv444p", (96, 64)), ("yuv444p", (97, 65))]
)
def test_range_and_depth_and_odd_sizes_do_not_change_the_colours(tmp_path, full, size, pixels):
    colours = [(250, 250, 250), (9, 9, 9), (40, 90, 200)]
    images = [np.full((size[1], size[0], 3), colour, np.uint8) for colour in colours]
    tags = {"colorspace": 1, "color_range": 2 if full else 1}
    clip = make_clip(tmp_path / "a.mkv", images, pixels=pixels, tags=tags, options={"qp": "1"})
    spec, found, _ = read_all(File(input=str(clip)))
    assert (spec.width, spec.height, spec.color_range) == (*size, 2 if full else 1)
    for image, wanted in zip(found, images, strict=True):
        assert np.abs(image.astype(int) - wanted).max() <= 4


def test_the_shape_of_pixels_turns_with_the_picture(tmp_path):
    for rotation, wanted in ((0, Fraction(16, 11)), (90, Fraction(11, 16)), (180, Fraction(16, 11))):
        tags = {"sample_aspect_ratio": Fraction(16, 11)}
        clip = make_clip(tmp_path / f"{rotation}.mp4", 3, tags=tags, rotation=rotation)
        assert File(input=str(clip)).open().sample_aspect == wanted
