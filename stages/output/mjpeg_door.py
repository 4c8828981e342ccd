"""Door: who may come in over HTTP, and what for; knows no socket and no picture."""

from __future__ import annotations

import hmac
import io
import ipaddress
import re
import secrets
from dataclasses import dataclass
from http import HTTPStatus
from http.client import HTTPException, parse_headers
from typing import Literal
from urllib.parse import urlsplit

from pipeline.errors import SetupError
from pipeline.masking import masked

LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})
SHORTEST_TOKEN = 16  # characters of the URL-safe alphabet: 96 bits
_TOKEN = re.compile(r"[A-Za-z0-9_-]+")
What = Literal["page", "stream", "snapshot"]


@dataclass(frozen=True)
class Door:
    """An address to serve at: `http://HOST:PORT/`, with `TOKEN/` behind it where others than this machine may come."""

    host: str
    port: int
    token: str = ""

    @classmethod
    def of(cls, address: str, *, open_to_network: bool) -> Door:
        """Raises SetupError for what is no such address, or would be open to others without being meant to be."""
        said = masked(address)
        try:
            url = urlsplit(address)
            host, port = url.hostname, url.port
        except ValueError as error:
            raise SetupError(f"{said}: not an address ({error}); take http://127.0.0.1:8090/") from error
        if url.scheme != "http" or not host or port is None or url.query or url.fragment or url.username is not None:
            raise SetupError(f"{said}: pictures are served at http://HOST:PORT/, as http://127.0.0.1:8090/")
        token = url.path.strip("/")
        if not _is_loopback(host):
            _check_open(host, port, token, open_to_network)
        if token and not _TOKEN.fullmatch(token):
            raise SetupError(f"{said}: a token is made of letters, digits, - and _")
        return cls(host, port, token)

    def shown(self, port: int | None = None) -> str:
        """The address as it may be read by anybody: without the token."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"http://{host}:{self.port if port is None else port}/{'TOKEN/' if self.token else ''}"

    def judge(self, head: bytes, port: int) -> What | HTTPStatus:
        """What a request is answered with, from its head up to the empty line, or why it is refused."""
        line, _, rest = head.partition(b"\r\n")
        words = line.decode("latin-1").split(" ")
        if len(words) != 3 or not words[2].startswith("HTTP/1."):
            return HTTPStatus.BAD_REQUEST
        try:
            headers = parse_headers(io.BytesIO(rest))
        except (HTTPException, ValueError):
            return HTTPStatus.BAD_REQUEST
        if len(headers.get_all("Host", [])) != 1 or not self._is_ours(headers["Host"], port):
            return HTTPStatus.MISDIRECTED_REQUEST
        if words[0] != "GET":
            return HTTPStatus.METHOD_NOT_ALLOWED
        path, _, query = words[1].partition("?")
        return self._what(path, query, headers.get("Accept", ""))

    def _what(self, path: str, query: str, accept: str) -> What | HTTPStatus:
        if self.token:
            given, slash, path = path.lstrip("/").partition("/")
            if not slash or not hmac.compare_digest(given.encode(), self.token.encode()):
                return HTTPStatus.NOT_FOUND
            path = f"/{path}"
        if path == "/snapshot.jpg":
            return "snapshot"
        if path != "/":
            return HTTPStatus.NOT_FOUND
        return "page" if "text/html" in accept and query != "stream" else "stream"

    def _is_ours(self, host: str, port: int) -> bool:
        """A page elsewhere may point a name of its own at this machine: such a name is in its Host header."""
        try:
            url = urlsplit(f"//{host}")
            name, given = url.hostname, url.port
        except ValueError:
            return False
        if not _is_loopback(self.host):
            return name is not None  # the token keeps them out, and this machine's names are not known here
        return name in LOOPBACK | {self.host} and given in (None, port)


def _is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _check_open(host: str, port: int, token: str, open_to_network: bool) -> None:
    shown = f"[{host}]" if ":" in host else host
    if not open_to_network:
        here = f"http://127.0.0.1:{port}/"
        raise SetupError(f"http://{shown}:{port}: others could watch; take {here}, or set open_to_network to true")
    if len(token) < SHORTEST_TOKEN:
        fresh = secrets.token_urlsafe(SHORTEST_TOKEN)
        raise SetupError(
            f"http://{shown}:{port}: needs a token of {SHORTEST_TOKEN} characters or more in its path: who knows it may"
            f" watch; take http://{shown}:{port}/{fresh}/, or ${{NAME}} there for one from the environment"
        )
