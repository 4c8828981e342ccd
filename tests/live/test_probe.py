"""One line about what comes from an address."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from pipeline.errors import ConfigError, SetupError
from stages.ingest.probe import probe
from tests.clips import make_clip, picture
from tests.live.servers import rtsp
from tests.live.web import jpeg, motion


def test_a_network_camera() -> None:
    with rtsp("--login", "me:secret") as server:
        line = probe(server.address.replace("//", "//me:secret@"))
    found = re.fullmatch(
        r"rtsp://me:\*\*\*@127\.0\.0\.1:\d+/live: h264, 320x240, (\S+) pictures/s.*, first picture after (\S+) s", line
    )
    assert found, line
    assert float(found[1]) == pytest.approx(30, abs=6)
    assert float(found[2]) < 10


def test_the_rate_is_measured_where_nobody_tells_it() -> None:
    with motion(lambda number: jpeg(picture(number, 192, 128)), rate=10) as port:
        line = probe(f"http://127.0.0.1:{port}/video")
    found = re.search(r": mjpeg, 192x128, (\S+) pictures/s", line)
    assert found, line
    assert float(found[1]) == pytest.approx(10, abs=3)


def test_a_drawn_camera_and_a_file(tmp_path: Path) -> None:
    assert "cam:test: drawn, 640x360, " in probe("cam:test")
    assert "96x64, 25 pictures/s" in probe(str(make_clip(tmp_path / "a.mp4", 5)))


def test_what_is_not_there_is_told() -> None:
    with pytest.raises(SetupError, match="nobody listens there"):
        probe("rtsp://127.0.0.1:9/live", timeout=1)
    with pytest.raises(ConfigError):
        probe("gopher://127.0.0.1/")
