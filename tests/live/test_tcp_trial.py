"""Is it what was agreed on? (S0-06) Real pictures and drawn ones, converted by FFmpeg in every wrong way."""

from __future__ import annotations

import subprocess
import threading
from functools import cache

import numpy as np
import pytest

from pipeline.frame import Image
from stages.ingest.tcp_rows import rows_of
from stages.ingest.tcp_trial import UNCLEAR, Trial
from tests.clips import DATA
from tests.frames import scenery
from tests.live.senders import FFMPEG, Opened

WIDTH, HEIGHT = 640, 360
CLIPS = {
    "moving": DATA / "composites/moving_goat_cross/input.mp4",
    "still": DATA / "composites/fixed_room_cross/input.mp4",
    "street": DATA / "composites/pan_stream_walk/input.mp4",
}


@cache
def stream(source: str, size: str = f"{WIDTH}x{HEIGHT}", pixels: str = "bgr24", frames: int = 6) -> bytes:
    """What FFmpeg sends of a clip, or of a drawn picture."""
    clip = CLIPS.get(source)
    if clip is not None and not clip.exists():
        pytest.skip(f"{clip} is not on this machine")
    given = ["-f", "lavfi", "-i", source] if clip is None else ["-ss", "1", "-i", str(clip)]
    how = ["-frames:v", str(frames), "-s", size, "-pix_fmt", pixels, "-f", "rawvideo", "-"]
    return subprocess.run([FFMPEG, "-v", "error", *given, *how], capture_output=True, check=True).stdout


def cut(data: bytes, width: int = WIDTH, height: int = HEIGHT) -> list[Image]:
    """The pictures that a listener for this size would take it for."""
    whole = len(data) // (width * height * 3)
    return list(np.frombuffer(data, np.uint8)[: whole * width * height * 3].reshape(whole, height, width, 3))


def tried(pictures: list[Image]) -> Trial:
    """A trial that has seen them, as `Raw` has it see them."""
    trial = Trial(*reversed(pictures[0].shape[:2]))
    for number, picture in enumerate(pictures):
        if trial.proven or trial.refused:
            break
        if trial.look(picture) == "fits" and number + 1 < len(pictures):
            trial.follow(picture, pictures[number + 1])
    trial.ended()
    return trial


DRAWN = ["testsrc2=size=640x360", "testsrc=size=640x360", "smptebars=size=640x360", "mandelbrot=size=640x360"]
DRAWN += ["gradients=size=640x360", "yuvtestsrc=size=640x360", "rgbtestsrc=size=640x360", "pal75bars=size=640x360"]


@pytest.mark.parametrize("source", [*CLIPS, *DRAWN])
def test_what_is_of_the_agreed_size_is_believed_at_the_second_picture(source: str) -> None:
    trial = tried(cut(stream(source))[:2])
    assert trial.proven
    assert trial.refused == ""


@pytest.mark.parametrize("source", CLIPS)
def test_a_picture_without_colours_and_a_dark_one_are_believed_as_well(source: str) -> None:
    for wish in ("hue=s=0", "eq=brightness=-0.2:contrast=0.5"):
        clip = CLIPS[source]
        if not clip.exists():
            pytest.skip(f"{clip} is not on this machine")
        how = ["-frames:v", "2", "-vf", f"{wish},scale=640:360", "-pix_fmt", "bgr24", "-f", "rawvideo", "-"]
        made = subprocess.run(
            [FFMPEG, "-v", "error", "-ss", "1", "-i", str(clip), *how], capture_output=True, check=True
        )
        assert tried(cut(made.stdout)).proven


WRONG_WIDTH = {"320x240": 320, "1280x720": 1280, "638x360": 638, "642x360": 642, "854x480": 854}


@pytest.mark.fault("D5")
@pytest.mark.parametrize("source", CLIPS)
@pytest.mark.parametrize("size", WRONG_WIDTH)
def test_another_width_is_refused_and_named(source: str, size: str) -> None:
    trial = tried(cut(stream(source, size, frames=24)))
    assert not trial.proven
    assert f"its rows seem to be {WRONG_WIDTH[size]} pixels of bgr24: tell FFmpeg -s 640x360" in trial.refused
    assert "\n" not in trial.refused


@pytest.mark.parametrize("source", CLIPS)
@pytest.mark.parametrize("height", [480, 400, 352, 180])
def test_another_height_is_refused_and_named(source: str, height: int) -> None:
    trial = tried(cut(stream(source, f"640x{height}", frames=20)))
    assert not trial.proven
    assert "tell FFmpeg -s 640x360" in trial.refused
    if source == "still":
        assert f"its pictures seem to be 640x{height}" in trial.refused


