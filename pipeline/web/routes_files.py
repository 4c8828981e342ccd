"""The routes of what sessions made: results and recordings, to be listed, downloaded and deleted."""

from __future__ import annotations

import asyncio
import os
import re
from pathlib import Path
from typing import Annotated, Literal

from fastapi import APIRouter, Depends, Request, Response
from pydantic import BaseModel

from pipeline.web.files import MISSING, NAME, delete_file, download
from pipeline.web.owners import folder_of, require_owner
from pipeline.web.refusal import Refused

SESSIONS, RECORDING = "sessions", "recording"
IDENT = re.compile(r"[0-9a-zA-Z]{8,64}")
PART = ".part"
MOST = 5000

router = APIRouter(prefix="/api/sessions/{ident}/files", tags=["files"])
Owner = Annotated[str, Depends(require_owner)]


class Listed(BaseModel):
    """A file: `complete` where nothing more will come."""

    name: str
    bytes: int
    kind: Literal["result", "recording"]
    complete: bool


def folders_of(request: Request, owner: str, ident: str) -> list[Path]:
    """Where a session's files are: results, recordings. They are its owner's, be the session gone. Raises Refused."""
    home = folder_of(request.app.state.settings, owner) / SESSIONS
    if not IDENT.fullmatch(ident) or not (home / ident).is_dir():
        known = request.app.state.sessions.get(owner, ident)  # raises 404 for what is no session of this owner
        home = known.media.parent
    return [home / ident, home / ident / RECORDING]


def listing(folder: Path, kind: Literal["result", "recording"]) -> list[Listed]:
    """The files of a folder by name. One that still grows beside its final name is listed under that."""
    found: dict[str, Listed] = {}
    try:
        with os.scandir(folder) as entries:
            for entry in entries:
                name = entry.name.removesuffix(PART)
                usual = NAME.fullmatch(name) and PART not in name and name != "recording.index"
                if not usual or not entry.is_file(follow_symlinks=False) or len(found) >= MOST:
                    continue
                whole = name == entry.name
                if whole or name not in found:
                    size = entry.stat(follow_symlinks=False).st_size
                    found[name] = Listed(name=name, bytes=size, kind=kind, complete=whole)
    except OSError:  # nothing was made yet
        return []
    return [found[name] for name in sorted(found)]


@router.get("")
async def listed(request: Request, owner: Owner, ident: str) -> list[Listed]:
    """What a session has made so far."""

    def look() -> list[Listed]:
        results, recordings = folders_of(request, owner, ident)
        return [*listing(results, "result"), *listing(recordings, "recording")]

    return await asyncio.to_thread(look)


@router.get("/{name}", response_class=Response)
async def get(request: Request, owner: Owner, ident: str, name: str) -> Response:
    """Download a file, or a range of its bytes."""
    return await download(request, await asyncio.to_thread(_folder_with, request, owner, ident, name), name)


@router.delete("/{name}", status_code=204)
async def delete(request: Request, owner: Owner, ident: str, name: str) -> Response:
    """Delete a file."""

    def remove() -> None:
        delete_file(_folder_with(request, owner, ident, name), name)

    await asyncio.to_thread(remove)
    return Response(status_code=204)


def _folder_with(request: Request, owner: str, ident: str, name: str) -> Path:
    """The one in which a file is. Only what is listed is there: no part, no index. Raises Refused (404)."""
    for folder in folders_of(request, owner, ident):
        if any(file.name == name and file.complete for file in listing(folder, "result")):
            return folder
    raise Refused(404, MISSING)
