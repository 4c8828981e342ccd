"""The routes of sessions: begun, listed, named, stopped, begun again, paused, and what their runs have left to say."""

from __future__ import annotations

import asyncio
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Request, Response

from pipeline.requests import Pause, Resume
from pipeline.web.owners import require_owner
from pipeline.web.papers import log_of, report_of
from pipeline.web.refusal import Refused
from pipeline.web.session import REPORT, Session
from pipeline.web.sessions import Sessions
from pipeline.web.wishes import Naming, Rewish, Wish

STOP_ANSWER_S = 5.0  # a run may take longer to finish a file; its state says so

router = APIRouter(prefix="/api/sessions", tags=["sessions"])
Owner = Annotated[str, Depends(require_owner)]


def all_sessions(request: Request) -> Sessions:
    sessions: Sessions = request.app.state.sessions
    return sessions


def own_session(id: str, request: Request, owner: Owner) -> Session:
    """FastAPI dependency: the session of the path. Raises Refused (404)."""
    return all_sessions(request).get(owner, id)


All = Annotated[Sessions, Depends(all_sessions)]
One = Annotated[Session, Depends(own_session)]


@router.get("")
async def listed(sessions: All, owner: Owner) -> list[dict[str, Any]]:
    """Your sessions, the oldest first."""
    return [session.describe() for session in sessions.of(owner)]


@router.post("", status_code=201)
async def create(wish: Wish, sessions: All, owner: Owner) -> dict[str, Any]:
    """Begin a session; it ends when nobody watches it any more, unless it is pinned."""
    return (await sessions.create(owner, wish)).describe()


@router.get("/{id}")
async def one(session: One) -> dict[str, Any]:
    """A session, and its stages with their present values."""
    return {**session.describe(), "stages": session.stages()}


@router.patch("/{id}")
async def name(session: One, naming: Naming) -> dict[str, Any]:
    """Pin it, or give it a title."""
    if naming.pinned is not None:
        session.pinned = naming.pinned
    if naming.title is not None:
        session.title = naming.title
    session.announce()
    return session.describe()


@router.delete("/{id}", status_code=204, response_class=Response)
async def remove(session: One, sessions: All) -> Response:
    """Stop it and forget it. Its files stay until they are deleted, or swept."""
    await sessions.remove(session)
    return Response(status_code=204)


@router.post("/{id}/stop")
async def stop(session: One) -> dict[str, Any]:
    """Have it finish what is under way. A file may take a moment to be completed: `state` is `stopping` meanwhile."""
    stopping = asyncio.ensure_future(session.stop())
    await asyncio.wait({stopping}, timeout=STOP_ANSWER_S)
    return session.describe()


@router.post("/{id}/restart")
async def restart(session: One, sessions: All, wish: Rewish | None = None) -> dict[str, Any]:
    """End its run and begin a new one, with other wishes where some are given."""
    await sessions.restart(session, wish or Rewish())
    return session.describe()


@router.post("/{id}/pause")
async def pause(session: One) -> dict[str, Any]:
    """Bring in no more frames for now."""
    await session.ask(Pause())
    await session.look()
    return session.describe()


@router.post("/{id}/resume")
async def resume(session: One) -> dict[str, Any]:
    """Go on after a pause."""
    await session.ask(Resume())
    await session.look()
    return session.describe()


@router.get("/{id}/report")
async def report(session: One) -> dict[str, Any]:
    """The run report, when the run has ended."""
    if session.alive:
        raise Refused(404, "the run still goes on; its report is written at its end")
    found = await asyncio.to_thread(report_of, session.folder / REPORT)
    if found is None:
        raise Refused(404, "there is no report: the run ended before it began to work")
    return found


@router.get("/{id}/log")
async def log(session: One) -> dict[str, list[str]]:
    """What the run has said, without secrets: the last lines."""
    return {"lines": await asyncio.to_thread(log_of, session.name)}
