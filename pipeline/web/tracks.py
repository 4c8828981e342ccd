"""Tracks: the pictures of a session as WebRTC video; the newest picture wins, and none waits in a queue."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from fractions import Fraction
from typing import TYPE_CHECKING

from aiortc.mediastreams import VIDEO_CLOCK_RATE, VIDEO_TIME_BASE, MediaStreamError, MediaStreamTrack
from av.packet import Packet
from av.video.codeccontext import VideoCodecContext
from av.video.frame import PictureType

if TYPE_CHECKING:
    from av.video.frame import VideoFrame

    from pipeline.web.hub import Hub, Picture

QUALITY = 90  # of the JPEGs on the way: the video encoder must not spend its bits on their blocks


class ViewTrack(MediaStreamTrack):
    """One view. `recv()` waits for a picture that it has not given yet, and gives the newest."""

    kind = "video"

    def __init__(self) -> None:
        super().__init__()
        self._newest: VideoFrame | None = None
        self._fresh = asyncio.Event()

    def show(self, frame: VideoFrame) -> None:
        self._newest = frame
        self._fresh.set()

    async def recv(self) -> VideoFrame:
        await self._fresh.wait()
        self._fresh.clear()
        frame, self._newest = self._newest, None
        if frame is None or self.readyState != "live":
            raise MediaStreamError("the track has ended")
        return frame

    def stop(self) -> None:
        super().stop()
        self._fresh.set()  # whoever waits learns it


async def feed(hub: Hub, tracks: Mapping[str, ViewTrack]) -> None:
    """Show each track its view of what comes, until the session ends. Times are those of arrival, in 1/90000 s.

    The next picture is asked for while one is decoded: else every other one would be missed on a busy machine."""
    decoders = {view: _decoder() for view in tracks}
    clock, pts = asyncio.get_running_loop().time, -1
    start = clock()
    async with hub.watch(list(tracks), quality=QUALITY) as watcher:
        coming = asyncio.ensure_future(watcher.next())
        try:
            while True:
                picture = await coming
                coming = asyncio.ensure_future(watcher.next())
                pts = max(pts + 1, int((clock() - start) * VIDEO_CLOCK_RATE))
                for view, frame in (await asyncio.to_thread(_all_decoded, decoders, picture, pts)).items():
                    tracks[view].show(frame)
        except EOFError:  # the session is over
            return
        finally:
            coming.cancel()
            await asyncio.wait([coming])


def _all_decoded(decoders: Mapping[str, VideoCodecContext], picture: Picture, pts: int) -> dict[str, VideoFrame]:
    shown = picture.jpegs.keys() & decoders.keys()
    return {view: decoded(decoders[view], picture.jpegs[view], pts) for view in shown}


def _decoder() -> VideoCodecContext:
    decoder = VideoCodecContext.create("mjpeg", "r")
    assert isinstance(decoder, VideoCodecContext)
    decoder.thread_count = 1
    return decoder


def decoded(decoder: VideoCodecContext, jpeg: bytes, pts: int) -> VideoFrame:
    """A JPEG as the encoders want it: yuv420p with sides that are even, and the levels of video, which are not those of
    a JPEG (without being told so FFmpeg would only change the name). Nor may it be called a key frame, which every JPEG
    is: the encoder would believe it and make each picture one."""
    (frame,) = decoder.decode(Packet(jpeg))
    width, height = max(2, frame.width & ~1), max(2, frame.height & ~1)
    video = frame.reformat(width=width, height=height, format="yuv420p", dst_color_range="MPEG")
    video.pict_type = PictureType.NONE
    video.pts, video.time_base = pts, Fraction(VIDEO_TIME_BASE)
    return video
