"""The parts of the window that need no screen: its pictures as files, its size, its keys, what it says."""

from __future__ import annotations

import io
from collections import deque
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
from pydantic import ValidationError

from pipeline.config import load_config
from pipeline.errors import SetupError
from pipeline.frame import Frame, FrameSpec
from pipeline.stage import News
from stages.output import display
from stages.output.display import SAID_S, SILENCE_S, Window
from stages.output.png import png
from stages.output.screen import first_size, fitted
from stages.output.screen_size import screen_size
from stages.output.views import VIEWS
from tests.commands import cleanplate

SPEC = FrameSpec(width=320, height=180, source="rtsp://me:secret@10.0.0.7/live", live=True)


# Pictures as files


@pytest.mark.parametrize(("width", "height"), [(1, 1), (7, 3), (640, 360), (1, 50)])
def test_a_png_holds_every_pixel(width: int, height: int) -> None:
    image = np.random.default_rng(7).integers(0, 256, (height, width, 3), np.uint8)
    with av.open(io.BytesIO(png(image))) as box:
        assert np.array_equal(next(box.decode(video=0)).to_ndarray(format="bgr24"), image)


def test_a_png_of_flat_colours_is_small() -> None:
    assert len(png(np.full((1080, 1920, 3), 90, np.uint8))) < 100_000


# Sizes


@pytest.mark.parametrize(
    ("picture", "screen", "scale", "size"),
    [
        ((640, 360), (1920, 1080), None, (640, 360)),
        ((3840, 2160), (1920, 1080), None, (1728, 972)),
        ((2560, 360), (1920, 1080), None, (1728, 243)),
        ((64, 48), (1920, 1080), None, (320, 240)),
        ((640, 360), (1920, 1080), 2.0, (1280, 720)),
        ((3840, 2160), (1920, 1080), 1.0, (3840, 2160)),
        ((64, 4000), (1920, 1080), None, (16, 972)),
    ],
)
def test_a_window_is_as_large_as_its_picture_or_what_the_screen_has_room_for(
    picture: tuple[int, int], screen: tuple[int, int], scale: float | None, size: tuple[int, int]
) -> None:
    assert first_size(picture, screen, scale) == size


@pytest.mark.parametrize(
    ("picture", "room", "place"),
    [
        ((640, 360), (640, 360), (0, 0, 640, 360)),
        ((640, 360), (1280, 1280), (0, 280, 1280, 720)),
        ((640, 360), (100, 1000), (0, 472, 100, 56)),
        ((4000, 10), (1, 1), (0, 0, 1, 1)),
    ],
)
def test_a_picture_keeps_its_proportions_in_a_window_of_any_shape(
    picture: tuple[int, int], room: tuple[int, int], place: tuple[int, int, int, int]
) -> None:
    assert fitted(picture, room) == place


# No screen


def test_without_a_display_the_way_out_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("DISPLAY", "WAYLAND_DISPLAY"):
        monkeypatch.delenv(name, raising=False)
    with (
        pytest.raises(SetupError, match=r"there is no screen here \(DISPLAY is not set\); next: .*--output FILE"),
        screen_size(),
    ):
        pass


