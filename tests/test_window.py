"""A run with a window on a real (virtual) screen: what stands there, and what real keys do."""

from __future__ import annotations

import ctypes
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest

from stages.output.screen import BACKGROUND
from tests.runs import Run
from tests.screens import Screen, colours, needs_a_screen, scenes, screen
from tests.senders import going
from tests.waiting import wait_until

pytestmark = [pytest.mark.real, needs_a_screen]


@pytest.fixture(scope="module")
def display(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Screen]:
    with screen(tmp_path_factory.mktemp("screen"), "-noreset") as made:
        yield made


@contextmanager
def run_on(display: Screen, config: dict[str, Any] | str, folder: Path, *args: str) -> Iterator[Run]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("DISPLAY", display.name)
        patch.delenv("WAYLAND_DISPLAY", raising=False)
        run = Run(folder, config, *args)
    with going(run):
        yield run


def test_the_window_shows_the_result_to_the_pixel_and_q_ends_the_run_well(display: Screen, tmp_path: Path) -> None:
    with run_on(display, scenes(tmp_path, hud=False), tmp_path) as run:
        assert display.tool("getwindowname", display.await_window()) == "Cleanplate: scenes"
        display.await_picture(255 - colours(1))
        (worker,) = run.workers("output")
        maps = Path(f"/proc/{worker.pid}/maps").read_text()
        assert "/cv2/" in maps
        assert "/av.libs/" not in maps, "PyAV's libraries beside OpenCV's Qt make it hang"
        display.press("q")
        ended = run.end()
    assert ended.code == 0, ended.stderr
    assert ended.stderr == ""
    assert ended.report["result"] == "completed"
    assert ended.report["ledger_balanced"]
    assert ended.report["output"]["output"] == "window"
    assert ended.report["stages"]["output"]["restarts"] == 0
    assert not display.windows()


def test_s_saves_v_changes_the_view_and_escape_ends_the_run(display: Screen, tmp_path: Path) -> None:
    before, after = colours(1), 255 - colours(1)
    config = scenes(tmp_path, hud=False, views=["side-by-side", "result"])
    with run_on(display, config, tmp_path) as run:
        display.await_window()
        display.await_picture(np.hstack([before, after]))
        display.press("s")
        wait_until(lambda: bool(list(tmp_path.glob("*.png"))))
        display.press("v")
        display.await_picture(after)
        display.press("Escape")
        ended = run.end()
    assert ended.code == 0, ended.stderr
    (saved,) = tmp_path.glob("*.png")
    with av.open(str(saved)) as box:
        assert np.array_equal(next(box.decode(video=0)).to_ndarray(format="bgr24"), np.hstack([before, after]))
    assert ended.report["stages"]["output"]["counts"]["pictures saved"] == 1


def test_closing_the_window_ends_the_run_well(display: Screen, tmp_path: Path) -> None:
    with run_on(display, scenes(tmp_path, hud=False), tmp_path) as run:
        number = int(display.await_window())
        display.await_picture(255 - colours(1))
        close_as_a_user(display, number)
        ended = run.end()
    assert ended.code == 0, ended.stderr
    assert ended.report["result"] == "completed"


def test_a_lost_signal_is_said_in_place_of_the_last_picture_and_the_next_one_is_shown(
    display: Screen, tmp_path: Path
) -> None:
    lost = tmp_path / "lost"
    with run_on(display, scenes(tmp_path, {"lost": str(lost)}, hud=False), tmp_path) as run:
        display.await_window()
        display.await_picture(255 - colours(1))
        lost.touch()
        wait_until(lambda: bool((display.picture()[4:12, 4:12] == BACKGROUND).all()))
        wait_until(lambda: np.count_nonzero(display.picture()[60:120, :320] > 150) > 100)  # the words
        lost.unlink()
        display.await_picture(255 - colours(2))
        display.press("q")
        assert run.end().code == 0


def test_a_picture_larger_than_the_screen_is_made_to_fit_and_follows_the_window_s_size(
    display: Screen, tmp_path: Path
) -> None:
    source = {"width": 1920, "height": 1080}
    with run_on(display, scenes(tmp_path, source, hud=False), tmp_path) as run:
        number = display.await_window()
        display.await_picture(255 - colours(1, 922, 518)[:250, :450])
        assert "922x518" in display.tool("getwindowgeometry", number)
        display.tool("windowsize", number, "480", "600")
        narrow = 255 - colours(1, 480, 270)
        wait_until(lambda: bool((display.picture()[4:160, 4:476] == BACKGROUND).all()))
        wait_until(lambda: bool((display.picture()[165:295, :230] == narrow[:130, :230]).all()))
        display.press("q")
        assert run.end().code == 0


def test_the_line_tells_how_it_is_going_and_h_hides_it(display: Screen, tmp_path: Path) -> None:
    plain = 255 - colours(1)
    with run_on(display, scenes(tmp_path), tmp_path) as run:
        display.await_window()
        wait_until(lambda: bool((display.picture()[40:180, :320] == plain[40:]).all()))
        assert (display.picture()[:30, :320] != plain[:30]).any()
        display.press("h")
        display.await_picture(plain)
        display.press("q")
        assert run.end().code == 0


