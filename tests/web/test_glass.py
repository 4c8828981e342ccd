"""How late the page is: the clock that is filmed can be read back, and what is read is soon enough."""

from __future__ import annotations

import shutil

import numpy as np
import pytest

from benchmarks import glass, glass_page
from benchmarks.glass_clock import BITS, draw, read, scenery
from pipeline.web.tracks import decoded
from tests.live.web import jpeg

MOST_MS = {"jpeg": 200.0, "webrtc": 400.0}  # beyond the stages; what it is on a quiet machine stands in the results


@pytest.mark.parametrize(("width", "height"), [(640, 360), (1280, 720), (320, 180)])
@pytest.mark.parametrize("value", [0, 1, 0xABCDEF, (1 << BITS) - 1])
def test_a_clock_can_be_read_again_after_it_was_a_jpeg(width: int, height: int, value: int) -> None:
    from av.video.codeccontext import VideoCodecContext

    picture = scenery(height, width)
    draw(picture, value)
    assert read(picture) == value
    decoder = VideoCodecContext.create("mjpeg", "r")
    assert read(decoded(decoder, jpeg(picture, quality=20), 0).to_ndarray(format="bgr24")) == value


def test_a_clock_that_is_blurred_between_two_pictures_is_not_read() -> None:
    one, other = np.zeros((2, 360, 640, 3), np.uint8)
    draw(one, 0b0111)
    draw(other, 0b1000)
    assert read((one // 2 + other // 2).astype(np.uint8)) is None


@pytest.mark.long
@pytest.mark.real
@pytest.mark.alone
@pytest.mark.skipif(glass_page.chromium() is None, reason="no Chromium here")
def test_a_picture_is_on_the_page_soon() -> None:
    found = glass.measure(sizes=((640, 360),), pipelines=("nothing",), frames=60)
    assert [one["way"] for one in found] == ["jpeg", "webrtc"]
    for one in found:
        assert one["frames"] == 60
        assert one["blurred"] < 30
        assert one["late_ms"]["p50"] > 0
        assert one["beyond_ms"]["p50"] <= MOST_MS[one["way"]], one


def test_chromium_is_looked_for_where_it_was_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CHROMIUM", str(shutil.which("true")))
    assert glass_page.chromium() == shutil.which("true")