@pytest.mark.parametrize("name", [":999", "nonsense", "10.255.255.1.invalid:0"])
def test_a_display_that_is_none_is_named(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("WAYLAND_DISPLAY", raising=False)
    monkeypatch.setenv("DISPLAY", name)
    with pytest.raises(SetupError, match=rf"the display '{name}' cannot be opened by X11; next: "), screen_size():
        pass


@pytest.mark.long
@pytest.mark.real
@pytest.mark.parametrize("display", [None, pytest.param(":999", marks=pytest.mark.long)])
def test_a_run_without_a_screen_ends_with_one_line_instead_of_an_abort(
    display: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("DISPLAY", "WAYLAND_DISPLAY"):
        monkeypatch.delenv(name, raising=False)
    done = cleanplate(
        "run", "remove-people", "-i", "lavfi:testsrc2=size=64x48:rate=30", "-o", "window:", "-q",
        "--set=inpainting.model=telea", "--set=segmentation.size=64", "--set=segmentation.engine=torch",
        env={"DISPLAY": display} if display else {},
    )  # fmt: skip
    assert done.returncode == 3
    assert done.stderr.count("\n") == 1, done.stderr
    assert done.stderr.startswith("cleanplate: output: window: ")
    assert "next: " in done.stderr


# Configuration


def test_a_window_has_no_further_address_and_sane_scales_only() -> None:
    done = cleanplate("run", "remove-people", "-i", "in.mp4", "-o", "window:left")
    assert done.returncode == 2
    assert "just window:" in done.stderr
    for wrong in (0, -1, 17, "large"):
        with pytest.raises(ValidationError):
            Window(scale=wrong)  # type: ignore[arg-type]


def test_a_window_reads_what_its_views_need_and_no_more() -> None:
    assert Window().reads == ("clean",)
    assert Window(view="panel").reads == ("image", "mask", "clean")
    assert Window(views=["result"]).reads == ("clean",)
    assert Window(views=["side-by-side", "result"]).reads == ("image", "clean")
    assert Window(views=["result"], view="overlay").reads == ("image", "mask", "clean")


@pytest.mark.parametrize(
    ("options", "order"),
    [
        ({}, ["result"]),
        ({"view": "side-by-side"}, ["side-by-side", "result", "input"]),
        ({"view": "panel"}, ["panel", "result", "input", "side-by-side", "overlay", "mask"]),
        ({"views": ["side-by-side", "panel"]}, ["side-by-side", "panel"]),
        ({"views": ["side-by-side", "panel"], "view": "panel"}, ["panel", "side-by-side"]),
        ({"views": ["panel"], "view": "result"}, ["result", "panel"]),
    ],
)
def test_v_goes_through_the_views_that_are_wanted_or_possible(options: dict[str, Any], order: list[str]) -> None:
    assert Window(**options)._choose_views() == order


def test_the_camera_s_pipeline_opens_its_window_without_further_words() -> None:
    plan = load_config("live-camera")
    assert plan.stages[0].options["input"] == "cam:0"
    assert isinstance(plan.stages[-1].stage, Window)
    assert plan.stages[-1].reads[:3] == ("image", "clean", "mask")
    kept = load_config("live-camera", wanted=["window:", "kept.mp4"])
    assert kept.stages[-1].reads == ("clean",), "what is kept is the result, whatever the window shows"


# A window without a screen


class Paper:
    """Stands for the screen: remembers what is shown, and presses keys."""

    def __init__(self, title: str, size: tuple[int, int], scale: float | None) -> None:
        self.title, self.size = title, size
        self.open = True
        self.keys: deque[str] = deque()
        self.shown: list[np.ndarray] = []
        self.full = False
        self._out = np.zeros((1, 1, 3), np.uint8)

    def fit(self, picture: np.ndarray) -> np.ndarray:
        self._out = picture.copy()
        return self._out

    def blank(self) -> np.ndarray:
        return self.fit(np.full((self.size[1], self.size[0], 3), 24, np.uint8))

    def show(self) -> None:
        self.shown.append(self._out.copy())

    def key(self, wait_s: float = 0.001) -> str:
        clock.now += wait_s
        return self.keys.popleft() if self.keys else ""

    def resize(self, size: tuple[int, int]) -> None:
        self.size = size

    def fill(self) -> None:
        self.full = not self.full

    def close(self) -> None:
        self.open = False


class Clock:
    """Stands still but where it is moved."""

    now = 100.0

    def monotonic(self) -> float:
        return self.now

    def strftime(self, form: str) -> str:
        return "20260102-030405"


clock = Clock()


@pytest.fixture(autouse=True)
def no_screen(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(clock, "now", 100.0)
    monkeypatch.setattr(display, "Screen", Paper)
    monkeypatch.setattr(display, "time", clock)


def opened(spec: FrameSpec = SPEC, **options: Any) -> tuple[Window, Any]:
    window = Window(**{"hud": False, **options})
    window.setup(spec)
    return window, window._screen


def frame(value: int, index: int = 5, pts: int = 0) -> Frame:
    planes = {"clean": np.full((180, 320, 3), value, np.uint8), "image": np.full((180, 320, 3), value + 1, np.uint8)}
    planes["mask"] = planes["alpha"] = np.full((180, 320), 255, np.uint8)
    planes["foreground"] = planes["clean"]
    return Frame(planes, index=index, pts=pts)


def press(window: Window, screen: Any, *keys: str) -> None:
    screen.keys.extend(keys)
    for _ in keys:
        window.idle()


def is_notice(image: np.ndarray) -> bool:
    """Words on the grey of a window without a picture."""
    return image[0, 0].tolist() == [24, 24, 24] and image.max() > 150


def test_the_title_names_the_source_without_its_password() -> None:
    _, screen = opened(title="live-rtsp")
    assert screen.title.startswith("live-rtsp: rtsp://")
    assert screen.title.endswith("10.0.0.7/live")
    assert "secret" not in screen.title


def test_before_the_first_picture_the_window_says_what_it_waits_for_and_its_keys() -> None:
    window, screen = opened()
    assert len(screen.shown) == 1
    assert is_notice(screen.shown[0])
    window.idle()
    assert len(screen.shown) == 1, "nothing new is not drawn again"


def test_each_frame_is_shown_as_it_is_and_survives_the_end_of_its_loan() -> None:
    window, screen = opened()
    given = frame(50)
    window.write(given)
    assert (screen.shown[-1] == 50).all()
    given.planes["clean"][:] = 99
    screen.size = (200, 100)
    window.idle()
    assert (screen.shown[-1] == 50).all()


def test_a_picture_is_taken_down_when_nothing_follows_it_and_comes_back_with_the_next_one() -> None:
    window, screen = opened()
    window.write(frame(50))
    clock.now += SILENCE_S - 0.1
    window.idle()
    assert (screen.shown[-1] == 50).all()
    window.context.news = News(source="reconnecting")
    clock.now += 0.2
    window.idle()
    assert is_notice(screen.shown[-1])
    assert window._missing()[0][0] == "no signal: reconnecting"
    shown = len(screen.shown)
    clock.now += 1
    window.idle()
    assert len(screen.shown) == shown + 1, "the seconds go on"
    window.write(frame(60))
    assert (screen.shown[-1] == 60).all()


@pytest.mark.parametrize("key", ["q", "esc"])
def test_a_key_ends_the_run_and_further_frames_harm_nothing(key: str) -> None:
    window, screen = opened()
    window.write(frame(50))
    press(window, screen, key)
    assert window.context.leaving
    assert not screen.open
    shown = len(screen.shown)
    window.write(frame(60))
    window.idle()
    assert len(screen.shown) == shown
    assert window.finish() == {"output": "window", "frames": 2}


def test_space_holds_the_picture_while_frames_go_on() -> None:
    window, screen = opened()
    window.write(frame(50))
    press(window, screen, "space")
    assert (screen.shown[-1][100:] == 50).all()
    assert (screen.shown[-1] != 50).any(), "it says that it is held"
    for value in range(60, 70):
        window.write(frame(value))
    clock.now += 10 * SILENCE_S
    window.idle()
    assert (screen.shown[-1][100:] == 50).all()
    press(window, screen, "space")
    assert is_notice(screen.shown[-1]), "that was long ago"
    window.write(frame(70))
    assert (screen.shown[-1] == 70).all()


def test_v_takes_the_next_view_also_of_a_held_picture_and_comes_round() -> None:
    window, screen = opened(view="side-by-side")
    window.write(frame(50))
    assert screen.shown[-1].shape == (180, 640, 3)
    press(window, screen, "space", "v")
    assert screen.size == (320, 180), "the window fits it"
    assert (screen.shown[-1][100:] == 50).all()
    press(window, screen, "v")
    assert (screen.shown[-1][100:] == 51).all()
    press(window, screen, "v")
    assert screen.shown[-1].shape == (180, 640, 3)


def test_h_hides_the_line_and_shows_it_and_the_names_of_pictures() -> None:
    window, screen = opened(view="side-by-side", hud=True)
    window.write(frame(50))
    top, bottom = screen.shown[-1][:30], screen.shown[-1][150:, :100]
    assert top.max() > 200
    assert bottom.max() > 200
    press(window, screen, "h")
    assert (screen.shown[-1][:, :320] == 51).all()
    assert (screen.shown[-1][:, 320:] == 50).all()
    press(window, screen, "h")
    assert screen.shown[-1][:30].max() > 200


def test_f_fills_the_screen_and_an_unknown_key_does_nothing() -> None:
    window, screen = opened()
    window.write(frame(50))
    shown = len(screen.shown)
    press(window, screen, "f")
    assert screen.full
    press(window, screen, "f", "x", "\x00", "ÿ")
    assert not screen.full
    assert len(screen.shown) == shown


def test_s_saves_the_view_in_full_size_without_the_line_and_says_so_for_a_moment(tmp_path: Path) -> None:
    window, screen = opened(snapshots=str(tmp_path), view="side-by-side", hud=True)
    press(window, screen, "s")
    assert not list(tmp_path.iterdir()), "there is no picture yet"
    window.write(frame(50, index=41))
    press(window, screen, "s")
    (saved,) = tmp_path.iterdir()
    assert saved.name == "cleanplate-20260102-030405-000041-side-by-side.png"
    with av.open(str(saved)) as box:
        image = next(box.decode(video=0)).to_ndarray(format="bgr24")
    assert np.array_equal(image, np.hstack([frame(50).image, frame(50).planes["clean"]]))
    assert any(word.startswith("saved cleanplate-") for word, _ in window._shown_words())
    clock.now += SAID_S + 0.1
    assert not any("saved" in word for word, _ in window._shown_words())


def test_what_cannot_be_saved_is_told_and_the_run_goes_on(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    for folder, why in ((tmp_path / "file", "Not a directory"), (tmp_path / "none", "No such file or directory")):
        window, screen = opened(snapshots=str(folder))
        window.write(frame(50))
        press(window, screen, "s")
        (note,) = window.context.notes
        assert note.endswith(f": cannot be written ({why})")
        assert screen.open
        assert not window.context.leaving


def test_a_file_is_shown_at_its_own_pace_and_one_that_comes_late_is_not_hurried() -> None:
    spec = FrameSpec(width=320, height=180)  # 30 a second
    window, _ = opened(spec)
    times = []
    for at in range(4):
        window.write(frame(50, pts=at))
        times.append(clock.now)
    assert np.allclose(np.diff(times), 1 / 30, atol=0.005)
    clock.now += 5
    window.write(frame(50, pts=4))
    late = clock.now
    window.write(frame(50, pts=5))
    assert clock.now - late == pytest.approx(1 / 30, abs=0.005)
    window.write(frame(50, pts=30_000))
    assert clock.now - late < 2, "a gap of hours is not waited for"
    for options, other in (({"paced": False}, spec), ({}, SPEC)):
        window, _ = opened(other, **options)
        before = clock.now
        for at in range(100):
            window.write(frame(50, pts=at))
        assert clock.now - before < 0.2


def test_keys_are_heard_while_a_file_is_held_back() -> None:
    window, screen = opened(FrameSpec(width=320, height=180, rate=1, time_base=1))
    window.write(frame(50, pts=0))
    screen.keys.append("q")
    before = clock.now
    window.write(frame(60, pts=1))
    assert clock.now - before < 0.1
    assert window.context.leaving


def test_every_view_can_be_shown_in_a_window() -> None:
    for name, view in VIEWS.items():
        if view.channels == 4:
            continue  # what is transparent cannot be shown
        window, screen = opened(view=name)
        window.write(frame(50))
        assert screen.shown[-1].shape == (180 * view.rows, 320 * view.columns, 3)
