"""The file sink: what it was given survives any kill, and the finished file is exact, in step, and there at once."""

import collections
import os
import resource
import signal
import subprocess
import sys
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest

from pipeline.errors import ConfigError, RunError, SetupError
from pipeline.frame import Frame, FrameSpec
from stages.ingest.file import File as FileSource
from stages.output import Auto
from stages.output.file import File
from stages.output.null import Null
from stages.output.part import count_packets
from tests.clips import MALFORMED, decode, lend, make_clip, needs, number_of, picture, read_all, sound_of, stamps_of

SPEC = FrameSpec(width=96, height=64, rate=Fraction(25), time_base=Fraction(1, 12800))
STEP = 512


def frame_of(number: int, spec: FrameSpec = SPEC) -> Frame:
    clean = picture(number, spec.width, spec.height)
    clean.flags.writeable = False
    return Frame({"clean": clean}, index=number, pts=number * STEP, duration=STEP)


def opened(output: Path, spec: FrameSpec = SPEC, resume: int | None = None, **options) -> File:
    sink = File(output=str(output), **options)
    if resume is not None:
        sink.resume(resume)
    sink.setup(spec)
    return sink


def write(sink: File, numbers, spec: FrameSpec = SPEC) -> None:
    for number in numbers:
        sink.write(frame_of(number, spec))


def part_of(output: Path) -> Path:
    return output.with_name(output.name + ".part")


def killed(output: Path, frames: int, **options) -> list[int]:
    """Leave what a killed sink leaves; the sizes of its part after each frame."""
    sink = opened(output, **options)
    sizes = [part_of(output).stat().st_size]
    for number in range(frames):
        write(sink, [number])
        sizes.append(part_of(output).stat().st_size)
    left = part_of(output).read_bytes()
    sink.close()
    part_of(output).write_bytes(left)
    return sizes


def copy_through(clip: Path, output: Path, frames: int | None = None, **options) -> File:
    """Source to sink, all frames or the first ones."""
    source = FileSource(input=str(clip))
    spec = source.open()
    frame = lend(source, spec)
    sink = opened(output, spec, **options)
    for number, _ in enumerate(source.frames()):
        sink.write(frame)
        if number + 1 == frames:
            break
    sink.finish()
    sink.close()
    source.close()
    return sink


@pytest.mark.parametrize("codec", ["h264", "h265", "av1", "vp9", "ffv1", "mjpeg"])
def test_every_frame_can_be_read_back_when_write_returns(tmp_path, codec):
    output = tmp_path / "o.mkv"
    sink = opened(output, codec=codec)
    for number in range(12):
        write(sink, [number])
        copy = tmp_path / "copy.nut"
        copy.write_bytes(part_of(output).read_bytes())
        assert [number_of(image) for image in decode(copy)] == list(range(number + 1))
    sink.close()


@pytest.mark.parametrize("ending", ["mp4", "mkv", "mov"])
def test_a_finished_file_holds_all_frames_and_leaves_nothing_beside_it(tmp_path, ending):
    output = tmp_path / f"o.{ending}"
    sink = opened(output)
    write(sink, range(30))
    facts = sink.finish()
    sink.close()
    assert [number_of(image) for image in decode(output)] == list(range(30))
    assert facts == {"output": str(output), "frames": 30, "codec": "h264", "bytes": output.stat().st_size}
    assert os.listdir(tmp_path) == [output.name]


def test_ffv1_gives_back_every_bit(tmp_path):
    output = tmp_path / "o.mkv"
    sink = opened(output, codec="ffv1")
    write(sink, range(8))
    sink.finish()
    assert all(np.array_equal(image, picture(i)) for i, image in enumerate(decode(output)))


def test_time_stamps_come_out_as_they_went_in(tmp_path):
    stamps = [0, 512, 1024, 4096, 4608, 9000, 9100]
    clip = make_clip(tmp_path / "vfr.mp4", 7, pts=stamps)
    copy_through(clip, tmp_path / "o.mp4")
    assert stamps_of(tmp_path / "o.mp4") == [Fraction(pts, 12800) for pts in stamps]
    copy_through(clip, tmp_path / "o.mkv")
    wanted = [Fraction(pts, 12800) for pts in stamps]
    assert all(abs(a - b) <= Fraction(1, 1000) for a, b in zip(stamps_of(tmp_path / "o.mkv"), wanted, strict=True))


