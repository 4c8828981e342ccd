"""The rules that a request is held to, one function each: it raises Refused, with the status and the way out."""

from __future__ import annotations

from starlette.datastructures import Headers
from starlette.types import Scope

from pipeline.web.connection import host_of, is_known_name, origin_of, split_host
from pipeline.web.owners import COOKIE, LOST
from pipeline.web.refusal import Refused
from pipeline.web.settings import ServeSettings

MAX_HEADERS, MAX_HEADER_BYTES, MAX_TARGET = 64, 16_384, 4096
ONCE = ("host", "origin", "content-length", "content-type", "authorization", "transfer-encoding", "range")
SAFE = ("GET", "HEAD", "OPTIONS")
OPEN = ("/", "/healthz", "/favicon.ico", "/source.zip", "/api/login", "/api/about")  # about says little to strangers
TYPES = ("application/json", "application/sdp", "application/trickle-ice-sdpfrag")
UPLOADS = "/api/uploads"


def is_upload(scope: Scope) -> bool:
    """Whether its body is a file: that is not kept in memory, and its own route counts it."""
    return scope["path"] == UPLOADS and scope.get("method") == "POST"


def check_size(scope: Scope) -> None:
    headers: list[tuple[bytes, bytes]] = scope["headers"]
    if len(headers) > MAX_HEADERS or sum(len(name) + len(value) for name, value in headers) > MAX_HEADER_BYTES:
        raise Refused(400, f"the headers are too many or too long; {MAX_HEADERS} of {MAX_HEADER_BYTES} bytes will do")
    if len(scope.get("raw_path") or b"") + len(scope.get("query_string") or b"") > MAX_TARGET:
        raise Refused(400, f"the address is longer than {MAX_TARGET} bytes")
    names = [name.decode("latin-1") for name, _ in headers]
    for name in ONCE:
        if names.count(name) > 1:
            raise Refused(400, f"the header {name} comes more than once")
    if "content-length" in names and "transfer-encoding" in names:
        raise Refused(400, "Content-Length or Transfer-Encoding, not both")  # a proxy may believe the other one


def check_host(scope: Scope, settings: ServeSettings) -> None:
    """DNS rebinding: a page of somebody else whose name was made to lead here still sends that name.

    Behind a proxy both have to be known, the name that the proxy was called by and the one that it calls us: a page
    can make up the former."""
    for text in {host_of(scope, settings), Headers(scope=scope).get("host", "")}:
        parts = split_host(text)
        if parts is None:
            raise Refused(400, "the header Host is missing, or is no name")
        if not is_known_name(parts[0], scope, settings):
            raise Refused(421, f"this server does not go by the name {parts[0]}; if it should: --allowed-host NAME")


def check_path(scope: Scope) -> None:
    """No route needs dots, backslashes or control characters; so nothing has to be thought through about them."""
    path: str = scope["path"]
    if not path.startswith("/") or "\\" in path or not path.isprintable() or "//" in path:
        raise Refused(404, "there is nothing at this address")
    if any(part in (".", "..") for part in path.split("/")):
        raise Refused(404, "there is nothing at this address")


def check_origin(scope: Scope, settings: ServeSettings) -> None:
    """Only this server's own page may act; no other one may even load what /api gives.

    Browsers send Origin with every WebSocket and every request that is no GET. Who sends none is a program: it shows
    its token itself, or has none; a cookie without an Origin is neither."""
    headers = Headers(scope=scope)
    socket = scope["type"] == "websocket"
    acts = socket or scope["method"] not in SAFE
    origin = headers.get("origin")
    if origin is not None:
        if origin != origin_of(scope, settings) and (acts or scope["path"].startswith("/api")):
            raise Refused(403, "a page of another site may not do this")
    elif acts and f"{COOKIE}=" in headers.get("cookie", "") and "authorization" not in headers:
        raise Refused(403, "a cookie needs the header Origin beside it; a program sends Authorization: Bearer TOKEN")
    site = headers.get("sec-fetch-site", "same-origin")
    if site not in ("same-origin", "none") and (acts or scope["path"].startswith("/api")):
        raise Refused(403, "a page of another site may not load this")


def check_type(scope: Scope) -> None:
    """Of bodies there are JSON and SDP, and uploads: never a form, which any page can send, and nothing compressed."""
    if scope["type"] == "websocket" or scope["method"] in SAFE:
        return
    headers = Headers(scope=scope)
    if headers.get("content-encoding", "identity").lower() != "identity":
        raise Refused(415, "send the body as it is, not compressed")
    kind = headers.get("content-type", "").partition(";")[0].strip().lower()
    empty = headers.get("content-length", "0") == "0" and "transfer-encoding" not in headers
    if kind not in TYPES and not empty and not is_upload(scope):
        raise Refused(415, f"the body must be {TYPES[0]}, and say so in Content-Type")


def check_owner(scope: Scope, owner: str | None) -> None:
    """Closed unless open: a route that forgets to ask is not open for it."""
    path: str = scope["path"]
    if owner is None and path not in OPEN and not path.startswith("/static/"):
        raise Refused(401, LOST, {"WWW-Authenticate": "Bearer"})
