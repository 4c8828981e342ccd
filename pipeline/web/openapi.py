"""The description of the API, completed: who may call what, every refusal with its one line, and what a session is."""

from __future__ import annotations

from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi

from pipeline.web.owners import COOKIE
from pipeline.web.rules import OPEN

ABOUT = """Sessions of pipelines, steered and watched.

Log in first: `POST /api/login` with `{"bearer": true}` gives a program its owner's token, which it then sends as
`Authorization: Bearer TOKEN`; a page gets a cookie. An owner sees its own sessions, uploads and files; those of others
do not exist for it (404). Whatever is refused is answered by `{"error": "one line, what is wrong and the way out"}`.

`/api/sessions/{id}/live` is a WebSocket: pictures as binary records, states and figures as JSON.
"""
REFUSALS = {
    400: "It is no proper request.",
    401: "Log in first.",
    403: "That is not granted: a page of another site, a wrong access token.",
    404: "There is nothing of this name, or it is somebody else's.",
    405: "Not by this method.",
    409: "Not now: it is over, has not begun, or something else is going on.",
    413: "The body is too large.",
    415: "The body is of another kind than what is taken here.",
    416: "The range lies outside of the file.",
    421: "This server does not go by that name.",
    422: "Something in it is wrong; the line says what.",
    429: "Too many, or too often; `Retry-After` says when to try again.",
    503: "It cannot be done for now.",
}
EVERYWHERE = (400, 403, 405, 421, 429, 503)
STATES = ("starting", "running", "reconnecting", "waiting", "paused", "stopping", "ended", "failed")
_TEXT: dict[str, Any] = {"type": "string"}
_MAYBE: dict[str, Any] = {"type": ["string", "null"]}
_NUMBER: dict[str, Any] = {"type": ["number", "null"]}
_YES: dict[str, Any] = {"type": "boolean"}
_SESSION: dict[str, Any] = {
    "id": _TEXT,
    "title": _TEXT,
    "pipeline": _TEXT,
    "privacy": {**_YES, "description": "shows the result only"},
    "source": {"type": "object", "properties": {"kind": _TEXT, "label": _TEXT}, "required": ["kind", "label"]},
    "state": {"enum": list(STATES)},
    "error": _MAYBE,
    "pinned": _YES,
    "seconds_left": _NUMBER,
    "created": {},
    "views": {"type": "array", "items": {"enum": ["input", "result", "overlay", "mask"]}},
    "recording": _YES,
    "width": _NUMBER,
    "height": _NUMBER,
    "zones": {},
    "chosen": {},
    "whip": _YES,
}
SCHEMAS: dict[str, Any] = {
    "Error": {
        "type": "object",
        "description": "One line: what is wrong, and the way out.",
        "properties": {"error": {"type": "string", "maxLength": 600}},
        "required": ["error"],
        "additionalProperties": False,
    },
    "Session": {"type": "object", "properties": _SESSION, "required": list(_SESSION)},
    "Change": {"type": "object", "properties": {"from": {}, "to": {}}, "required": ["from", "to"]},
}
SECURITY = {
    "bearer": {"type": "http", "scheme": "bearer", "description": "for programs: the owner's token"},
    "cookie": {"type": "apiKey", "in": "cookie", "name": COOKIE, "description": "for the page, with the header Origin"},
}
_SESSION_ROUTES = {
    ("/api/sessions", "post"),
    ("/api/sessions/{id}", "get"),
    ("/api/sessions/{id}", "patch"),
    *((f"/api/sessions/{{id}}/{verb}", "post") for verb in ("stop", "restart", "pause", "resume", "choose/reset")),
}
_CHANGE_ROUTES = {("/api/sessions/{id}/set", "post"), ("/api/sessions/{id}/scale", "post")}


def describe(app: FastAPI) -> None:
    """Have `app.openapi()` give the whole description."""

    def whole() -> dict[str, Any]:
        if not app.openapi_schema:
            app.openapi_schema = completed(get_openapi(title=app.title, version=app.version, routes=app.routes))
        return app.openapi_schema

    app.openapi = whole  # type: ignore[method-assign] # as FastAPI's own documentation does it


def completed(found: dict[str, Any]) -> dict[str, Any]:
    """With what the routes do not say themselves."""
    found["info"]["description"] = ABOUT
    parts = found.setdefault("components", {})
    parts["securitySchemes"] = SECURITY
    schemas = parts.setdefault("schemas", {})
    schemas.update(SCHEMAS)
    for theirs in ("HTTPValidationError", "ValidationError"):  # what is refused is told in one way only
        schemas.pop(theirs, None)
    for path, methods in found["paths"].items():
        for method, route in methods.items():
            _complete(path, method, route)
    return found


def _complete(path: str, method: str, route: dict[str, Any]) -> None:
    if path not in OPEN:
        route["security"] = [{name: []} for name in SECURITY]
    answers = route["responses"]
    for status in _refusals(path, method, route):
        answers[str(status)] = _refusal(status)
    for routes, name in ((_SESSION_ROUTES, "Session"), (_CHANGE_ROUTES, "Change")):
        if (path, method) in routes:
            good = answers["201" if "201" in answers else "200"]
            good["content"] = {"application/json": {"schema": {"$ref": f"#/components/schemas/{name}"}}}
    if (path, method) == ("/api/sessions", "get"):
        many = {"type": "array", "items": {"$ref": "#/components/schemas/Session"}}
        answers["200"]["content"] = {"application/json": {"schema": many}}


def _refusals(path: str, method: str, route: dict[str, Any]) -> list[int]:
    known = [*EVERYWHERE]
    if path not in OPEN:
        known.append(401)
    if "{" in path or "requestBody" in route:  # a body may name an upload
        known.append(404)
    if method != "get":
        known += [409, 413, 415]
    if "requestBody" in route or "parameters" in route:
        known.append(422)
    if path.startswith("/api/sessions/{"):
        known += [409, 422]
    if path.endswith("{name}") and method == "get":
        known.append(416)
    return sorted({*known} & {*REFUSALS})


def _refusal(status: int) -> dict[str, Any]:
    schema = {"$ref": "#/components/schemas/Error"}
    return {"description": REFUSALS[status], "content": {"application/json": {"schema": schema}}}
