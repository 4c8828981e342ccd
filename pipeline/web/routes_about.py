"""The routes that tell what there is: this server and its machine, its pipelines, its cameras."""

from __future__ import annotations

import asyncio
import os
import shutil
from functools import cache
from pathlib import Path
from typing import Any

from fastapi import APIRouter, Request

from pipeline import __version__
from pipeline.environment import cores
from pipeline.web import source_code
from pipeline.web.cameras import cameras
from pipeline.web.routes_sessions import Owner
from pipeline.web.settings import ServeSettings

LICENCE = "AGPL-3.0-or-later"
LIMITS = (
    "sessions",
    "sessions_each",
    "session_seconds",
    "grace_seconds",
    "upload_bytes",
    "uploads_each",
    "owner_bytes",
)

router = APIRouter(prefix="/api", tags=["about"])


@router.get("/about")
async def about(request: Request) -> dict[str, Any]:
    """What this is; to who has logged in also what it can do here."""
    settings: ServeSettings = request.app.state.settings
    owners = request.app.state.owners
    known = owners.owner_of(request) is not None
    said = {
        "version": __version__,
        "licence": LICENCE,
        "source": source_code.ADDRESS,
        "owner_needed": owners.token_needed,
        "login": known,
    }
    return {**said, **await _more(request, settings)} if known else said


async def _more(request: Request, settings: ServeSettings) -> dict[str, Any]:
    limits = settings.limits.model_dump()
    return {
        "limits": {name: limits[name] for name in LIMITS},
        "sources": {
            "camera": "cam" in settings.schemes,
            "url": [scheme for scheme in settings.schemes if scheme != "cam"],
            "upload": True,
            "browser": settings.limits.peers > 0,
        },
        "webrtc": settings.limits.peers > 0,
        "machine": {**await asyncio.to_thread(_machine, settings.media), "sessions": len(request.app.state.sessions)},
    }


def _machine(media: Path) -> dict[str, Any]:
    return {
        "gpu": _gpu(),
        "cpu": cores(),
        "media_free_bytes": shutil.disk_usage(media).free,
        "media_writable": os.access(media, os.W_OK | os.X_OK),
    }


@cache
def _gpu() -> str | None:
    """The name of the first NVIDIA card; None where there is none."""
    import pynvml

    try:
        pynvml.nvmlInit()
    except pynvml.NVMLError:
        return None
    try:
        name = pynvml.nvmlDeviceGetName(pynvml.nvmlDeviceGetHandleByIndex(0))
        return name if isinstance(name, str) else str(name.decode())
    except pynvml.NVMLError:
        return None
    finally:
        pynvml.nvmlShutdown()


@router.get("/pipelines")
async def pipelines(request: Request, owner: Owner) -> list[dict[str, Any]]:
    """What may be run, with the fields of its stages that can be set."""
    return [dict(offer.told) for offer in (await request.app.state.catalogue.offers()).values()]


@router.get("/cameras")
async def listed(request: Request, owner: Owner) -> list[dict[str, str]]:
    """The cameras of the server's machine; `cam:test` is drawn."""
    return await cameras(request.app.state.settings)
