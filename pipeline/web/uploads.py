"""Uploads: files that owners sent, each in a folder and under a name of the server's, judged by what they hold."""

from __future__ import annotations

import asyncio
import json
import os
import re
import secrets
import shutil
from collections import Counter
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, cast

from pydantic import BaseModel, ConfigDict, ValidationError

from pipeline.web.bodies import Left
from pipeline.web.names import display_name
from pipeline.web.owners import folder_of
from pipeline.web.probing import Probing
from pipeline.web.refusal import Refused
from pipeline.web.room import check_room
from pipeline.web.settings import ServeSettings

FOLDER, PART, FACTS = "uploads", "coming", "facts.json"
ENDINGS = {"video": "video.mp4", "image": "image.png"}  # by what it is, whatever it was called: the name that runs see
PIECE = 1 << 20
LOOK_EVERY = 32 << 20  # bytes between two looks at how much room is left
OF_ALL = 32  # uploads that come in at once
KEPT_EACH = 500
IDENT = re.compile(r"[0-9a-f]{32}")


class Facts(BaseModel):
    """What is known of an upload; `name` is what its sender calls it."""

    model_config = ConfigDict(frozen=True)

    id: str
    name: str
    bytes: int
    kind: str
    width: int
    height: int
    rate: float | None
    seconds: float | None
    frames: int | None
    created: str


class Uploads:
    """Of all owners. Which folder is whose is told by its path: media/OWNER/uploads/ID."""

    def __init__(self, settings: ServeSettings, probing: Probing | None = None) -> None:
        self.probing = probing or Probing()
        self._settings = settings
        self._coming: Counter[str] = Counter()
        self._ids: set[str] = set()  # that are coming in: not to be swept

    @property
    def coming(self) -> frozenset[str]:
        """The ids of those that come in just now."""
        return frozenset(self._ids)

    async def take(self, owner: str, header: str, announced: int, body: AsyncIterator[bytes]) -> Facts:
        """Keep what comes, if it is a video or a picture; else nothing of it stays. Raises Refused, Left."""
        limits = self._settings.limits
        if self._coming[owner] >= limits.uploads_each or self._coming.total() >= OF_ALL:
            raise Refused(
                429, f"{limits.uploads_each} uploads at once are the most; wait for one", {"Retry-After": "10"}
            )
        self._coming[owner] += 1
        ident = secrets.token_hex(16)
        self._ids.add(ident)
        folder = self._folder(owner) / ident
        facts = None
        try:
            if len(await self.of(owner)) >= KEPT_EACH:
                raise Refused(413, f"{KEPT_EACH} uploads are kept already; delete some first")
            await self._receive(folder, announced, body)
            facts = await self._judge(folder, ident, display_name(header))
            return facts
        finally:
            self._ids.discard(ident)
            self._coming -= Counter((owner,))
            if facts is None:
                await asyncio.shield(asyncio.to_thread(shutil.rmtree, folder, ignore_errors=True))

    async def of(self, owner: str) -> list[Facts]:
        """An owner's uploads, the newest first."""
        return await asyncio.to_thread(self._read_all, owner)

    async def facts_of(self, owner: str, ident: str) -> Facts:
        """Raises Refused (404), also where it is somebody else's."""
        facts = await asyncio.to_thread(_read, self._checked(owner, ident))
        if facts is None:
            raise Refused(404, "there is no such upload")
        return facts

    async def path_of(self, owner: str, ident: str) -> str:
        """The file, for a run; that counts as its last use. Raises Refused (404)."""
        facts = await self.facts_of(owner, ident)
        folder = self._checked(owner, ident)
        await asyncio.to_thread(os.utime, folder / FACTS)
        return str(folder / ENDINGS[facts.kind])

    async def delete(self, owner: str, ident: str) -> None:
        """Raises Refused (404)."""
        await self.facts_of(owner, ident)
        await asyncio.to_thread(shutil.rmtree, self._checked(owner, ident), ignore_errors=True)

    def _folder(self, owner: str) -> Path:
        return folder_of(self._settings, owner) / FOLDER

    def _checked(self, owner: str, ident: str) -> Path:
        if not IDENT.fullmatch(ident):
            raise Refused(404, "there is no such upload")
        return self._folder(owner) / ident

    async def _receive(self, folder: Path, announced: int, body: AsyncIterator[bytes]) -> None:
        """Write it down as it comes. Nothing of it is held in memory but a piece."""
        home = folder.parent.parent
        room = await asyncio.to_thread(check_room, self._settings, home, announced)
        handle = await asyncio.to_thread(_create, folder)
        try:
            came = looked = 0
            piece = bytearray()
            async for part in body:
                piece += part
                came += len(part)
                if came - looked > room:
                    raise Refused(413, "no room for more; delete uploads or results first", {"Connection": "close"})
                if len(piece) >= PIECE:
                    await asyncio.to_thread(_write, handle, bytes(piece))
                    piece.clear()
                if came - looked > LOOK_EVERY and not piece:
                    looked, room = came, await asyncio.to_thread(check_room, self._settings, home, 0)
            await asyncio.to_thread(_write, handle, bytes(piece))
        finally:
            os.close(handle)
        if not came:
            raise Refused(400, "the body is empty: send the file itself, not a form")
        if announced and came != announced:
            raise Left

    async def _judge(self, folder: Path, ident: str, name: str) -> Facts:
        path = folder / PART
        try:
            found = await self.probing.file(str(path))
        except Refused as refused:
            if refused.status != 422:
                raise
            why = refused.text.replace(str(path), name)
            raise Refused(415, f"{name}: no video or picture that can be read here ({why})") from refused
        found.pop("still")
        size = (await asyncio.to_thread(path.stat)).st_size
        facts = Facts(id=ident, name=name, bytes=size, created=f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ}", **found)
        await asyncio.to_thread(_settle, folder, facts)
        return facts

    def _read_all(self, owner: str) -> list[Facts]:
        try:
            names = os.listdir(self._folder(owner))
        except FileNotFoundError:
            return []
        found = [_read(self._folder(owner) / name) for name in names if IDENT.fullmatch(name)]
        return sorted((facts for facts in found if facts is not None), key=lambda facts: facts.created, reverse=True)


def _create(folder: Path) -> int:
    try:
        folder.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        folder.mkdir(mode=0o700)
        return os.open(folder / PART, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise Refused(503, f"the server cannot write ({error.strerror})") from error


def _write(handle: int, data: bytes) -> None:
    try:
        rest = memoryview(data)
        while rest:
            rest = rest[os.write(handle, rest) :]
    except OSError as error:
        raise Refused(503, f"the server cannot write ({error.strerror})", {"Connection": "close"}) from error


def _settle(folder: Path, facts: Facts) -> None:
    """Whole from here on: the facts come last."""
    try:
        os.rename(folder / PART, folder / ENDINGS[facts.kind])
        (folder / FACTS).touch(mode=0o600, exist_ok=False)
        (folder / FACTS).write_text(facts.model_dump_json())
    except OSError as error:
        raise Refused(503, f"the server cannot write ({error.strerror})") from error


def _read(folder: Path) -> Facts | None:
    """None where there is none, or not yet."""
    try:
        return Facts.model_validate(cast(dict[str, Any], json.loads((folder / FACTS).read_text())))
    except (OSError, ValueError, ValidationError):
        return None
