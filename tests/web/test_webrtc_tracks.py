"""What goes from a session's JPEGs into a video encoder: the newest picture, at video levels, and bits by its size."""

from __future__ import annotations

import asyncio
from pathlib import Path

import numpy as np
import pytest
from aiortc.mediastreams import MediaStreamError
from av.video.codeccontext import VideoCodecContext
from av.video.frame import PictureType, VideoFrame

from pipeline.errors import ConfigError
from pipeline.web import bitrates, ice
from pipeline.web.peers import Peers
from pipeline.web.settings import ServeSettings
from pipeline.web.tracks import ViewTrack, decoded
from tests.live.web import jpeg
from tests.web.callers import watching
from tests.web.pictured import world


def frame_of(level: int, width: int = 64, height: int = 48) -> VideoFrame:
    decoder = VideoCodecContext.create("mjpeg", "r")
    assert isinstance(decoder, VideoCodecContext)
    return decoded(decoder, jpeg(np.full((height, width, 3), level, np.uint8)), 7)


@pytest.mark.parametrize("level", [0, 128, 255])
def test_a_jpeg_becomes_video_of_the_levels_that_video_has(level: int) -> None:
    frame = frame_of(level)
    assert frame.format.name == "yuv420p"
    assert frame.to_ndarray()[:48].mean() == pytest.approx(16 + 219 * level / 255, abs=2)
    assert frame.pts == 7


def test_sides_are_even_as_encoders_need_them() -> None:
    frame = frame_of(100, width=63, height=47)
    assert (frame.width, frame.height) == (62, 46)


def test_a_picture_is_no_key_frame_for_having_been_a_jpeg() -> None:
    assert frame_of(1).pict_type == PictureType.NONE


def test_few_pictures_of_a_stream_are_key_frames(tmp_path: Path) -> None:
    async def scene() -> None:
        async with world(tmp_path) as served, watching(served) as (caller, _):
            kinds = [(await caller.picture()).key_frame for _ in range(20)]
            assert sum(kinds) <= 3

    asyncio.run(scene())


def test_the_newest_picture_wins_and_each_is_given_once() -> None:
    async def scene() -> None:
        track = ViewTrack()
        for level in (1, 2, 3):
            track.show(frame_of(level * 50))
        assert (await track.recv()).to_ndarray()[0, 0] == pytest.approx(16 + 219 * 150 / 255, abs=2)
        waiting = asyncio.create_task(track.recv())
        await asyncio.sleep(0)
        assert not waiting.done()
        track.stop()
        with pytest.raises(MediaStreamError):
            await waiting

    asyncio.run(scene())


def test_bits_follow_the_size_of_the_picture() -> None:
    found = [bitrates.ceiling(width * height) for width, height in ((320, 180), (640, 360), (1280, 720), (1920, 1080))]
    assert found == sorted(set(found))
    assert bitrates.ceiling(7680 * 4320) == bitrates.MOST


@pytest.mark.parametrize("name", ["Vp8Encoder", "H264Encoder"])
def test_an_encoder_keeps_to_the_ceiling_and_below_it_to_what_the_network_carries(name: str) -> None:
    from aiortc import codecs

    bitrates.install()
    encoder = getattr(codecs, name)()

    def rate(told: int | None = None, width: int = 640, height: int = 360) -> int:
        encoder.target_bitrate = told or encoder.target_bitrate
        encoder.encode(frame_of(100, width, height))
        return encoder.target_bitrate

    assert rate(10**9) == rate(10**9) == bitrates.ceiling(640 * 360)
    assert rate(10**9, 1280, 720) == bitrates.ceiling(1280 * 720)
    assert rate(700_000, 1280, 720) == 700_000
    assert rate(1, 1280, 720) == bitrates.LEAST


def test_where_frames_are_few_each_gets_no_more_bits_than_of_many() -> None:
    pace = bitrates.Pace()

    def share(rate: float, seconds: float = 5) -> float:
        nonlocal now
        for _ in range(int(seconds * rate)):
            now += 1 / rate
            found = pace.at(now)
        return found

    now = 0.0
    assert share(30) == 1
    assert share(12) == 0.5
    assert share(3) == 0.125
    assert share(22) == 0.5  # it is not yet sure that this lasts
    assert share(30) == 1
    assert share(22) == 1
    assert pace.at(now) == pace.at(now - 1) == 1  # a clock that stands still, or goes back, says nothing


def test_the_addresses_offered_are_those_that_the_server_is_bound_to(tmp_path: Path) -> None:
    def bound(host: str) -> tuple[str, ...] | None:
        return ice.hosts(ServeSettings(media=tmp_path, host=host))

    assert bound("127.0.0.1") == bound("localhost") == ("127.0.0.1",)
    assert bound("::1") == ("::1",)
    assert bound("192.0.2.2") == ("192.0.2.2",)
    assert bound("0.0.0.0") is bound("::") is bound("video.example.org") is None


def test_no_server_is_asked_unless_it_is_named(tmp_path: Path) -> None:
    assert ice.configuration(ServeSettings(media=tmp_path)).iceServers == []
    named = ("stun:192.0.2.9", "turn:me:secret@turn.example.org:3479?transport=tcp")
    stun, turn = ice.configuration(ServeSettings(media=tmp_path, ice_servers=named)).iceServers
    assert (stun.urls, stun.username) == ("stun:192.0.2.9", None)
    assert (turn.urls, turn.username) == ("turn:turn.example.org:3479?transport=tcp", "me")
    assert turn.credential == "secret"


@pytest.mark.parametrize("address", ["http://192.0.2.9", "stun", "turn:me:secret@", "ftp:192.0.2.9"])
def test_what_is_no_ice_server_is_said_before_anything_is_served(tmp_path: Path, address: str) -> None:
    with pytest.raises(ConfigError, match="write stun:HOST") as error:
        Peers(ServeSettings(media=tmp_path, ice_servers=(address,)))
    assert "secret" not in str(error.value)
