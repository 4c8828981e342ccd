"""Lines of the access log: one JSON object each, so that no name or address can look like another line."""

from __future__ import annotations

import json
import traceback

from starlette.types import Scope

from pipeline.masking import masked

LONGEST = 200


def line_of(scope: Scope, status: int, seconds: float, peer: str, owner: str | None) -> str:
    """Without the query and the headers: what is secret stands there. Control characters are escaped."""
    path = masked(str(scope["path"]))
    facts = {
        "method": scope.get("method", "WS") if scope["type"] == "http" else "WS",
        "path": path[:LONGEST],
        "status": status,
        "ms": round(seconds * 1000, 1),
        "from": peer,
        "owner": owner[:8] if owner else None,
    }
    return json.dumps(facts)


def failure_of(error: Exception) -> str:
    """A failure of the server's own with its traceback, in one line too: in it may be what the sender chose."""
    return json.dumps({"failed": masked("".join(traceback.format_exception(error)))[-8000:]})
