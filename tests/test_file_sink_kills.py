"""The file sink: what it was given survives any kill, at any moment, and the file goes on as if nothing had been."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import av
import numpy as np
import pytest

from pipeline.errors import SetupError
from stages.output.part import count_packets
from tests.clips import decode, number_of, stamps_of
from tests.sinks import CODECS, killed, opened, part_of, write


@pytest.mark.parametrize("codec", CODECS)
def test_every_frame_can_be_read_back_when_write_returns(tmp_path, codec):
    output = tmp_path / "o.mkv"
    sink = opened(output, codec=codec)
    for number in range(12):
        write(sink, [number])
        copy = tmp_path / "copy.nut"
        copy.write_bytes(part_of(output).read_bytes())
        assert [number_of(image) for image in decode(copy)] == list(range(number + 1))
    sink.close()


@pytest.mark.parametrize("committed", [0, 1, 2, 7, 12])
@pytest.mark.parametrize("codec", CODECS)
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


@pytest.mark.parametrize("codec", ["h264", "prores"])
def test_a_real_kill_loses_no_written_frame(tmp_path, codec):
    output = tmp_path / "o.mkv"
    script = (
        "import os, signal, sys\nfrom pathlib import Path\nfrom tests.sinks import opened, write\n"
        f"sink = opened(Path({str(output)!r}), codec={codec!r})\nwrite(sink, range(9))\n"
        "os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    done = subprocess.run([sys.executable, "-c", script], cwd=Path(__file__).parent.parent, timeout=60)
    assert done.returncode == -signal.SIGKILL
    sink = opened(output, resume=9, codec=codec)
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
    sink.close()
    killed(output, 2)  # and what that one leaves does not replace the first
    sink = opened(output)
    assert f"kept as {output}.part.old2" in sink.context.notes[0]
    assert count_packets(f"{output}.part.old", lambda: None) == 5
    write(sink, range(3))
    assert sink.finish()["frames"] == 3


def test_a_part_without_a_frame_is_nobodys_loss_and_in_nobodys_way(tmp_path):
    output = tmp_path / "o.mp4"
    killed(output, 0)  # as where another stage could not be set up
    sink = opened(output)
    assert sink.context.notes == []
    write(sink, range(3))
    assert sink.finish()["frames"] == 3
    assert os.listdir(tmp_path) == ["o.mp4"]


def test_a_file_of_the_parts_name_that_is_none_is_left_alone(tmp_path):
    output = tmp_path / "o.mp4"
    part_of(output).write_bytes(b"somebody's notes")
    with pytest.raises(SetupError, match="not media that can be read"):
        opened(output)
    assert part_of(output).read_bytes() == b"somebody's notes"


def test_without_a_frame_nothing_is_left(tmp_path):
    sink = opened(tmp_path / "o.mp4")
    assert sink.finish()["frames"] == 0
    sink.close()
    assert os.listdir(tmp_path) == []


@pytest.mark.fault("B4")
def test_an_earlier_output_stays_until_the_new_one_is_whole(tmp_path):
    output = tmp_path / "o.mp4"
    output.write_bytes(b"the old one")
    sink = opened(output)
    write(sink, range(4))
    assert output.read_bytes() == b"the old one"
    sink.finish()
    assert len(decode(output)) == 4
