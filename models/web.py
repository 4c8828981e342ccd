"""One request for (the rest of) one file: https only, every wait bounded; says what came back, keeps nothing."""

from __future__ import annotations

import http.client
import ssl
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from typing import IO, Any
from urllib.parse import urlsplit

from models.base import ModelError

PIECE = 1 << 20
SLOWEST = 1 << 10  # bytes a second: a server that sends fewer might as well be silent
LOOPBACK = {"127.0.0.1", "::1", "localhost"}
PASSING = {408, 425, 429, 500, 502, 503, 504}  # it may work in a moment
LONGEST_ASKED = 60.0  # seconds: what a server may ask one to wait


class Cut(Exception):
    """The transfer broke off, and may go on: why, and after how many seconds at least the server wants to be asked."""

    def __init__(self, why: str, after: float = 0.0) -> None:
        super().__init__(why)
        self.after = after


class Unfit(Exception):
    """The server has nothing from there on: what is here is longer than its file."""


class _Redirect(urllib.request.HTTPRedirectHandler):
    max_redirections = 5

    def redirect_request(self, req: Any, fp: Any, code: int, msg: str, headers: Any, newurl: str) -> Any:
        if urlsplit(newurl).scheme != urlsplit(req.full_url).scheme:
            fp.close()
            raise ModelError(f"{req.full_url}: leads on to {newurl:.200}, which is not {urlsplit(req.full_url).scheme}")
        check_address(newurl)
        return super().redirect_request(req, fp, code, msg, headers, newurl)


def check_address(url: str) -> None:
    """Raise ModelError unless it is https; plain http only reaches this machine itself."""
    parts = urlsplit(url)
    if parts.scheme != "https" and not (parts.scheme == "http" and parts.hostname in LOOPBACK):
        raise ModelError(f"{url:.200}: only https addresses are fetched from")


def ask(url: str, start: int, tag: str, silence: float) -> http.client.HTTPResponse:
    """The answer to a request for `url` from byte `start` on, if it is still the file that `tag` names.

    Raises Cut, Unfit, or ModelError where asking again would not help.
    """
    headers = {"User-Agent": "cleanplate", "Accept-Encoding": "identity"}
    if start:
        headers |= {"Range": f"bytes={start}-"} | ({"If-Range": tag} if tag else {})
    request = urllib.request.Request(url, headers=headers)  # noqa: S310 - check_address saw it
    try:
        answer: http.client.HTTPResponse = urllib.request.build_opener(_Redirect).open(request, timeout=silence)
    except urllib.error.HTTPError as error:
        with error:
            raise _refusal(url, error) from error
    except (OSError, http.client.HTTPException) as error:
        raise _failure(url, error, silence) from error
    return answer


def pieces(answer: http.client.HTTPResponse, silence: float, clock: Callable[[], float]) -> Iterator[bytes]:
    """What comes, as it comes. Raises Cut where it stops coming, or hardly comes."""
    since, got = clock(), 0
    while piece := _read(answer, silence):
        yield piece
        got += len(piece)
        passed = clock() - since
        if passed >= silence:
            if got < SLOWEST * passed:
                raise Cut(f"only {got} bytes in {passed:.0f} s")
            since, got = clock(), 0


def _read(answer: http.client.HTTPResponse, silence: float) -> bytes:
    stream: IO[bytes] = answer
    try:
        return stream.read1(PIECE)  # type: ignore[attr-defined,no-any-return]
    except (OSError, http.client.HTTPException) as error:
        raise Cut(_reason(error, silence)) from error


def _refusal(url: str, error: urllib.error.HTTPError) -> Exception:
    if error.code == http.HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE:
        return Unfit()
    if error.code in PASSING:
        asked = error.headers.get("Retry-After", "")
        return Cut(f"the server said {error.code} {error.reason}", min(_number(asked), LONGEST_ASKED))
    return ModelError(f"{url}: the server said {error.code} {error.reason}")


def _failure(url: str, error: Exception, silence: float) -> Exception:
    reason = getattr(error, "reason", error)
    if isinstance(reason, ssl.SSLCertVerificationError):
        return ModelError(f"{url}: the server's certificate is not trusted: {reason.verify_message}")
    return Cut(_reason(reason, silence))


def _reason(error: object, silence: float) -> str:
    if isinstance(error, TimeoutError):
        return f"no byte came for {silence:g} s"
    said = getattr(error, "strerror", None) or str(error) or type(error).__name__
    return str(said).splitlines()[0][:200]


def _number(text: str) -> float:
    return float(text) if text.isdecimal() else 0.0
