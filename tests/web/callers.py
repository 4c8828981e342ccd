"""WebRTC clients for tests: ones that watch and ones that send, by aiortc."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from fractions import Fraction

import httpx
import numpy as np
from aiortc import MediaStreamTrack, RTCConfiguration, RTCPeerConnection, RTCSessionDescription
from av.video.frame import VideoFrame

from tests.web.pictured import World


class Grey(MediaStreamTrack):
    """A camera that shows one grey; the size may be changed while it runs."""

    kind = "video"

    def __init__(self, level: int = 90, width: int = 320, height: int = 180, rate: float = 30) -> None:
        super().__init__()
        self.level, self.width, self.height, self._rate = level, width, height, rate
        self._shown = 0

    async def recv(self) -> VideoFrame:
        await asyncio.sleep(1 / self._rate)
        frame = VideoFrame.from_ndarray(np.full((self.height, self.width, 3), self.level, np.uint8), format="bgr24")
        self._shown += 1
        frame.pts, frame.time_base = round(self._shown * 90_000 / self._rate), Fraction(1, 90_000)
        return frame


def connection() -> RTCPeerConnection:
    return RTCPeerConnection(RTCConfiguration(iceServers=[]))


async def offer(client: RTCPeerConnection) -> str:
    """With all candidates."""
    await client.setLocalDescription(await client.createOffer())
    return client.localDescription.sdp


async def accept(client: RTCPeerConnection, response: httpx.Response) -> None:
    assert response.status_code == 201, response.text
    await client.setRemoteDescription(RTCSessionDescription(response.text, "answer"))


class Watching:
    """A client that watches, with as many video sections as it asks for."""

    def __init__(self, videos: int) -> None:
        self.client = connection()
        self.tracks = [self.client.addTransceiver("video", "recvonly") for _ in range(videos)]

    async def picture(self, section: int = 0) -> VideoFrame:
        async with asyncio.timeout(20):
            frame = await self.tracks[section].receiver.track.recv()
        assert isinstance(frame, VideoFrame)
        return frame

    async def level(self, section: int = 0) -> float:
        """The grey that is seen."""
        return float((await self.picture(section)).to_ndarray(format="bgr24").mean())


@asynccontextmanager
async def watching(world: World, videos: int = 1) -> AsyncIterator[tuple[Watching, httpx.Response]]:
    caller = Watching(videos)
    try:
        response = await world.post("whep", await offer(caller.client))
        if response.status_code == 201:
            await accept(caller.client, response)
        yield caller, response
    finally:
        await caller.client.close()


@asynccontextmanager
async def sending(world: World, track: MediaStreamTrack) -> AsyncIterator[tuple[RTCPeerConnection, httpx.Response]]:
    client = connection()
    try:
        client.addTransceiver(track, "sendonly")
        response = await world.post("whip", await offer(client))
        if response.status_code == 201:
            await accept(client, response)
        yield client, response
    finally:
        await client.close()
