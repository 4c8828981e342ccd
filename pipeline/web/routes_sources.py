"""The routes around sources: what comes from one, before a session is made of it, and how addresses usually look."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Depends, Request
from pydantic import BaseModel, ConfigDict

from pipeline.web.makes import MAKES, hint
from pipeline.web.owners import require_owner
from pipeline.web.ratelimit import Buckets
from pipeline.web.refusal import Refused
from pipeline.web.sources import Browser, Source, Upload, Url, address_of

router = APIRouter(prefix="/api", tags=["sources"])
Owner = Annotated[str, Depends(require_owner)]


class Probe(BaseModel):
    """What is to be looked at."""

    model_config = ConfigDict(extra="forbid")

    source: Source


class Found(BaseModel):
    """What comes: pixels, pictures a second, seconds of a file, and a small picture as a data: URL. `hidden`: there is
    none for anybody here, as all pipelines of this server protect who is seen."""

    ok: bool = True
    width: int
    height: int
    rate: float | None
    seconds: float | None = None
    still: str | None = None
    hidden: bool = False


@router.get("/rtsp-paths")
async def rtsp_paths(owner: Owner) -> list[dict[str, str]]:
    """The paths that cameras of each make usually have, of their full and of their small stream."""
    return [dict(make) for make in MAKES]


@router.post("/probe")
async def probe(request: Request, owner: Owner, wish: Probe) -> Found:
    """Look at a source for a moment, and say what comes of it, or why nothing does."""
    state = request.app.state
    tries: Buckets = _tries(state)
    if wait := tries.take(owner):
        raise Refused(429, f"one look at a time; the next one in {wait:.0f} s", {"Retry-After": str(int(wait) + 1)})
    if isinstance(wish.source, Browser):
        raise Refused(422, "the browser's own camera is looked at in the browser")
    address = await address_of(wish.source, owner, state.settings, state.uploads)
    try:
        if isinstance(wish.source, Upload):
            return Found.model_validate(await state.uploads.probing.file(address))
        found = Found.model_validate(await state.uploads.probing.address(address))
    except Refused as refused:
        raise Refused(refused.status, _said(refused.text, address, wish.source)) from refused
    if all(offer.privacy for offer in (await state.catalogue.offers()).values()):
        return found.model_copy(update={"still": None, "hidden": True})
    return found


def _said(text: str, address: str, source: Any) -> str:
    """Without the address that the name was looked up to; with what to try."""
    _, _, why = text.partition(": ")
    further = hint(why or text) if isinstance(source, Url) else ""
    what = "the upload" if isinstance(source, Upload) else "the source"
    return f"{what}: {why or text}{f'; {further}' if further else ''}"


def _tries(state: Any) -> Buckets:
    """Looks of each owner: a port scan is slow with them."""
    if not hasattr(state, "looks"):
        state.looks = Buckets(rate=0.5, burst=6)
    found: Buckets = state.looks
    return found
