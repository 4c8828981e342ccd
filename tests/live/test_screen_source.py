"""The screen as a source, grabbed from an X server of its own."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator

import pytest

from pipeline.errors import ConfigError, SetupError
from stages.ingest import Auto
from stages.ingest.screen import Screen
from tests.live.watching import watching

pytestmark = pytest.mark.skipif(not shutil.which("Xvfb"), reason="Xvfb is not installed (Debian: xvfb)")


@pytest.fixture
def display(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """An X server without a screen, 640x480, all white."""
    told, telling = os.pipe()
    command = ["Xvfb", "-displayfd", str(telling), "-screen", "0", "640x480x24", "-nolisten", "tcp", "-wr", "-noreset"]
    server = subprocess.Popen(command, pass_fds=[telling], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    os.close(telling)
    with os.fdopen(told) as line:
        number = line.readline().strip()
    monkeypatch.setenv("DISPLAY", f":{number}")
    yield f":{number}"
    server.terminate()
    server.wait()


def test_the_whole_screen_comes_and_white_is_white(display: str) -> None:
    with watching(Screen(cursor=False)) as watched:
        assert (watched.spec.width, watched.spec.height) == (640, 480)
        assert [watched.next().rejected for _ in range(5)] == [""] * 5
        assert watched.frame.image.min() == 255


def test_a_part_of_it_comes_at_the_rate_that_was_asked_for(display: str) -> None:
    with watching(Screen(input="screen:100,50,320x240", rate=15)) as watched:
        assert (watched.spec.width, watched.spec.height, watched.spec.rate) == (320, 240, 15)
        stamps = [watched.next().pts for _ in range(15)]
        assert (stamps[-1] - stamps[5]) / 90000 == pytest.approx(9 / 15, abs=0.2)


def test_a_screen_that_stands_still_is_no_frozen_camera(display: str) -> None:
    with watching(Screen(rate=60)) as watched:
        assert [watched.next().rejected for _ in range(150)] == [""] * 150


def test_a_part_that_is_not_on_the_screen_is_told(display: str) -> None:
    with pytest.raises(SetupError, match="screen:600,50,320x240: no picture within 1 s"):
        Screen(input="screen:600,50,320x240", timeout=1).open()


def test_without_a_display_it_is_told_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("DISPLAY", raising=False)
    with pytest.raises(SetupError, match="DISPLAY is not set"):
        Screen().open()


@pytest.mark.parametrize("part", ["hello", "1,2", "1,2,0x5", "-1,0,10x10"])
def test_what_is_no_part_is_refused(part: str) -> None:
    with pytest.raises(ConfigError, match="X,Y,WxH"):
        Screen(input=f"screen:{part}").open()


def test_an_address_finds_the_class() -> None:
    assert Auto.pick("screen:") is Auto.pick("screen:1,2,3x4") is Screen
