"""The file sink: the finished file is exact and there at once, and what could not be finished is refused."""

import collections
import os
import resource
from fractions import Fraction

import av
import numpy as np
import pytest

from pipeline.errors import ConfigError, RunError, SetupError
from pipeline.frame import Frame
from stages.ingest.file import File as FileSource
from stages.output import Auto
from stages.output.file import File
from stages.output.null import Null
from stages.output.part import count_packets
from tests.clips import decode, make_clip, number_of, picture, read_all, stamps_of
from tests.sinks import SPEC, STEP, copy_through, frame_of, opened, part_of, write
from tests.stills import write_still


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
        assert abs(box.streams.video[0].sample_aspect_ratio - Fraction(16, 11)) < Fraction(1, 1000)


# Refusals


@pytest.mark.fault("B10")
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


@pytest.mark.fault("B3")
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


@pytest.mark.fault("B3", "B4")
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
    with pytest.raises(ConfigError, match="no output of this kind"):
        Auto.pick("gopher://server/live")


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


def test_a_name_that_leaves_no_room_for_those_beside_it_is_refused_before_work_begins(tmp_path):
    for length in (247, 400):
        with pytest.raises(SetupError, match="the name is too long"):
            opened(tmp_path / f"{'ü' * (length // 2)}.mp4")
    sink = opened(tmp_path / f"{'n' * 240}.mp4")
    write(sink, range(3))
    assert sink.finish()["frames"] == 3
    sink.close()


@pytest.mark.parametrize("kind", ["drawn", "picture"])
def test_what_has_no_other_tracks_is_not_said_to_lose_them(tmp_path, kind):
    picture_without_ending = write_still(tmp_path / "a.png", picture(1)).rename(tmp_path / "photo")
    source = "lavfi:testsrc2" if kind == "drawn" else str(picture_without_ending)
    spec = SPEC.model_copy(update={"source": source})
    sink = opened(tmp_path / "o.mp4", spec)
    write(sink, range(3))
    sink.finish()
    assert sink.context.notes == []


@pytest.mark.parametrize("rate", [Fraction(30), Fraction(15), Fraction(30000, 1001)])
def test_an_avi_has_the_rate_of_its_source(tmp_path, rate) -> None:
    spec = SPEC.model_copy(update={"rate": rate, "time_base": 1 / rate / 512})
    sink = opened(tmp_path / "a.avi", spec, codec="mjpeg")
    write(sink, [0, 1, 2, 4, 5], spec)  # one was dropped
    sink.finish()
    sink.close()
    with av.open(str(tmp_path / "a.avi")) as box:
        assert box.streams.video[0].average_rate == rate
        assert [round(frame.time * rate) for frame in box.decode(video=0)] == [0, 1, 2, 4, 5]


def test_an_avi_of_frames_without_a_beat_keeps_their_times_as_well_as_it_can(tmp_path) -> None:
    sink = opened(tmp_path / "a.avi", codec="mjpeg")
    write(sink, [0, 1], SPEC)
    late = frame_of(2)
    late.pts += STEP // 2
    sink.write(late)
    sink.finish()
    sink.close()
    with av.open(str(tmp_path / "a.avi")) as box:
        times = [frame.time for frame in box.decode(video=0)]
    assert times == pytest.approx([0, 0.04, 0.1], abs=0.002)
