"""The web application: what it consists of, what it starts and ends, and how errors become answers."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from importlib import resources
from pathlib import Path
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import FileResponse
from starlette.exceptions import HTTPException
from starlette.responses import Response
from starlette.staticfiles import StaticFiles

from pipeline import __version__
from pipeline.errors import CleanplateError
from pipeline.web import (
    live,
    routes_about,
    routes_login,
    routes_pictures,
    routes_sessions,
    routes_steering,
    source_code,
    webrtc,
)
from pipeline.web.catalogue import Catalogue
from pipeline.web.guard import Guard
from pipeline.web.openapi import describe
from pipeline.web.owners import Owners
from pipeline.web.peers import Peers
from pipeline.web.refusal import Refused, answer
from pipeline.web.sessions import Sessions
from pipeline.web.settings import ServeSettings
from pipeline.web.sweeping import Sweeper
from pipeline.web.uploads import Uploads

THREADS = 32  # for what would hold up the loop: files, names, requests to pipelines
STATIC = Path(str(resources.files("pipeline.web"))) / "static"
STATUS = {2: 422, 3: 409}  # of an error by its exit code; others are the server's own


def create_app(settings: ServeSettings) -> FastAPI:
    """The application; nothing runs before its lifespan begins."""
    app = FastAPI(
        title="Cleanplate",
        version=__version__,
        lifespan=_lifespan,
        docs_url=None,
        redoc_url=None,
    )
    app.state.settings = settings
    app.state.owners = Owners(settings)
    app.state.uploads = Uploads(settings)
    app.state.catalogue = Catalogue(settings.pipelines)
    app.state.peers = Peers(settings)
    for routes in (routes_about, source_code, routes_sessions, routes_steering, routes_pictures, live, webrtc):
        app.include_router(routes.router)
    app.include_router(routes_login.router())
    _include_files(app)
    _serve_page(app)
    describe(app)
    for kind in (Refused, CleanplateError, RequestValidationError, HTTPException):
        app.add_exception_handler(kind, _as_answer)
    app.add_middleware(Guard, settings=settings, owners=app.state.owners)
    return app


def _include_files(app: FastAPI) -> None:
    from pipeline.web import routes_files, routes_sources, routes_uploads

    for routes in (routes_uploads, routes_sources, routes_files):
        app.include_router(routes.router)


def _serve_page(app: FastAPI) -> None:
    @app.get("/healthz")
    async def healthz() -> dict[str, bool]:
        """Whether the server answers."""
        return {"ok": True}

    @app.get("/", include_in_schema=False)
    async def page() -> Response:
        return FileResponse(STATIC / "index.html")

    app.mount("/static", StaticFiles(directory=STATIC), name="static")


@asynccontextmanager
async def _lifespan(app: FastAPI) -> AsyncIterator[None]:
    asyncio.get_running_loop().set_default_executor(ThreadPoolExecutor(THREADS, thread_name_prefix="off-loop"))
    catalogue: Catalogue = app.state.catalogue
    catalogue.start()
    sessions = app.state.sessions = Sessions(app.state.settings, catalogue, app.state.uploads)
    sweeper = Sweeper(app.state.settings, app.state.owners, lambda: sessions.idents() | app.state.uploads.coming)
    sweeper.start()
    try:
        yield
    finally:
        await sweeper.close()
        await app.state.peers.close()
        await sessions.close()
        await catalogue.close()


async def _as_answer(request: Request, error: Exception) -> Response:
    """One line of JSON that gives nothing away."""
    match error:
        case Refused():
            return answer(error.status, error.text, error.headers)
        case CleanplateError():
            return answer(STATUS.get(error.exit_code, 503), str(error))
        case RequestValidationError():
            return answer(422, _complaint(error))
        case HTTPException():
            return answer(error.status_code, _plain(error.status_code, str(error.detail)), error.headers)
    raise error


def _complaint(error: RequestValidationError) -> str:
    """What is wrong with a request, by its first fault."""
    first: dict[str, Any] = error.errors()[0]
    if first["type"] == "json_invalid":
        return "the body is not JSON"
    path = ".".join(str(part) for part in first["loc"] if part not in ("body", "query", "path"))
    shown = first.get("input")
    found = (
        ""
        if isinstance(shown, dict | list) or first["type"] == "missing"
        else f", not {json.dumps(shown, default=str):.60}"
    )
    said = first["msg"][:1].lower() + first["msg"][1:]
    return f"{path or 'the body'}: {said}{found}"


def _plain(status: int, detail: str) -> str:
    if status == 404:
        return "there is nothing at this address"
    if status == 405:
        return "this address does not take that method; /openapi.json lists what there is"
    return detail
