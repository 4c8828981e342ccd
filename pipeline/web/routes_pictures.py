"""The routes of single pictures: a snapshot, and a stream of JPEGs for programs that know nothing else."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import suppress
from datetime import UTC, datetime
from typing import Annotated, Literal

from fastapi import APIRouter, Query, Response
from fastapi.responses import StreamingResponse

from pipeline.web.hub import Picture
from pipeline.web.refusal import Refused
from pipeline.web.routes_sessions import One
from pipeline.web.session import Session

BEST = 95
GOOD = 85
PATIENCE_S = 5.0
LOOK_S = 2.0  # without a picture, after which it is looked whether the session still goes on
BOUNDARY = "cleanplate"
View = Annotated[Literal["input", "result", "overlay", "mask"], Query()]

router = APIRouter(prefix="/api/sessions/{id}", tags=["pictures"])


@router.get("/snapshot", response_class=Response, responses={200: {"content": {"image/jpeg": {}}}})
async def snapshot(session: One, view: View = "result") -> Response:
    """The present picture in its full size."""
    _check(session, view)
    picture = await _picture(session, view)
    name = f"{session.start.offer.name if session.start else 'picture'}-{datetime.now(UTC):%Y%m%d-%H%M%S}-{view}.jpg"
    headers = {"Content-Disposition": f'attachment; filename="{name}"'}
    return Response(picture.jpegs[view], media_type="image/jpeg", headers=headers)


async def _picture(session: Session, view: str) -> Picture:
    """As large and as good as can be; of a session that stands still, or is over, the last one there is."""
    with suppress(TimeoutError, EOFError):  # nothing new comes: the last one, then
        async with asyncio.timeout(PATIENCE_S), session.hub.watch([view], None, BEST) as watcher:
            while session.alive:
                picture = await watcher.next()
                if picture.width is None and picture.quality >= BEST:
                    return picture
    if (latest := session.hub.latest) is not None and view in latest.jpegs:
        return latest
    raise Refused(409, "there is no picture yet; wait until the session runs")


@router.get("/stream", response_class=StreamingResponse)
async def stream(session: One, view: View = "result") -> StreamingResponse:
    """Motion JPEG (multipart/x-mixed-replace) until the session ends, at the pace at which it is read."""
    _check(session, view)
    return StreamingResponse(_parts(session, view), media_type=f"multipart/x-mixed-replace; boundary={BOUNDARY}")


async def _parts(session: Session, view: str) -> AsyncIterator[bytes]:
    async with session.hub.watch([view], None, GOOD) as watcher:
        while True:
            try:
                async with asyncio.timeout(LOOK_S):
                    jpeg = (await watcher.next()).jpegs[view]
            except EOFError:
                return
            except TimeoutError:
                if session.alive:
                    continue
                return
            head = f"--{BOUNDARY}\r\nContent-Type: image/jpeg\r\nContent-Length: {len(jpeg)}\r\n\r\n"
            yield head.encode() + jpeg + b"\r\n"


def _check(session: Session, view: str) -> None:
    """Raises Refused (404)."""
    if view not in session.hub.views:
        raise Refused(404, f"this session does not show {view!r}; it shows {', '.join(session.hub.views)}")
