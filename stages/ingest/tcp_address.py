"""Addresses of the form tcp://HOST:PORT?width=W&height=H&rate=R: what they say, and what is wrong with one."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from fractions import Fraction
from urllib.parse import parse_qsl, urlsplit

SCHEME = "tcp"
MAX_SIDE = 16384
LEAST_SIDE = 16
MAX_RATE = 1000
EVERYWHERE = ("0.0.0.0", "::")  # noqa: S104 - the addresses that mean every network of this machine


@dataclass(frozen=True)
class Address:
    """Where to listen, and what is to come: pixels and frames/s, None where the address does not say."""

    host: str
    port: int
    width: int | None = None
    height: int | None = None
    rate: Fraction | None = None

    @property
    def size(self) -> tuple[int, int] | None:
        """Width and height, where both are given."""
        return None if self.width is None or self.height is None else (self.width, self.height)

    def reached_by(self, port: int) -> str:
        """What a sender on this machine connects to, where it listens at `port`."""
        host = self.host if self.host not in EVERYWHERE else "127.0.0.1"
        return f"tcp://{f'[{host}]' if ':' in host else host}:{port}"


def split(text: str, known: Collection[str]) -> tuple[str, int, dict[str, str]]:
    """Host, port and the options of an address, which are among those `known`. Raises ValueError, in one line."""
    parts = urlsplit(text)
    if parts.scheme.lower() != SCHEME or parts.path not in ("", "/") or parts.fragment or "@" in parts.netloc:
        raise ValueError("is not of the form tcp://HOST:PORT")
    try:
        port = parts.port
    except ValueError as error:
        raise ValueError("the port is not a number from 0 to 65535") from error
    if port is None:
        raise ValueError("has no port; it is of the form tcp://HOST:PORT")
    pairs = parse_qsl(parts.query, keep_blank_values=True)
    options = dict(pairs)
    if len(options) < len(pairs):
        raise ValueError("says something twice")
    if unknown := sorted(set(options) - set(known)):
        raise ValueError(f"{unknown[0]!r} is none of {', '.join(sorted(known))}")
    return parts.hostname or "127.0.0.1", port, options


def parse(text: str) -> Address:
    """What an address to listen at says. Without a host it is this machine alone. Raises ValueError, in one line."""
    host, port, options = split(text, ("width", "height", "rate"))
    width, height = (_side(options[name], name) if name in options else None for name in ("width", "height"))
    if (width is None) != (height is None):
        raise ValueError("width and height belong together: give both, or none")
    rate = _rate(options["rate"]) if "rate" in options else None
    return Address(host, port, width, height, rate)


def _side(text: str, name: str) -> int:
    if not text.isascii() or not text.isdigit() or not LEAST_SIDE <= int(text[:9]) <= MAX_SIDE:
        raise ValueError(f"{name}={text[:20]} is not a number of pixels from {LEAST_SIDE} to {MAX_SIDE}")
    return int(text)


def _rate(text: str) -> Fraction:
    try:
        rate = Fraction(text) if len(text) <= 20 and "e" not in text.lower() else Fraction(0)
    except (ValueError, ZeroDivisionError):
        rate = Fraction(0)
    if not 0 < rate <= MAX_RATE:
        raise ValueError(f"rate={text[:20]} is not a rate in frames/s, as 30 or 30000/1001")
    return rate