def test_q_is_heard_while_no_picture_has_come(display: Screen, tmp_path: Path) -> None:
    (tmp_path / "lost").touch()
    with run_on(display, scenes(tmp_path, {"lost": str(tmp_path / "lost")}), tmp_path) as run:
        display.await_window()
        wait_until(lambda: bool((display.picture()[4:12, 4:12] == BACKGROUND).all()))
        display.press("q")
        ended = run.end()
    assert ended.code == 0, ended.stderr
    assert ended.frames["accepted"] == 0


def test_a_window_whose_process_is_killed_comes_back(display: Screen, tmp_path: Path) -> None:
    with run_on(display, scenes(tmp_path, hud=False), tmp_path) as run:
        display.await_window()
        display.await_picture(255 - colours(1))
        (worker,) = run.workers("output")
        worker.kill()
        wait_until(lambda: any(other.pid != worker.pid for other in run.workers("output")))
        display.await_window()
        display.await_picture(255 - colours(1))
        display.press("q")
        ended = run.end()
    assert ended.code == 0, ended.stderr
    assert ended.report["stages"]["output"]["restarts"] == 1
    assert ended.report["ledger_balanced"]


@pytest.mark.parametrize("size", [("1", "1"), ("1000", "3"), ("7", "600")])
def test_a_window_of_any_size_is_borne(display: Screen, tmp_path: Path, size: tuple[str, str]) -> None:
    right = (255 - colours(1))[60:, 160:]  # of the pointer, and below the line
    with run_on(display, scenes(tmp_path), tmp_path) as run:
        number = display.await_window()
        wait_until(lambda: bool((display.picture()[60:180, 160:320] == right).all()))
        display.tool("windowsize", number, *size)
        wait_until(lambda: f"{size[0]}x{size[1]}" in display.tool("getwindowgeometry", number))
        display.tool("windowsize", number, "320", "180")
        wait_until(lambda: bool((display.picture()[60:180, 160:320] == right).all()))
        display.press("q")
        ended = run.end()
    assert ended.code == 0, ended.stderr
    assert ended.report["stages"]["output"]["restarts"] == 0


def test_a_window_beside_a_file_is_a_window_and_a_file(display: Screen, tmp_path: Path) -> None:
    config, kept = scenes(tmp_path, views=["side-by-side"]), tmp_path / "kept.mkv"
    with run_on(display, config, tmp_path, "-o", "window:", "-o", str(kept), "--set=output-2.codec=ffv1") as run:
        display.await_window()
        wait_until(lambda: bool((display.picture()[40:150, 320:640] == 255 - colours(1)[40:150]).all()))
        display.press("q")
        assert run.end().code == 0
    with av.open(str(kept)) as box:
        assert np.array_equal(next(box.decode(video=0)).to_ndarray(format="bgr24"), 255 - colours(1))


def test_a_run_whose_screen_goes_away_ends_and_says_why(tmp_path: Path) -> None:
    (tmp_path / "screen").mkdir()
    with screen(tmp_path / "screen", "-noreset") as lost, run_on(lost, scenes(tmp_path, hud=False), tmp_path) as run:
        lost.await_window()
        lost.await_picture(255 - colours(1))
        lost.server.terminate()
        ended = run.end()
    assert ended.code == 4
    assert "The X11 connection broke" in ended.stderr
    assert ended.stderr.endswith("cleanplate: output: ended with code 1\n")
    assert ended.report["ledger_balanced"]


@pytest.mark.long
def test_the_camera_s_pipeline_with_a_drawn_picture_opens_its_window(display: Screen, tmp_path: Path) -> None:
    drawn = "lavfi:color=c=0x2060a0:size=320x180:rate=30"
    quick = ["--set=segmentation.size=64", "--set=inpainting.model=telea"]
    with run_on(display, "live-camera", tmp_path, "--input", drawn, *quick, "--set=output.hud=false") as run:
        display.await_window("live-camera")
        wanted = np.full((180, 640, 3), (0xA0, 0x60, 0x20), np.uint8)
        display.await_picture(wanted, tolerance=3)
        display.press("q")
        ended = run.end()
    assert ended.code == 0, ended.stderr


def close_as_a_user(display: Screen, number: int) -> None:
    """What a window manager sends when the cross of a window is clicked: WM_DELETE_WINDOW."""

    class Message(ctypes.Structure):
        _fields_ = (
            ("type", ctypes.c_int), ("serial", ctypes.c_ulong), ("send_event", ctypes.c_int),
            ("display", ctypes.c_void_p), ("window", ctypes.c_ulong), ("message_type", ctypes.c_ulong),
            ("format", ctypes.c_int), ("data", ctypes.c_long * 5), ("pad", ctypes.c_long * 24),
        )  # fmt: skip

    x11 = ctypes.CDLL("libX11.so.6")
    x11.XOpenDisplay.restype = ctypes.c_void_p
    x11.XInternAtom.restype = ctypes.c_ulong
    server = ctypes.c_void_p(x11.XOpenDisplay(display.name.encode()))
    message = Message(type=33, window=number, format=32)
    message.message_type = x11.XInternAtom(server, b"WM_PROTOCOLS", 0)
    message.data[0] = x11.XInternAtom(server, b"WM_DELETE_WINDOW", 0)
    x11.XSendEvent(server, ctypes.c_ulong(number), 0, ctypes.c_long(0), ctypes.byref(message))
    x11.XCloseDisplay(server)