WRONG_PIXELS = {
    "yuv420p": "yuv420p",
    "nv12": "nv12",
    "gray": "gray",
    "yuyv422": "yuyv422",
    "rgba": "rgba",
    "bgr0": "bgra",
}


@pytest.mark.fault("D5")
@pytest.mark.parametrize("source", CLIPS)
@pytest.mark.parametrize("pixels", WRONG_PIXELS)
def test_another_pixel_format_is_refused_with_the_flag_that_changes_it(source: str, pixels: str) -> None:
    trial = tried(cut(stream(source, pixels=pixels, frames=20)))
    assert not trial.proven
    assert WRONG_PIXELS[pixels] in trial.refused
    assert trial.refused.endswith("tell FFmpeg -pix_fmt bgr24")


def test_both_at_once_are_told_at_once() -> None:
    trial = tried(cut(stream("still", "1280x720", "yuyv422", frames=4)))
    assert trial.refused.endswith("tell FFmpeg -s 640x360 -pix_fmt bgr24")


def test_a_flat_picture_passes_and_proves_nothing() -> None:
    trial = Trial(WIDTH, HEIGHT)
    noise = np.random.default_rng(5).normal(0, 6, (HEIGHT, WIDTH, 3))
    for level in (0, 90, 240):
        dark = np.clip(noise + level, 0, 255).astype(np.uint8)
        assert [trial.look(dark) for _ in range(2 * UNCLEAR)] == ["flat"] * 2 * UNCLEAR
    assert not trial.proven
    assert trial.look(cut(stream("still", "1280x720"))[0]) == "misfit"


@pytest.mark.fault("D5")
def test_noise_is_not_believed_and_not_listened_to_for_ever() -> None:
    trial = Trial(WIDTH, HEIGHT)
    noise = np.random.default_rng(5).integers(0, 256, (HEIGHT, WIDTH, 3), np.uint8)
    verdicts = [trial.look(noise) for _ in range(UNCLEAR)]
    assert set(verdicts) == {"unclear"}
    assert "its rows are unlike each other" in trial.refused


def test_one_doubtful_picture_is_not_held_against_a_sender() -> None:
    good = cut(stream("still"))
    wrong = cut(stream("still", "1280x720"))
    assert tried([wrong[0], *good]).proven


def test_a_cut_between_the_first_two_pictures_is_no_other_height() -> None:
    assert tried([cut(stream("still"))[0], cut(stream("street"))[0]]).proven


@pytest.mark.parametrize("shift", [-9, -2, 3, 12])
def test_a_camera_that_tilts_is_no_other_height(shift: int) -> None:
    tall = scenery(HEIGHT + 60, WIDTH, seed=4)
    assert tried([tall[30 : 30 + HEIGHT], tall[30 + shift : 30 + shift + HEIGHT]]).proven


def test_a_row_is_found_to_the_byte() -> None:
    for width in (637, 640, 641):
        block = np.frombuffer(stream("moving", f"{width}x360", frames=1), np.uint8)
        assert rows_of(block, 640 * 3).length == width * 3


def test_a_listener_refuses_what_cannot_be_and_takes_the_next_one() -> None:
    tcp = Opened(f"width={WIDTH}&height={HEIGHT}", waits=2, silence=5)
    try:

        def send(data: bytes) -> None:
            try:
                with tcp.connect(data) as connection:
                    connection.recv(1)
            except OSError:
                return

        wrong = threading.Thread(target=send, args=(stream("still", "1280x720", frames=12),))
        wrong.start()
        good = cut(stream("still"))
        right: list[threading.Thread] = []

        def after() -> None:
            right.append(threading.Thread(target=lambda: tcp.send(good)))
            right[0].start()

        tcp.context.while_waiting[2] = after
        found = list(tcp.steps())
        for thread in (wrong, *right):
            thread.join(20)
    finally:
        tcp.close()
    assert [why for why, _, _ in found] == ["no proven shape"] * 3 + [""] * len(good)
    assert tcp.counts["refused senders"] == 1
    line = "its rows seem to be 1280 pixels of bgr24: tell FFmpeg -s 640x360, or say --set ingest.check=false"
    assert tcp.said[0].endswith(line)
    assert "\n" not in tcp.said[0]


def test_unchecked_it_is_taken_as_it_comes() -> None:
    tcp = Opened(f"width={WIDTH}&height={HEIGHT}", check=False)
    try:
        tcp.send(cut(stream("still", "1280x720", frames=1)))
        assert [why for why, _, _ in tcp.steps()] == [""] * 4
    finally:
        tcp.close()
