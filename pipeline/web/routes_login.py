"""Logging in and out: an owner's token for who knows the access token, where one is asked for."""

from __future__ import annotations

import asyncio
import math

from fastapi import APIRouter, Depends, Request, Response
from pydantic import BaseModel, ConfigDict, Field
from starlette.responses import JSONResponse

from pipeline.web.connection import is_secure, peer_of
from pipeline.web.owners import COOKIE, Owners, require_owner
from pipeline.web.ratelimit import Buckets
from pipeline.web.refusal import Refused

EVERYBODY = "everybody"


class Login(BaseModel):
    """`token`: the access token, where one is needed; `bearer`: answer with the owner's token (programs only)."""

    model_config = ConfigDict(extra="forbid")

    token: str = Field(default="", max_length=512)
    bearer: bool = False


class Tries:
    """How often one may try: wrong ones cost much, for each address and for all together; right ones little."""

    def __init__(self) -> None:
        self.logins = Buckets(rate=2, burst=40)
        self.wrong = Buckets(rate=0.1, burst=5)
        self.wrong_of_all = Buckets(rate=1, burst=50)

    def allow(self, peer: str) -> None:
        """Raises Refused (429)."""
        wait = max(self.logins.take(peer), self.wrong.wait(peer), self.wrong_of_all.wait(EVERYBODY))
        if wait:
            seconds = math.ceil(wait)
            raise Refused(429, f"too many tries; the next one in {seconds} s", {"Retry-After": str(seconds)})

    def was_wrong(self, peer: str) -> None:
        self.wrong.take(peer)
        self.wrong_of_all.take(EVERYBODY)


def router() -> APIRouter:
    """The routes /api/login and /api/logout; each call has its own counts of tries."""
    routes = APIRouter()
    tries = Tries()

    @routes.post("/api/login")
    async def login(request: Request, wish: Login | None = None) -> Response:
        """Log in. A page gets a cookie; a program (no Origin) that asks for `bearer` gets the token itself."""
        wish = wish or Login()
        owners: Owners = request.app.state.owners
        settings = request.app.state.settings
        peer = peer_of(request.scope, settings)
        tries.allow(peer)
        if not owners.admits(wish.token):
            tries.was_wrong(peer)
            raise Refused(403, "that is not the access token; `cleanplate serve` shows it where it was started")
        if wish.bearer and "origin" in request.headers:
            raise Refused(400, "a page gets no token, but a cookie: leave `bearer` out")
        known = owners.owner_of(request)
        if known is not None and not wish.bearer:
            return JSONResponse({"ok": True})
        token = await asyncio.to_thread(owners.issue)
        if wish.bearer:
            return JSONResponse({"owner": token})
        answer = JSONResponse({"ok": True})
        secure = is_secure(request.scope, settings)
        answer.set_cookie(COOKIE, token, httponly=True, samesite="strict", secure=secure, path="/", max_age=31_536_000)
        return answer

    @routes.post("/api/logout")
    async def logout(request: Request, owner: str = Depends(require_owner)) -> Response:
        """Forget the owner: its token is worth nothing any more. What it keeps is swept in time."""
        await asyncio.to_thread(request.app.state.owners.forget, owner)
        answer = JSONResponse({"ok": True})
        answer.delete_cookie(COOKIE, path="/", httponly=True, samesite="strict")
        return answer

    return routes
