"""The WebRTC routes: WHEP to watch a session, WHIP to send it its pictures; as RFC 9725 has it, without trickling."""

from __future__ import annotations

import asyncio
from importlib import import_module
from typing import TYPE_CHECKING, Annotated, Any

from fastapi import APIRouter, Depends, Request, Response

from pipeline.web.offers import MOST_BYTES, checked
from pipeline.web.owners import require_owner
from pipeline.web.peers import Peer, Peers
from pipeline.web.refusal import Refused

if TYPE_CHECKING:
    from pipeline.web.sessions import Session
    from pipeline.web.settings import ServeSettings

MEDIA_TYPE = "application/sdp"
READ_S = 10.0  # for an offer to come in
router = APIRouter(prefix="/api/sessions/{id}", tags=["webrtc"])
Owner = Annotated[str, Depends(require_owner)]
_OFFER = {MEDIA_TYPE: {"schema": {"type": "string", "maxLength": MOST_BYTES}}}
_ASKS: dict[str, Any] = {"requestBody": {"content": _OFFER, "required": True}}
_ANSWERS: dict[int | str, dict[str, Any]] = {
    201: {"content": {MEDIA_TYPE: {"schema": {"type": "string"}}}, "description": "The answer; `Location` ends it."}
}


@router.post("/whep", status_code=201, responses=_ANSWERS, openapi_extra=_ASKS, response_class=Response)
async def start_watching(id: str, request: Request, owner: Owner) -> Response:
    """Watch a session: the first video section gets the result, the second the input where it may be shown."""
    from pipeline.web.whep import watch

    session, offer = await _asked(request, owner, id, sends=False)
    answer = await watch(await ready(request), session, offer)
    return _created(request, answer.sdp, answer.name)


@router.post("/whip", status_code=201, responses=_ANSWERS, openapi_extra=_ASKS, response_class=Response)
async def start_sending(id: str, request: Request, owner: Owner) -> Response:
    """Send a session its pictures; who sent before is let go. Only for sessions whose source is the browser."""
    from pipeline.web.whip import send

    session, offer = await _asked(request, owner, id, sends=True)
    answer = await send(await ready(request), session, offer)
    return _created(request, answer.sdp, answer.name)


@router.delete("/whep/{peer}", status_code=200, response_class=Response)
@router.delete("/whip/{peer}", status_code=200, response_class=Response)
async def end(id: str, peer: str, request: Request, owner: Owner) -> Response:
    """End a connection."""
    await _found(request, owner, id, peer).close("the client has ended it")
    return Response()


@router.patch("/whep/{peer}", include_in_schema=False)
@router.patch("/whip/{peer}", include_in_schema=False)
async def trickle(id: str, peer: str, request: Request, owner: Owner) -> Response:
    """Candidates all stand in the answer, and the client's are found by its packets: there is nothing to add."""
    _found(request, owner, id, peer)
    raise Refused(405, "candidates cannot be added later; gather them first, then send the offer", {"Allow": "DELETE"})


async def ready(request: Request) -> Peers:
    """The peers of this application; aiortc is loaded for the first one, off the loop: that takes 0.3 s."""
    peers: Peers = request.app.state.peers
    await asyncio.to_thread(load)
    return peers


def load() -> None:
    """Import aiortc and make it keep to our bounds. May be called again."""
    from pipeline.web import bitrates, ice

    import_module("pipeline.web.tracks")
    ice.install()
    bitrates.install()


async def _asked(request: Request, owner: str, id: str, *, sends: bool) -> tuple[Session, str]:
    """The session and the offer as it may be acted on. Raises Refused."""
    session: Session = request.app.state.sessions.get(owner, id)
    if request.headers.get("content-type", "").partition(";")[0].strip().lower() != MEDIA_TYPE:
        raise Refused(415, f"send the offer as {MEDIA_TYPE}")
    offer = await _body(request)
    return session, checked(offer, _client(request), sends=sends)


async def _body(request: Request) -> bytes:
    """At most MOST_BYTES, within READ_S. Raises Refused."""
    offer = bytearray()
    try:
        async with asyncio.timeout(READ_S):
            async for piece in request.stream():
                offer += piece
                if len(offer) > MOST_BYTES:
                    raise Refused(413, f"the offer has more than {MOST_BYTES} bytes")
    except TimeoutError as error:
        raise Refused(400, f"the offer did not come within {READ_S:g} s") from error
    return bytes(offer)


def _client(request: Request) -> str | None:
    """The address of the client. Behind a proxy it is what that says, and nothing where it says nothing: that the
    proxy is on this machine must not let its clients knock at this machine's ports."""
    settings: ServeSettings = request.app.state.settings
    if settings.behind_proxy:
        said = request.headers.getlist("x-forwarded-for")
        return said[-1].rpartition(",")[2].strip() or None if said else None
    return request.client.host if request.client else None


def _found(request: Request, owner: str, id: str, peer: str) -> Peer:
    session: Session = request.app.state.sessions.get(owner, id)
    peers: Peers = request.app.state.peers
    return peers.get(request.url.path.split("/")[-2], session, peer)


def _created(request: Request, sdp: str, name: str) -> Response:
    """201 with where the connection is ended; the ETag names the ICE session (RFC 9725, section 4.3.1)."""
    headers = {"Location": f"{request.url.path}/{name}", "ETag": f'"{name}"'}
    stun = [one for one in request.app.state.settings.ice_servers if one.startswith("stun:")]
    if stun:  # TURN servers need a password: they are told to nobody
        headers["Link"] = ", ".join(f'<{address}>; rel="ice-server"' for address in stun)
    return Response(sdp, 201, headers, media_type=MEDIA_TYPE)
