"""Why a live source does not come, in words a person can act on; never with its address, which may hold a password."""

from __future__ import annotations

import errno
import socket
from urllib.parse import urlsplit

from pipeline.errors import SetupError
from stages.media import reason


class SilentError(Exception):
    """Nothing came for too long."""


def words_for(error: Exception, address: str, label: str, late: bool = False) -> str:
    """What happened, in half a sentence that follows the source's `label`; `late`: after a time-out."""
    import av

    known = {
        401: "asks for a user and a password, or for others (401): write them as rtsp://USER:${PASSWORD}@HOST/...",
        403: "does not let this user in (403)",
        404: "has nothing under this path (404)",
    }
    if (code := refusal(error)) is not None:
        return known[code]
    if isinstance(error, SilentError | SetupError):
        return str(error).removeprefix(f"{label}: ")
    if isinstance(error, ConnectionRefusedError):
        return "nobody listens there"
    if late:
        return "does not answer in time"
    if isinstance(error, av.error.InvalidDataError | av.error.EOFError):
        return "sends nothing that can be read"
    if isinstance(error, OSError) and error.errno == errno.EIO and _unknown(address):
        return "no host of this name is known"
    return f"cannot be read ({reason(error)})"


def refusal(error: Exception) -> int | None:
    """The answer of a server that will not change its mind by itself: 401, 403 or 404."""
    import av

    names = {
        av.error.HTTPUnauthorizedError: 401,
        av.error.HTTPForbiddenError: 403,
        av.error.HTTPNotFoundError: 404,
    }
    for kind, code in names.items():
        if isinstance(error, kind):
            return code
    return None


def _unknown(address: str) -> bool:
    try:
        host = urlsplit(address).hostname
        if host:
            socket.getaddrinfo(host, None)
    except (OSError, ValueError, UnicodeError):
        return True
    return False
