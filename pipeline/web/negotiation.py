"""Negotiation: the answer to a checked offer; one that aiortc cannot read is the client's mistake, not the server's."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pipeline.web.refusal import Refused

if TYPE_CHECKING:
    from pipeline.web.peers import Peer

NEGOTIATE_S = 10.0  # a STUN or TURN server that was named may be slow; there is none by default


@dataclass(frozen=True)
class Answer:
    """What the client gets: the SDP, and the name of the connection, by which it is ended."""

    sdp: str
    name: str


async def agree(peer: Peer, offer: str, arrange: Callable[[], None]) -> Answer:
    """Take the offer, `arrange` what is sent and received, answer with all candidates. Raises Refused; then nothing is
    left of the connection."""
    from aiortc import RTCSessionDescription

    connection = peer.connection
    try:
        async with asyncio.timeout(NEGOTIATE_S):
            try:
                await connection.setRemoteDescription(RTCSessionDescription(offer, "offer"))
            except Exception as error:  # the reader of SDP raises whatever its code happens to raise
                raise Refused(400, f"the offer cannot be read ({type(error).__name__}); send an SDP offer") from error
            arrange()
            await connection.setLocalDescription(await connection.createAnswer())
    except TimeoutError as error:
        await peer.close("no answer could be given")
        raise Refused(503, "no answer within 10 s: an ICE server of this server does not respond; try again") from error
    except BaseException:
        await peer.close("no answer could be given")
        raise
    return Answer(connection.localDescription.sdp, peer.id)
