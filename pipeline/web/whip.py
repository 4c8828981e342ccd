"""WHIP: a WebRTC client (a browser's camera, OBS, FFmpeg) sends a session the video that it works on."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from pipeline.web.negotiation import Answer, agree
from pipeline.web.peers import Peer, Peers
from pipeline.web.refusal import Refused
from pipeline.web.timing import Rate, Ticks

if TYPE_CHECKING:
    from aiortc import MediaStreamTrack, RTCPeerConnection, RTCRtpTransceiver
    from av.video.frame import VideoFrame

    from pipeline.web.relays import RelayServer
    from pipeline.web.sessions import Session

SETTLE_S = 1.0
"""How long the first client is listened to before size and rate are settled: browsers begin small, until they know what
the network carries, and the largest picture of that time counts."""

URGE = "x-google-start-bitrate=2500;x-google-min-bitrate=800;x-google-max-bitrate=8000"
"""Kbit/s for Chromium and its kin, in the answer's codecs. They begin with 300, and grow by a twelfth a second: a
camera would be sent at a quarter of its size for half a minute, and its first pictures settle the size. Others pass it
over."""


async def send(peers: Peers, session: Session, offer: str) -> Answer:
    """Connect somebody who sends; whoever sent before is let go. Raises Refused."""
    if session.relay is None:
        raise Refused(409, "this session has a source already; start one whose source is the browser")
    async with session.relay.turn:
        await peers.close_of(session, "whip", "another client sends now")
        with peers.room():
            peer = Peer("whip", session, peers.connection())
            answer = await agree(peer, offer, lambda: _take(peer.connection))
            peers.add(peer, relay(_videos(peer.connection)[0].receiver.track, session.relay))
    return Answer(urged(answer.sdp), answer.name)


def urged(answer: str) -> str:
    """The answer with URGE for each video codec."""
    lines = answer.split("\r\n")
    told = {line.partition(" ")[0]: number for number, line in enumerate(lines) if line.startswith("a=fmtp:")}
    found = list(lines)
    for number, line in enumerate(lines):
        name, _, codec = line.partition(" ")
        if name.startswith("a=rtpmap:") and codec.partition("/")[0].upper() in ("VP8", "H264"):
            parameters = name.replace("a=rtpmap:", "a=fmtp:")
            if parameters in told:
                found[told[parameters]] += f";{URGE}"
            else:
                found[number] += f"\r\n{parameters} {URGE}"
    return "\r\n".join(found)


def _take(connection: RTCPeerConnection) -> None:
    """The first video; nothing else. Raises Refused."""
    first = _videos(connection)[0]
    for transceiver in connection.getTransceivers():
        transceiver.direction = "recvonly" if transceiver is first else "inactive"
    if first.receiver.track is None:
        raise Refused(400, "the offer sends no video; mark the video section sendonly")


def _videos(connection: RTCPeerConnection) -> list[RTCRtpTransceiver]:
    return [one for one in connection.getTransceivers() if one.kind == "video"]


async def relay(track: MediaStreamTrack, server: RelayServer) -> None:
    """Hand on what comes, until cancelled or the client ends. The newest frame wins: that is the relay's doing."""
    from aiortc.mediastreams import MediaStreamError

    ticks = Ticks(asyncio.get_running_loop().time)
    try:
        if not server.settled:
            await _settle(track, server)
        while True:
            frame = await _frame(track)
            server.show(frame, ticks.of(frame.pts))
    except MediaStreamError:
        return
    finally:
        await server.let_go()


async def _settle(track: MediaStreamTrack, server: RelayServer) -> None:
    now = asyncio.get_running_loop().time
    frame, rate = await _frame(track), Rate()
    until, width, height = now() + SETTLE_S, frame.width, frame.height
    while now() < until:
        frame = await _frame(track)
        rate.see(frame.pts)
        if frame.width * frame.height > width * height:
            width, height = frame.width, frame.height
    server.fix(width, height, rate.value)


async def _frame(track: MediaStreamTrack) -> VideoFrame:
    from av.video.frame import VideoFrame

    frame = await track.recv()
    assert isinstance(frame, VideoFrame)
    return frame
