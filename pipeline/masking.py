"""Masking: the passwords in a text replaced by stars; the URLs in it are taken apart, and rather too much is hidden."""

from __future__ import annotations

import re
from collections.abc import Iterable
from urllib.parse import quote, unquote

STARS = "***"
_WORDS = ("pass", "passwd", "password", "passphrase", "pwd", "secret", "token", "key", "auth", "sig", "signature")
SECRET_KEYS = frozenset({*_WORDS, "access_token", "apikey", "api_key", "streamkey"})
_URL = re.compile(r"[A-Za-z][A-Za-z0-9+.-]{0,31}://\S+")  # bounded: else a long word takes its length squared


def masked(text: str, secrets: Iterable[str] = ()) -> str:
    """The text without the passwords of its URLs, and without these secrets wherever they stand."""
    for secret in secrets:
        text = text.replace(secret, STARS)
    return _URL.sub(lambda found: _masked_url(found[0]), text)


def secrets_of(url: str) -> set[str]:
    """Every spelling of the password of a URL; libraries print it decoded as well."""
    _, _, rest = url.partition("://")
    _, colon, password = _user(rest).partition(":")
    if not colon or not password:
        return set()
    return {password, unquote(password), quote(unquote(password), safe="")}


def _masked_url(url: str) -> str:
    scheme, _, rest = url.partition("://")
    user = _user(rest)
    if ":" in user:
        rest = f"{user.partition(':')[0]}:{STARS}{rest[len(user) :]}"
    path, mark, query = rest.partition("?")
    return f"{scheme}://{path}{mark}{re.sub(r'([^&;=#]+)=([^&;#]*)', _masked_pair, query)}"


def _masked_pair(pair: re.Match[str]) -> str:
    return f"{pair[1]}={STARS}" if pair[2] and unquote(pair[1]).lower() in SECRET_KEYS else pair[0]


def _user(rest: str) -> str:
    """The `user:password` of what follows `scheme://`, or nothing.

    A password may hold any character, an unescaped / or @ too: all up to the last @ may be part of it."""
    host = re.split(r"[/?#]", rest, maxsplit=1)[0]
    if "@" not in host and not re.search(r":(?!\d*$)", host):
        return ""  # a host with at most a port: an @ further on belongs to the path
    return rest.rpartition("@")[0]
