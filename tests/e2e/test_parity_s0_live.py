"""What the users of the first prototype had, point by point: live inputs, the window, and damaged pictures.

The numbers are those of the list of its features; the rest of it is in test_parity_s0.py. The sources and sinks
themselves are tested one by one in tests/live and tests/test_window.py: here is what a user does with them.
"""

from __future__ import annotations

import re
import shlex
import socket
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import av
import imageio_ffmpeg
import numpy as np
import pytest

from pipeline.reading import shipped
from stages.ingest import camera
from stages.ingest.camera import Camera
from tests.clips import make_clip
from tests.runs import Ended, Run
from tests.scenes import HEIGHT, WIDTH, make_scene
from tests.screens import Screen, needs_a_screen, screen
from tests.senders import Pictures, doing, going, listening, negatives, pictures, plain, send
from tests.thorough import rarely
from tests.waiting import wait_until

pytestmark = pytest.mark.real

QUICK = ("--set=segmentation.size=64", "--set=inpainting.model=telea")


def counts(ended: Ended, stage: str = "ingest") -> dict[str, int]:
    found: dict[str, int] = ended.report["stages"][stage]["counts"]
    return found


def test_s0_01_02_03_and_33_raw_bgr24_is_taken_to_the_byte_from_one_client_after_the_other(tmp_path: Path) -> None:
    sent = pictures(12)
    with listening(tmp_path, "-o", str(tmp_path / "out.mkv"), "--frames", "12") as (run, port):
        send(port, *[image.tobytes() for image in sent[:7]])
        wait_until(lambda: doing(tmp_path) == "waiting")
        rest = b"".join(image.tobytes() for image in sent[7:])
        send(port, *[rest[at : at + 100_001] for at in range(0, len(rest), 100_001)])
        ended = run.end()
    assert ended.code == 0, ended.stderr
    came = negatives(tmp_path / "out.mkv")
    assert len(came) == 12
    assert all(np.array_equal(one, other) for one, other in zip(came, sent, strict=True))
    assert counts(ended)["senders"] == 2


@pytest.mark.long
def test_s0_03_nobody_who_connects_is_told_with_the_line_that_sends(tmp_path: Path) -> None:
    with listening(tmp_path, "-o", "null:", "--set=ingest.timeout=0.5") as (run, port):
        ended = run.end()
    assert ended.code == 3
    line = f"ffmpeg -i INPUT -s {WIDTH}x{HEIGHT} -r 30 -pix_fmt bgr24 -f rawvideo tcp://127.0.0.1:{port}"
    assert f"nobody has connected within 0.5 s; send with: {line}" in ended.stderr


@pytest.mark.long
def test_s0_33_the_line_that_is_said_sends_with_the_real_ffmpeg(tmp_path: Path) -> None:
    sent = pictures(20)
    clip = make_clip(tmp_path / "in.mkv", sent, codec="ffv1", pixels="bgr0")
    with listening(tmp_path, "-o", str(tmp_path / "out.mkv"), "--frames", "20") as (run, _):
        told = re.search(r"send with: ffmpeg (.*)", (tmp_path / "stderr").read_text())
        assert told is not None
        line = shlex.split(told[1].replace("INPUT", str(clip)).replace(" -r 30", ""))
        sender = subprocess.run(
            [imageio_ffmpeg.get_ffmpeg_exe(), "-v", "error", *line], timeout=60, check=False, stdin=subprocess.DEVNULL
        )
        ended = run.end()
    assert sender.returncode == 0
    assert ended.frames["output"] == 20
    assert all(np.array_equal(a, b) for a, b in zip(negatives(tmp_path / "out.mkv"), sent, strict=True))


