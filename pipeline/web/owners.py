"""Owners: who comes is known by a random token, of which only the hash is kept; who knows none has to log in first."""

from __future__ import annotations

import contextlib
import hashlib
import hmac
import json
import os
import secrets
import threading
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

from starlette.requests import HTTPConnection

from pipeline.errors import SetupError
from pipeline.web.refusal import Refused
from pipeline.web.settings import ServeSettings

COOKIE = "cleanplate"
MOST = 1000
FRESH_S = 3600.0  # who came within so many seconds is never forgotten to make room
NOTED_S = 300.0  # a later use than this is noted on the disk
LONGEST = 128  # characters of a token that is worth a look
FILE = "owners.json"
LOST = "log in first: POST /api/login"


class Owners:
    """The owners' hashes with the time of their last use, in FILE under `folder`, so that a restart keeps them.

    An owner's id is the hash of its token: who knows an id can do nothing with it. Another access token than that of
    the last time forgets all of them: it was changed to keep somebody out."""

    def __init__(self, settings: ServeSettings, clock: Callable[[], float] | None = None) -> None:
        self._settings = settings
        self._clock = clock or (lambda: datetime.now(UTC).timestamp())
        self._lock = threading.Lock()
        self._path = settings.media / FILE
        self._salt = secrets.token_hex(16)
        self._key = ""
        self._seen: dict[str, float] = {}
        self._noted = 0.0
        self._load()

    @property
    def token_needed(self) -> bool:
        """Whether an access token is asked for."""
        return bool(self._settings.token) or not self._settings.on_loopback

    def admits(self, token: str) -> bool:
        """Whether this is the access token; in constant time. Without one, only this machine is let in."""
        if not self._settings.token:
            return self._settings.on_loopback
        return hmac.compare_digest(_hash(token), _hash(self._settings.token))

    def issue(self) -> str:
        """A new owner's token; it is given out once. Raises Refused when there are too many."""
        token = secrets.token_urlsafe(32)
        with self._lock:
            self._make_room()
            self._seen[id_of(token)] = self._clock()
            self._save()
        return token

    def owner_of(self, connection: HTTPConnection) -> str | None:
        """The id of the owner that a request or a WebSocket comes from, None for a stranger."""
        token = token_of(connection)
        if not 16 <= len(token) <= LONGEST:
            return None
        # Looked up by its hash: how long that takes tells of the hash, and nothing of a token that is 256 random bits.
        owner = id_of(token)
        with self._lock:
            if owner not in self._seen:
                return None
            self._seen[owner] = self._clock()
            return owner

    def forget(self, owner: str) -> None:
        """Log out: the token is worth nothing any more."""
        with self._lock:
            if self._seen.pop(owner, None) is not None:
                self._save()

    def sweep(self) -> list[str]:
        """Forget who has not come for as long as media are kept; their ids. Notes the others' last use."""
        with self._lock:
            until = self._clock() - self._settings.limits.keep_seconds
            gone = [owner for owner, seen in self._seen.items() if seen < until]
            for owner in gone:
                del self._seen[owner]
            if gone or self._clock() - self._noted > NOTED_S:
                self._save()
            return gone

    def __contains__(self, owner: object) -> bool:
        return owner in self._seen

    def __len__(self) -> int:
        return len(self._seen)

    def _make_room(self) -> None:
        if len(self._seen) < MOST:
            return
        owner = min(self._seen, key=self._seen.__getitem__)
        if self._clock() - self._seen[owner] < FRESH_S:
            raise Refused(503, f"{MOST} others came within the hour; try again later", {"Retry-After": "600"})
        del self._seen[owner]

    def _load(self) -> None:
        try:
            self._settings.media.mkdir(parents=True, exist_ok=True, mode=0o700)
            found = json.loads(self._path.read_text())
            salt, key = str(found["salt"]), str(found["key"])
            owners = {str(owner): float(seen) for owner, seen in dict(found["owners"]).items()}
        except FileNotFoundError:
            owners, salt, key = {}, self._salt, ""
        except OSError as error:
            raise SetupError(f"{self._path}: cannot be read ({error.strerror}); give another --media") from error
        except (ValueError, KeyError, TypeError, AttributeError):
            owners, salt, key = {}, self._salt, ""  # torn by hand: everybody logs in again
        self._salt = salt
        self._key = _slow_hash(self._settings.token, salt)
        if hmac.compare_digest(key, self._key):
            self._seen = owners
        with self._lock:
            self._save()

    def _save(self) -> None:
        """All or nothing; readable by this user only."""
        part = self._path.with_name(f".{FILE}.part")
        text = json.dumps({"salt": self._salt, "key": self._key, "owners": self._seen})
        try:
            with contextlib.suppress(FileNotFoundError):
                part.unlink()
            handle = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
            with open(handle, "w") as file:
                file.write(text)
            os.replace(part, self._path)
        except OSError as error:
            raise Refused(503, f"who comes cannot be noted down ({error.strerror}); is the disk full?") from error
        self._noted = self._clock()


def id_of(token: str) -> str:
    """The owner's id: a hash, and the name of its folder."""
    return _hash(token).hex()


def folder_of(settings: ServeSettings, owner: str) -> Path:
    """Where an owner's media are. `owner` is an id, as `require_owner` returns it."""
    assert len(owner) == 64
    assert set(owner) <= set("0123456789abcdef")
    return settings.media / owner


def token_of(connection: HTTPConnection) -> str:
    """What a request shows: `Authorization: Bearer TOKEN` (a program), or else the cookie (a page); "" for nothing."""
    kind, _, token = connection.headers.get("authorization", "").partition(" ")
    if kind.lower() == "bearer":
        return token.strip()
    return _cookie(connection.headers.get("cookie", ""))


def require_owner(connection: HTTPConnection) -> str:
    """FastAPI dependency: the owner's id. Raises Refused (401) for a stranger."""
    owners: Owners = connection.app.state.owners
    owner = owners.owner_of(connection)
    if owner is None:
        raise Refused(401, LOST, {"WWW-Authenticate": "Bearer"})
    return owner


def _cookie(text: str) -> str:
    """Of several of the name (another program on this host may have set one) the first."""
    for pair in text.split(";"):
        name, _, value = pair.strip().partition("=")
        if name == COOKIE:
            return value.strip('"')
    return ""


def _hash(text: str) -> bytes:
    return hashlib.sha256(text.encode("utf-8", "surrogateescape")).digest()


def _slow_hash(token: str, salt: str) -> str:
    """Of the access token: it may be a word that somebody thought of, so guessing it from this must cost."""
    return hashlib.scrypt(token.encode(), salt=salt.encode(), n=2**14, r=8, p=1).hex()
