"""Guard: what every request and every WebSocket has to pass before anything else, and what every answer bears."""

from __future__ import annotations

import logging
import math
import time

from starlette.datastructures import MutableHeaders
from starlette.requests import HTTPConnection
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from pipeline.web import rules
from pipeline.web.bodies import whole_body
from pipeline.web.connection import peer_of
from pipeline.web.logs import failure_of, line_of
from pipeline.web.owners import Owners
from pipeline.web.ratelimit import Buckets
from pipeline.web.refusal import Refused, answer
from pipeline.web.settings import ServeSettings

POLICY = (
    "default-src 'self'; img-src 'self' blob: data:; media-src 'self' blob:; connect-src 'self'; object-src 'none'; "
    "base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
)
HEADERS = {
    "Content-Security-Policy": POLICY,
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(self), microphone=(), geolocation=(), display-capture=(), usb=(), payment=()",
}
BURST = 3  # seconds' worth of requests that may come at once
OPEN_EACH, OPEN_ADDRESS = 64, 256  # requests under way, streams and WebSockets among them
log = logging.getLogger("cleanplate.web")


class Guard:
    """Pure ASGI middleware. What breaks a rule is answered here; a failure of the application becomes a plain 500."""

    def __init__(self, app: ASGIApp, settings: ServeSettings, owners: Owners) -> None:
        self._app, self._settings, self._owners = app, settings, owners
        rate = settings.limits.requests
        self._by_owner = Buckets(rate, rate * BURST)
        self._by_peer = Buckets(2 * rate, 2 * rate * BURST)
        self._open: dict[str, int] = {}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
            return
        answered = _Answer(scope, send)
        begun = time.monotonic()
        peer = peer_of(scope, self._settings)
        owner = self._owners.owner_of(HTTPConnection(scope))
        keys = [peer, *([owner] if owner else [])]
        counted = False
        try:
            self._examine(scope, peer, owner)
            self._enter(keys)
            counted = True
            scope.setdefault("state", {})["owner"] = owner
            if scope["type"] == "http" and not rules.is_upload(scope):
                receive = await whole_body(scope, receive)
            await self._app(scope, receive, answered.send)
        except Refused as refused:
            await answered.instead(refused.status, refused.text, refused.headers)
        except Exception as error:  # noqa: BLE001 - logged, and nobody is told how
            log.error(failure_of(error))
            await answered.instead(500, "this failed on the server; its log says how")
        finally:
            if counted:
                self._leave(keys)
            log.info(line_of(scope, answered.status, time.monotonic() - begun, peer, owner))

    def _examine(self, scope: Scope, peer: str, owner: str | None) -> None:
        """Raises Refused. What costs least comes first."""
        wait = self._by_peer.take(peer)
        if owner is not None:
            wait = max(wait, self._by_owner.take(owner))
        if wait:
            seconds = math.ceil(wait)
            raise Refused(429, f"too many requests; go on in {seconds} s", {"Retry-After": str(seconds)})
        rules.check_size(scope)
        rules.check_host(scope, self._settings)
        rules.check_path(scope)
        rules.check_origin(scope, self._settings)
        rules.check_type(scope)
        rules.check_owner(scope, owner)

    def _enter(self, keys: list[str]) -> None:
        for key, most in zip(keys, (OPEN_ADDRESS, OPEN_EACH), strict=False):
            if self._open.get(key, 0) >= most:
                raise Refused(429, f"{most} requests are under way already; close some pages", {"Retry-After": "5"})
        for key in keys:
            self._open[key] = self._open.get(key, 0) + 1

    def _leave(self, keys: list[str]) -> None:
        for key in keys:
            self._open[key] -= 1
            if not self._open[key]:
                del self._open[key]


class _Answer:
    """What goes back: each one gets the headers; and one can be given in the place of what has not begun yet."""

    def __init__(self, scope: Scope, send: Send) -> None:
        self._scope, self._send = scope, send
        self.status = 0

    @property
    def _socket(self) -> bool:
        return bool(self._scope["type"] == "websocket")

    async def send(self, message: Message) -> None:
        kind = message["type"]
        if kind in ("http.response.start", "websocket.http.response.start"):
            self.status = int(message["status"])
            self._protect(MutableHeaders(scope=message))
        elif kind == "websocket.accept":
            self.status = 101
        elif kind == "websocket.close" and not self.status:
            self.status = 403
        await self._send(message)

    def _protect(self, headers: MutableHeaders) -> None:
        for name, value in HEADERS.items():
            headers[name] = value
        path = self._scope["path"]
        if path.startswith("/api") or path == "/openapi.json" or self.status >= 400:
            headers["Cache-Control"] = "no-store"
        else:
            headers.setdefault("Cache-Control", "no-cache")

    async def instead(self, status: int, text: str, headers: dict[str, str] | None = None) -> None:
        """An answer, unless one has begun: then the connection ends, and nobody takes it for whole."""
        if not self.status:
            await answer(status, text, headers)(self._scope, _nothing, self.send)
        elif self._socket:
            await self._send({"type": "websocket.close", "code": 1011, "reason": ""})
        else:
            raise ConnectionAbortedError(text)


async def _nothing() -> Message:
    return {"type": "http.disconnect"}
