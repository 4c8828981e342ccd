"""Addresses to push to: which are understood, and in what words they are refused; knows no connection."""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import parse_qsl, quote, urlsplit

from pipeline.errors import SetupError
from pipeline.masking import masked, secrets_of

RTSP_PORT = 554
SRT_QUERY = ("latency", "passphrase", "pbkeylen", "streamid")


@dataclass(frozen=True)
class Address:
    """Where a stream goes. `url` may hold a password: it is shown by `shown` only."""

    url: str
    scheme: str
    host: str
    port: int

    @classmethod
    def of(cls, url: str) -> Address:
        """Raises SetupError."""
        said = masked(url)
        try:
            parts = urlsplit(url)
            host, port = parts.hostname, parts.port
        except ValueError as error:
            raise SetupError(
                f"{said}: not an address ({error}); take rtsp://HOST:PORT/PATH or srt://HOST:PORT"
            ) from error
        if parts.scheme not in ("rtsp", "srt") or not host:
            raise SetupError(f"{said}: a stream is pushed to rtsp://HOST:PORT/PATH or srt://HOST:PORT")
        if parts.scheme == "srt":
            _check_srt(said, parts.query)
            if port is None:
                raise SetupError(f"{said}: no port is given: srt://HOST:PORT")
        return cls(url, parts.scheme, host, port or RTSP_PORT)

    @property
    def shown(self) -> str:
        return masked(self.url)

    def clean(self, text: str) -> str:
        """What somebody else said, without the password that he may have repeated."""
        return masked(text, secrets_of(self.url))

    def srt(self, patience_s: float) -> str:
        """The address as FFmpeg takes it, with a time limit for the connection and for each packet."""
        query = [(name, value) for name, value in parse_qsl(urlsplit(self.url).query)]
        query += [("mode", "caller"), ("connect_timeout", str(round(patience_s * 1000))), ("linger", "0")]
        query += [("timeout", str(round(patience_s * 1e6))), ("pkt_size", "1316")]
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"srt://{host}:{self.port}?" + "&".join(f"{name}={quote(value, safe='')}" for name, value in query)

    @property
    def secret_query(self) -> bool:
        """Whether the query holds a password: SRT's own, or the one behind the user in a stream's name."""
        query = dict(parse_qsl(urlsplit(self.url).query))
        return "passphrase" in query or query.get("streamid", "").count(":") >= 3


def _check_srt(said: str, query: str) -> None:
    for name, value in parse_qsl(query, keep_blank_values=True):
        if name not in SRT_QUERY:
            raise SetupError(f"{said}: srt:// knows no `{name}` here, only {', '.join(SRT_QUERY)}")
        if name == "latency" and not value.isdigit():
            raise SetupError(f"{said}: latency is a number of microseconds, not `{value}`")
