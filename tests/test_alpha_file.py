"""Files with alpha: what was cut out comes back in its own colours, over kills too; where it cannot, that is said."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterable
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from pydantic import ValidationError

from pipeline.errors import SetupError
from pipeline.frame import FrameSpec
from stages.output.beside import KIND, NUT_OPTIONS
from stages.output.file import File
from stages.output.part import count_packets, read_packets
from stages.output.segment import Segment
from tests.clips import decode
from tests.toys_alpha import HEIGHT, WIDTH, colours, decode_alpha, disc, frame_of

SPEC = FrameSpec(width=WIDTH, height=HEIGHT, rate=Fraction(25), time_base=Fraction(1, 12800))
STEP = 512
# Ending, codec, and by how much alpha and the colours below may differ.
FILES = [("mov", "prores", 2, 2), ("mkv", "prores", 2, 2), ("webm", "vp9", 16, 16), ("mkv", "vp9", 16, 16)]
FILES += [("mkv", "ffv1", 0, 0), ("avi", "ffv1", 0, 0)]


def opened(output: Path, spec: FrameSpec = SPEC, resume: int | None = None, **options: object) -> File:
    sink = File.model_validate({"output": str(output), "view": "cutout", **options})
    if resume is not None:
        sink.resume(resume)
    sink.setup(spec)
    return sink


def write(sink: File, numbers: Iterable[int], spec: FrameSpec = SPEC) -> None:
    for number in numbers:
        sink.write(frame_of(number, spec, STEP))


def part_of(output: Path) -> Path:
    return output.with_name(f"{output.name}.part")


def errors(output: Path) -> tuple[int, int]:
    """The largest difference of alpha, and of the colours where something can be seen."""
    alpha, colour = 0, 0
    for index, image in enumerate(decode_alpha(output)):
        height, width = image.shape[:2]
        wanted = disc(index, width, height)
        alpha = max(alpha, np.abs(image[..., 3].astype(int) - wanted).max())
        below = np.abs(image[..., :3].astype(int) - colours(index, width, height))
        colour = max(colour, below[wanted > 0].max())
    return alpha, colour


# What comes back


@pytest.mark.parametrize(("ending", "codec", "alpha", "colour"), FILES)
def test_alpha_and_straight_colours_come_back(tmp_path: Path, ending: str, codec: str, alpha: int, colour: int) -> None:
    output = tmp_path / f"o.{ending}"
    sink = opened(output, codec=codec)
    write(sink, range(10))
    assert sink.finish()["frames"] == 10
    found = errors(output)
    assert found[0] <= alpha
    assert found[1] <= colour
    assert os.listdir(tmp_path) == [output.name]


@pytest.mark.parametrize("codec", ["prores", "vp9", "ffv1"])
def test_what_is_all_or_nothing_stays_so(tmp_path: Path, codec: str) -> None:
    output = tmp_path / "o.mkv"
    sink = opened(output, codec=codec)
    write(sink, range(5))
    sink.finish()
    for index, image in enumerate(decode_alpha(output)):
        assert image[22:27, 30 + index : 35 + index, 3].min() >= 254, "the middle of the disc"
        assert image[:4, :, 3].max() <= 1


@pytest.mark.parametrize("codec", ["prores", "vp9", "ffv1"])
def test_odd_sizes_hold_alpha_too(tmp_path: Path, codec: str) -> None:
    spec = SPEC.model_copy(update={"width": 97, "height": 65})
    output = tmp_path / "o.mkv"
    sink = opened(output, spec, codec=codec)
    write(sink, range(3), spec)
    sink.finish()
    assert [image.shape for image in decode_alpha(output)] == [(65, 97, 4)] * 3
    assert errors(output)[0] <= 16


def test_prores_with_alpha_is_4444(tmp_path: Path) -> None:
    tags = []
    for number, profile in enumerate((None, "4444", "4444xq")):
        sink = opened(tmp_path / f"{number}.mov", codec="prores", profile=profile)
        write(sink, [0])
        sink.finish()
        with av.open(str(tmp_path / f"{number}.mov")) as box:
            tags.append(box.streams.video[0].codec_tag)
        assert errors(tmp_path / f"{number}.mov")[0] <= 2
    assert tags == ["ap4h", "ap4h", "ap4x"]


def test_a_webm_says_that_it_has_alpha_and_each_picture_has_its_own(tmp_path: Path) -> None:
    output = tmp_path / "o.webm"
    sink = opened(output, codec="vp9", crf=40)
    write(sink, range(4))
    sink.finish()
    with av.open(str(output)) as box:
        assert box.streams.video[0].metadata["alpha_mode"] == "1"
        beside = [packet.get_sidedata(KIND) for packet in box.demux(video=0) if packet.size]
    assert len(beside) == 4
    assert all(bytes(data)[:8] == bytes(7) + b"\x01" for data in beside), "the number by which players know alpha"
    assert all(bytes(data)[8] >> 6 == 2 for data in beside), "and right behind it a frame of VP9"


def test_who_jumps_to_a_key_frame_finds_one_of_alpha_too(tmp_path: Path) -> None:
    output = tmp_path / "o.webm"
    sink = opened(output, codec="vp9")
    for number in range(140):
        frame = frame_of(number % 30, SPEC, STEP)
        turned = {"alpha": 255 - frame.alpha} if number >= 50 else {}
        frame.planes = {**frame.planes, **turned}
        frame.pts = number * STEP
        sink.write(frame)
    sink.finish()
    with av.open(str(output)) as box:
        packets = [packet for packet in box.demux(video=0) if packet.size]
    keys = [number for number, packet in enumerate(packets) if not bytes(packet)[0] & 4]
    alphas = [bytes(packet.get_sidedata(KIND))[8] for packet in packets]
    assert len(keys) >= 2
    assert all(not alphas[number] & 4 for number in keys)


def test_alpha_is_a_video_of_its_own_where_that_is_wanted(tmp_path: Path) -> None:
    sink = opened(tmp_path / "o.mkv", view="alpha", codec="ffv1")
    write(sink, range(3))
    sink.finish()
    for index, image in enumerate(decode(tmp_path / "o.mkv")):
        assert np.array_equal(image, np.repeat(disc(index)[..., None], 3, axis=2))


def test_the_foreground_alone_is_as_it_was_estimated(tmp_path: Path) -> None:
    sink = opened(tmp_path / "o.mkv", view="foreground", codec="ffv1")
    write(sink, range(3))
    sink.finish()
    assert all(np.array_equal(image, colours(index)) for index, image in enumerate(decode(tmp_path / "o.mkv")))


# Kills


@pytest.mark.parametrize("codec", ["prores", "vp9", "ffv1"])
def test_every_alpha_can_be_read_back_when_write_returns(tmp_path: Path, codec: str) -> None:
    output = tmp_path / "o.mkv"
    sink = opened(output, codec=codec)
    for number in range(5):
        write(sink, [number])
        copy = tmp_path / "copy.nut"
        copy.write_bytes(part_of(output).read_bytes())
        assert count_packets(str(copy), lambda: None) == number + 1
        if codec == "vp9":
            found = [one.get_sidedata(KIND) for one in read_packets(str(copy), lambda: None)]
            assert all(bytes(data)[8] >> 6 == 2 for data in found)
        else:
            assert len(decode_alpha(copy)) == number + 1
            assert errors(copy)[0] <= 2
    sink.close()


@pytest.mark.parametrize("committed", [0, 1, 5, 7])
@pytest.mark.parametrize("codec", ["prores", "vp9", "ffv1"])
def test_a_killed_sink_goes_on_with_alpha_wherever_its_file_was_torn(
    tmp_path: Path, codec: str, committed: int
) -> None:
    output = tmp_path / "o.mkv"
    sink = opened(output, codec=codec)
    write(sink, range(committed))
    whole = part_of(output).stat().st_size
    write(sink, range(committed, 8))
    left = part_of(output).read_bytes()
    sink.close()
    for cut in sorted({whole, (whole + len(left)) // 2, len(left) - 1, len(left)}):
        part_of(output).write_bytes(left[:cut])
        sink = opened(output, resume=committed, codec=codec)
        write(sink, range(committed, 10))
        assert sink.finish()["frames"] == 10
        assert len(decode_alpha(output)) == 10
        assert errors(output)[0] <= (16 if codec == "vp9" else 2)


def test_many_kills_in_a_row_leave_one_stream_of_alpha(tmp_path: Path) -> None:
    output = tmp_path / "o.webm"
    for committed in (None, 1, 2, 2, 6):
        sink = opened(output, resume=committed, codec="vp9")
        write(sink, range(committed or 0, 8))
        left = part_of(output).read_bytes()
        sink.close()
        part_of(output).write_bytes(left)
    sink = opened(output, resume=8, codec="vp9")
    write(sink, range(8, 12))
    assert sink.finish()["frames"] == 12
    assert errors(output)[0] <= 16


def test_a_real_kill_loses_no_alpha_that_was_written(tmp_path: Path) -> None:
    output = tmp_path / "o.webm"
    script = (
        "import os, signal\nfrom pathlib import Path\nfrom tests.test_alpha_file import opened, write\n"
        f"write(opened(Path({str(output)!r}), codec='vp9'), range(6))\nos.kill(os.getpid(), signal.SIGKILL)\n"
    )
    done = subprocess.run([sys.executable, "-c", script], cwd=Path(__file__).parent.parent, timeout=60)
    assert done.returncode == -signal.SIGKILL
    sink = opened(output, resume=6, codec="vp9")
    write(sink, range(6, 9))
    sink.finish()
    assert len(decode_alpha(output)) == 9
    assert errors(output)[0] <= 16


@pytest.mark.parametrize("codec", ["prores", "vp9", "ffv1"])
def test_the_segments_of_a_long_video_are_joined_with_their_alpha(tmp_path: Path, codec: str) -> None:
    wishes = {"view": "cutout", "codec": codec}
    pieces = [tmp_path / "0.part", tmp_path / "1.part"]
    for piece, numbers in zip(pieces, (range(5), range(5, 9)), strict=True):
        segment = Segment.model_validate({"output": str(piece), "own": len(numbers), **wishes})
        segment.setup(SPEC)
        for place, number in enumerate(numbers):
            frame = frame_of(number, SPEC, STEP)
            frame.index = place
            segment.write(frame)
        segment.finish()
        segment.close()
    output = tmp_path / "o.mkv"
    facts = File.model_validate({"output": str(output), **wishes}).assemble(
        SPEC, [str(piece) for piece in pieces], str(tmp_path / "joined"), 9
    )
    assert facts["frames"] == len(decode_alpha(output)) == 9
    assert errors(output)[0] <= (16 if codec == "vp9" else 2)


def test_only_what_needs_it_goes_into_the_newer_kind_of_nut(tmp_path: Path) -> None:
    version = {}
    for codec, view in (("vp9", "cutout"), ("vp9", "alpha"), ("ffv1", "cutout")):
        sink = opened(tmp_path / "o.mkv", codec=codec, view=view)
        write(sink, [0])
        begin = part_of(tmp_path / "o.mkv").read_bytes()[25:]
        version[codec, view] = begin[begin.index(b"NM") + 9]
        sink.close()
        part_of(tmp_path / "o.mkv").unlink()
    assert version == {("vp9", "cutout"): 4, ("vp9", "alpha"): 3, ("ffv1", "cutout"): 3}
    assert NUT_OPTIONS["strict"] == "experimental"


# Refusals


@pytest.mark.parametrize("codec", ["h264", "h265", "av1", "mjpeg", None])
def test_a_codec_without_alpha_is_refused_with_those_that_have_it(codec: str | None) -> None:
    wish = {"codec": codec} if codec else {}
    with pytest.raises(ValidationError, match=r"holds no alpha; take prores \(\.mov\), vp9 \(\.webm\), ffv1") as caught:
        File.model_validate({"output": "o.mkv", "view": "cutout", **wish})
    assert caught.value.errors()[0]["loc"] == ("codec",)


@pytest.mark.parametrize(
    ("name", "wish", "why"),
    [
        ("o.mp4", {"codec": "vp9"}, r"\.mp4 cannot hold the alpha of vp9; take \.webm or \.mkv"),
        ("o.mp4", {"codec": "prores"}, r"\.mp4 cannot hold prores"),
        ("o.mov", {"codec": "prores", "profile": "hq"}, "profile: 'hq' holds no alpha; take 4444 or 4444xq"),
        ("o.mov", {"codec": "prores", "pixels": "yuv444p10le"}, "'yuv444p10le' holds no alpha; take yuva444p10le"),
        ("o.webm", {"codec": "vp9", "pixels": "yuv420p"}, "'yuv420p' holds no alpha; take yuva420p"),
        ("o.mkv", {"codec": "ffv1", "pixels": "no"}, "is none that ffv1 takes"),
    ],
)
def test_what_loses_alpha_is_refused_before_work_begins(
    tmp_path: Path, name: str, wish: dict[str, str], why: str
) -> None:
    with pytest.raises(SetupError, match=why):
        opened(tmp_path / name, **wish)
    assert os.listdir(tmp_path) == []


def test_nothing_is_written_over_a_cutout() -> None:
    with pytest.raises(ValidationError, match="nothing is written over a cutout"):
        File(output="o.mkv", view="cutout", codec="ffv1", hud=True)
