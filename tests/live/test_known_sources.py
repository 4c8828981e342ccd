"""A source whose worker was killed: the next one brings what was agreed on, and waits for who is away."""

from __future__ import annotations

import time

import pytest

from pipeline.frame import FrameSpec
from pipeline.stage import Source
from stages.ingest.arrival import TIME_BASE
from stages.ingest.camera import Camera
from stages.ingest.stream import Stream
from stages.ingest.tcp import Tcp
from tests.clips import lend

AGREED = FrameSpec(width=160, height=120, time_base=TIME_BASE, live=True)


@pytest.mark.parametrize(
    "source",
    [
        Stream(input="rtsp://127.0.0.1:9/none", timeout=0.5),
        Camera(input="cam:/dev/video99", timeout=0.5),
        Tcp(input="tcp://127.0.0.1:0", timeout=0.5),
    ],
    ids=["stream", "camera", "tcp"],
)
def test_a_new_incarnation_does_not_fail_for_a_source_that_is_away(source: Source) -> None:
    source._known = AGREED
    begun = time.monotonic()
    try:
        spec = source.open()
        source.resume(100, 300_000)
        assert time.monotonic() - begun < 0.5
    finally:
        source.close()
    assert (spec.width, spec.height, spec.time_base, spec.live) == (160, 120, TIME_BASE, True)


def test_what_comes_in_another_size_now_is_scaled_to_what_was_agreed_on() -> None:
    camera = Camera(input="cam:test")
    camera._known = AGREED
    try:
        spec = camera.open()
        camera.resume(100, 300_000)
        frame = lend(camera, spec)
        next(camera.frames())
        assert frame.image.shape == (120, 160, 3)
        assert frame.pts > 300_000
        assert frame.image.std() > 10
    finally:
        camera.close()