@pytest.mark.parametrize("ending", ["mp4", "mkv"])
def test_odd_sizes_and_pixel_shapes_are_kept(tmp_path, ending):
    spec = SPEC.model_copy(update={"width": 97, "height": 65, "sample_aspect": Fraction(16, 11)})
    output = tmp_path / f"o.{ending}"
    sink = opened(output, spec)
    write(sink, range(3), spec)
    sink.finish()
    assert decode(output)[0].shape == (65, 97, 3)
    with av.open(str(output)) as box:
        assert box.streams.video[0].sample_aspect_ratio == Fraction(16, 11)


# Kills


@pytest.mark.parametrize("committed", [0, 1, 2, 7, 12])
@pytest.mark.parametrize("codec", ["h264", "h265", "av1", "vp9", "ffv1", "mjpeg"])
def test_a_killed_sink_goes_on_after_the_committed_frames_wherever_its_file_was_torn(tmp_path, codec, committed):
    whole = tmp_path / "whole.mkv"
    sink = opened(whole, codec=codec)
    write(sink, range(16))
    sink.finish()
    output = tmp_path / "o.mkv"
    sizes = killed(output, 13, codec=codec)
    left = part_of(output).read_bytes()
    cuts = {sizes[committed], sizes[committed] + 1, (sizes[committed] + sizes[-1]) // 2, sizes[-1] - 1, sizes[-1]}
    for cut in sorted(cut for cut in cuts if cut >= sizes[committed]):
        part_of(output).write_bytes(left[:cut])
        sink = opened(output, resume=committed, codec=codec)
        write(sink, range(committed, 16))
        assert sink.finish()["frames"] == 16
        images = decode(output)
        assert [number_of(image) for image in images] == list(range(16))
        assert stamps_of(output) == stamps_of(whole)
        if codec == "ffv1":
            assert all(np.array_equal(a, b) for a, b in zip(images, decode(whole), strict=True))


@pytest.mark.parametrize("ending", ["mp4", "mkv"])
def test_many_kills_in_a_row_leave_one_clean_stream(tmp_path, ending):
    output = tmp_path / f"o.{ending}"
    killed(output, 2)
    for committed in (1, 2, 2, 3, 10):
        sink = opened(output, resume=committed)
        write(sink, range(committed, 12))
        left = part_of(output).read_bytes()
        sink.close()
        part_of(output).write_bytes(left)
    sink = opened(output, resume=12)
    write(sink, range(12, 20))
    assert sink.finish()["frames"] == 20
    with av.logging.Capture(local=False) as said:
        av.logging.set_level(av.logging.WARNING)
        images = decode(output)
        av.logging.set_level(None)
    assert not said
    assert [number_of(image) for image in images] == list(range(20))


def test_a_real_kill_loses_no_written_frame(tmp_path):
    output = tmp_path / "o.mkv"
    script = (
        "import os, signal, sys\nfrom pathlib import Path\nfrom tests.test_file_sink import opened, write\n"
        f"sink = opened(Path({str(output)!r}))\nwrite(sink, range(9))\nos.kill(os.getpid(), signal.SIGKILL)\n"
    )
    done = subprocess.run([sys.executable, "-c", script], cwd=Path(__file__).parent.parent, timeout=60)
    assert done.returncode == -signal.SIGKILL
    sink = opened(output, resume=9)
    write(sink, range(9, 12))
    sink.finish()
    assert [number_of(image) for image in decode(output)] == list(range(12))


def test_leftovers_of_a_kill_while_resuming_or_finishing_do_no_harm(tmp_path):
    output = tmp_path / "o.mp4"
    killed(output, 5)
    (tmp_path / "o.mp4.part.new").write_bytes(b"torn")
    (tmp_path / "o.mp4.part.out").write_bytes(b"torn")
    sink = opened(output, resume=5)
    assert sink.finish()["frames"] == 5
    assert os.listdir(tmp_path) == ["o.mp4"]


def test_killed_after_the_rename_it_is_content(tmp_path):
    output = tmp_path / "o.mp4"
    sink = opened(output)
    write(sink, range(6))
    sink.finish()
    again = opened(output, resume=6)
    assert again.finish() == sink.finish()
    assert number_of(decode(output)[5]) == 5


def test_killed_between_rename_and_tidying_up_it_finishes_again(tmp_path):
    output = tmp_path / "o.mp4"
    sink = opened(output)
    write(sink, range(6))
    kept = part_of(output).read_bytes()
    sink.finish()
    part_of(output).write_bytes(kept)
    assert opened(output, resume=6).finish()["frames"] == 6
    assert os.listdir(tmp_path) == ["o.mp4"]


def test_a_part_that_lost_frames_is_no_base_to_go_on_from(tmp_path):
    output = tmp_path / "o.mp4"
    sizes = killed(output, 5)
    part_of(output).write_bytes(part_of(output).read_bytes()[: sizes[3]])
    with pytest.raises(SetupError, match="of the 5 frames"):
        opened(output, resume=5)
    part_of(output).unlink()
    with pytest.raises(SetupError, match="is gone"):
        opened(output, resume=5)


def test_a_part_of_an_interrupted_run_is_set_aside(tmp_path):
    output = tmp_path / "o.mp4"
    killed(output, 5)
    sink = opened(output)
    assert "holds 5 frames of an interrupted run" in sink.context.notes[0]
    assert count_packets(f"{output}.part.old", lambda: None) == 5
    write(sink, range(3))
    assert sink.finish()["frames"] == 3


def test_without_a_frame_nothing_is_left(tmp_path):
    sink = opened(tmp_path / "o.mp4")
    assert sink.finish()["frames"] == 0
    sink.close()
    assert os.listdir(tmp_path) == []


def test_an_earlier_output_stays_until_the_new_one_is_whole(tmp_path):
    output = tmp_path / "o.mp4"
    output.write_bytes(b"the old one")
    sink = opened(output)
    write(sink, range(4))
    assert output.read_bytes() == b"the old one"
    sink.finish()
    assert len(decode(output)) == 4


# Sound


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
    assert "mov cannot hold opus" in sink.context.notes[0]
    with av.open(str(tmp_path / "o.mov")) as box:
        length = sum(f.samples for f in box.decode(audio=0)) / 48000
    assert abs(length - 1.04) < 0.05


# Colour


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


# Refusals


def test_what_could_not_be_finished_is_refused_before_work_begins(tmp_path):
    clip = make_clip(tmp_path / "in.mp4", 3)
    (tmp_path / "link.mp4").symlink_to(clip)
    (tmp_path / "folder.mp4").mkdir()
    spec = SPEC.model_copy(update={"source": str(clip)})
    wrong = {
        "": "no output",
        str(tmp_path / "o.webm"): "cannot hold h264",
        str(tmp_path / "o.gif"): "none of .mp4",
        str(tmp_path / "o"): "no ending",
        str(tmp_path / "absent" / "o.mp4"): "no folder",
        str(clip): "the input itself",
        str(tmp_path / "link.mp4"): "the input itself",
        str(tmp_path / "folder.mp4"): "not a file",
        "/proc/o.mp4": "cannot be written",
    }
    for name, why in wrong.items():
        with pytest.raises(SetupError, match=why):
            File(output=name).setup(spec)
    with pytest.raises(SetupError, match=r"\.mov cannot hold ffv1"):
        File(output=str(tmp_path / "o.mov"), codec="ffv1").setup(spec)
    assert sorted(os.listdir(tmp_path)) == ["folder.mp4", "in.mp4", "link.mp4"]


def test_a_full_disk_is_an_error_with_path_and_reason(tmp_path):
    output = tmp_path / "o.mkv"
    sink = opened(output, codec="ffv1")
    noise = np.random.default_rng(1).integers(0, 256, (64, 96, 3), np.uint8)
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (64_000, before[1]))
    try:
        with pytest.raises(RunError, match=r"o\.mkv\.part: cannot be written \(File too large\)"):
            collections.deque(sink.write(Frame({"clean": noise}, pts=n * STEP, duration=STEP)) for n in range(20))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert count_packets(str(part_of(output)), lambda: None) >= 2