def test_s0_04_directshow_gets_the_buffer_that_its_cameras_need(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "platform", "win32")
    kind, name, options = Camera(input="cam:Integrated Camera", size="1280x720", rate=30)._how("mjpeg")
    assert (kind, name) == ("dshow", "video=Integrated Camera")
    assert options["rtbufsize"] == "256M"
    recipe = shipped()["live-tcp"].read_text()
    assert "-f dshow -rtbufsize 256M -fflags nobuffer -flags low_delay -i video=" in recipe, "for a sender elsewhere"
    assert (options["video_size"], options["framerate"], options["vcodec"]) == ("1280x720", "30", "mjpeg")


@pytest.mark.long
def test_s0_05_pictures_over_http_go_on_after_each_time_that_they_break_off(tmp_path: Path) -> None:
    with Pictures(pictures(8), each=12) as server:
        args = ("-i", f"http://127.0.0.1:{server.port}/video", "-o", "null:", "--frames", "30")
        with going(Run(tmp_path, plain(tmp_path), *args)) as run:
            ended = run.end()
    assert ended.code == 0, ended.stderr
    assert ended.frames["accepted"] == 30
    assert server.served >= 3
    assert counts(ended)["reconnects"] >= 2


@pytest.mark.parametrize("width", [WIDTH // 2, *rarely(WIDTH + 16)])
def test_s0_06_pictures_of_another_size_are_refused_with_the_flag_to_change(tmp_path: Path, width: int) -> None:
    wrong = [np.ascontiguousarray(np.hstack([one, one])[:, :width]) for one in pictures(12)]
    with listening(tmp_path, "-o", "null:", "--set=ingest.timeout=3") as (run, port):
        send(port, *[image.tobytes() for image in wrong])
        ended = run.end()
    assert ended.code == 3
    said = ended.stderr.splitlines()[-1]
    assert f"what comes is not {WIDTH}x{HEIGHT} bgr24" in said
    assert f"-s {WIDTH}x{HEIGHT}" in said
    assert ended.frames["output"] == 0


@pytest.mark.long
def test_s0_32_half_a_picture_is_no_picture_and_the_next_client_is_welcome(tmp_path: Path) -> None:
    sent = pictures(6)
    with listening(tmp_path, "-o", str(tmp_path / "out.mkv"), "--frames", "6") as (run, port):
        send(port, *[image.tobytes() for image in sent[:3]], sent[5].tobytes()[:400_000])
        wait_until(lambda: doing(tmp_path) == "waiting")
        send(port, *[image.tobytes() for image in sent[3:]])
        ended = run.end()
    assert ended.code == 0, ended.stderr
    assert all(np.array_equal(a, b) for a, b in zip(negatives(tmp_path / "out.mkv"), sent, strict=True))
    assert counts(ended)["short frames"] == 1


def test_s0_34_35_and_37_a_picture_with_an_undecoded_band_is_dropped_before_any_stage_and_counted(
    tmp_path: Path,
) -> None:
    """640x480, of which rows 352 to 479 are one grey: what a truncated JPEG leaves."""
    sent = pictures(20, height=480)
    for at in (4, 9, 10, 17):
        sent[at][352:480] = 128
    args = ("-o", str(tmp_path / "out.mkv"), "--frames", "20")
    with listening(tmp_path, *args, size="width=640&height=480") as (run, port):
        send(port, *[image.tobytes() for image in sent])
        ended = run.end()
    assert ended.code == 0, ended.stderr
    assert ended.frames["rejected"] == 4
    assert counts(ended)["rejected: band"] == 4
    (log,) = (tmp_path / "state").rglob("*.log*")
    assert re.search(r'"rejected".*\bband\b', log.read_text())  # when, to the minute
    assert ended.report["stages"]["cut"]["frames"] == 16
    good = [image for at, image in enumerate(sent) if at not in (4, 9, 10, 17)]
    assert all(np.array_equal(a, b) for a, b in zip(negatives(tmp_path / "out.mkv"), good, strict=True))


@pytest.mark.long
def test_s0_37_a_monitor_is_told_at_any_time_how_many_pictures_were_damaged_and_how(tmp_path: Path) -> None:
    """By `--metrics`, which Prometheus keeps for as long as it is told to; `top` shows the same."""
    sent = pictures(9)
    sent[2][270:] = sent[5][270:] = 128
    with listening(tmp_path, "-o", "null:", "--metrics", "0") as (run, port):
        where = re.search(r"metrics on (http\S+)", (tmp_path / "stderr").read_text())
        assert where is not None
        with socket.create_connection(("127.0.0.1", port)) as client:
            client.sendall(b"".join(image.tobytes() for image in sent))
            line = 'cleanplate_counted_total{run="plain",stage="ingest",what="rejected: band"} 2.0'
            wait_until(lambda: line in read(where[1]))
            assert 'cleanplate_frames_total{fate="rejected",run="plain"} 2.0' in read(where[1])
        run.process.terminate()
        ended = run.end()
    assert ended.code == 143
    assert ended.frames["rejected"] == 2


def read(address: str) -> str:
    with urllib.request.urlopen(address, timeout=10) as answer:
        return str(answer.read().decode())


def test_s0_36_a_camera_that_cannot_do_one_format_is_asked_for_the_next(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str | None] = []

    def opening(name: str, options: dict[str, str], **_: Any) -> str:
        asked.append(options.get("input_format"))
        if len(asked) < 3:
            raise av.FFmpegError(22, "told to")
        return "opened"

    monkeypatch.setattr(camera, "device_of", lambda place: f"/dev/video{place}")
    monkeypatch.setattr(av, "open", opening)
    monkeypatch.setattr(sys, "platform", "linux")
    assert Camera(input="cam:0")._open_camera() == "opened"
    assert asked == ["mjpeg", "yuyv422", None]


@pytest.mark.long
def test_s0_13_and_14_a_comparison_side_by_side_gets_the_next_free_number_and_the_rate_of_its_source(
    tmp_path: Path,
) -> None:
    clip = make_scene(tmp_path / "walk.mp4", 6, sound=False)
    for _ in range(2):
        pattern = str(tmp_path / "side_by_side_output_{n}.avi")
        sets = ("--set=output.view=side-by-side", "--set=output.codec=mjpeg", "--set=segmentation.engine=torch")
        ended = Run(tmp_path, "remove-people", "-i", str(clip.path), "-o", pattern, *QUICK, *sets).end()
        assert ended.code == 0, ended.stderr
    assert {path.name for path in tmp_path.glob("*.avi")} == {f"side_by_side_output_{n}.avi" for n in (1, 2)}
    with av.open(str(tmp_path / "side_by_side_output_2.avi")) as box:
        assert (box.streams.video[0].codec_context.width, box.streams.video[0].average_rate) == (2 * WIDTH, 15)


@pytest.fixture(scope="module")
def display(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Screen]:
    with screen(tmp_path_factory.mktemp("screen"), "-noreset") as made:
        yield made


@pytest.mark.long
@needs_a_screen
def test_s0_12_16_and_17_a_live_window_with_both_pictures_and_a_line_that_q_ends_and_nothing_is_saved(
    display: Screen, tmp_path: Path
) -> None:
    """`run live-camera` is the prototype's `--show-side --no-save`: what it shows is left on no disk."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("DISPLAY", display.name)
        drawn = "cam:lavfi:color=c=0x2060a0:size=480x270:rate=30"
        run = Run(tmp_path, "live-camera", "-i", drawn, *QUICK)
    with going(run):
        display.await_window("live-camera")
        blue = np.full((100, 300, 3), (0xA0, 0x60, 0x20))
        for left in (0, 480):
            wait_until(lambda left=left: bool(np.abs(display.picture()[60:160, left : left + 300] - blue).max() <= 3))
        assert display.picture()[:24, :400].max() > 240, "the line"
        display.press("q")
        ended = run.end()
    assert ended.code == 0, ended.stderr
    assert ended.report["result"] == "completed"
    assert ended.report["latency_ms"]["p50"] > 0
    left_behind = {path.name for path in tmp_path.iterdir()} - {"state"}
    assert left_behind == {"report.json", "stdout", "stderr"}
