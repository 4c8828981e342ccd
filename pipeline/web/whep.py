"""WHEP: a WebRTC client watches a session: its first video is the result, its second the input where it may be seen."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pipeline.web.negotiation import Answer, agree
from pipeline.web.peers import Peer, Peers
from pipeline.web.refusal import Refused

if TYPE_CHECKING:
    from pipeline.web.sessions import Session

ORDER = ("result", "input")


def shown(session: Session) -> list[str]:
    """The views that a client may get, in the order of its video sections; of a privacy pipeline the result alone."""
    said = session.describe()
    return [view for view in ORDER if view in said["views"] and not (said["privacy"] and view != "result")]


async def watch(peers: Peers, session: Session, offer: str) -> Answer:
    """Connect somebody who watches. Raises Refused."""
    from pipeline.web.tracks import ViewTrack, feed

    with peers.room():
        peer = Peer("whep", session, peers.connection())
        tracks: dict[str, ViewTrack] = {}

        def give() -> None:
            """To each video section its view; what is asked for beyond them stays empty."""
            views = iter(shown(session))
            for transceiver in peer.connection.getTransceivers():
                view = next(views, None) if transceiver.kind == "video" else None
                transceiver.direction = "sendonly" if view else "inactive"
                if view:
                    transceiver.sender.replaceTrack(tracks.setdefault(view, ViewTrack()))
            if not tracks:
                raise Refused(409, "this session shows nothing that could be watched")

        answer = await agree(peer, offer, give)
        peers.add(peer, feed(session.hub, tracks))
    return answer