def test_a_disk_that_fills_up_while_finishing_keeps_the_part(tmp_path):
    output = tmp_path / "o.mkv"
    sink = opened(output)
    write(sink, range(60))
    size = part_of(output).stat().st_size
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size // 2, before[1]))
    try:
        with pytest.raises(RunError, match=r"o\.mkv.*(File too large|be completed)"):
            sink.finish()
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert not output.exists()
    assert opened(output, resume=60).finish()["frames"] == 60


def test_the_class_follows_from_the_address():
    assert Auto.pick(None) is Auto.pick("o.mp4") is File
    assert Auto.pick("null:") is Null
    with pytest.raises(ConfigError, match="later version"):
        Auto.pick("rtsp://server/live")


def test_null_only_counts():
    sink = Null()
    sink.resume(3)
    sink.write(frame_of(3))
    assert sink.finish() == {"output": "", "frames": 4}


def test_source_and_sink_agree_about_a_rotated_file(tmp_path):
    clip = make_clip(tmp_path / "a.mp4", 4, rotation=90)
    copy_through(clip, tmp_path / "o.mkv", codec="ffv1")
    spec, images, _ = read_all(FileSource(input=str(tmp_path / "o.mkv")))
    assert (spec.width, spec.height, spec.rotation) == (64, 96, 0)
    assert np.array_equal(images[0], read_all(FileSource(input=str(clip)))[1][0])
