"""Sessions: all that run here, whose they are, and how many may."""

from __future__ import annotations

import asyncio
import os
import secrets
import shutil
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from pipeline.environment import state_dir
from pipeline.errors import ConfigError
from pipeline.instances import lock, private_dir
from pipeline.web.catalogue import Catalogue
from pipeline.web.launch import start_of
from pipeline.web.originals import Originals
from pipeline.web.owners import folder_of
from pipeline.web.refusal import Refused
from pipeline.web.room import check_room
from pipeline.web.session import Session
from pipeline.web.settings import ServeSettings
from pipeline.web.start import Places, Start
from pipeline.web.wishes import Rewish, Wish

if TYPE_CHECKING:
    from pipeline.web.uploads import Uploads

__all__ = ["Session", "Sessions"]
MOST_ENDED = 20  # of one owner that are still told of
LONGEST_PATH = 107  # bytes of a Unix socket's address
IDENT = 10  # random bytes of an id
ASKING = 24  # requests to pipelines at once
ORIGINAL_S = 600.0  # for which the upload of a session that protects, and has ended, is there for another run of it


class Sessions:
    """Each is known by an id that nobody guesses, to its owner only."""

    def __init__(self, settings: ServeSettings, catalogue: Catalogue, uploads: Uploads) -> None:
        self.catalogue = catalogue
        self._settings, self._uploads = settings, uploads
        self._sessions: dict[str, Session] = {}
        self._coming: list[str] = []  # the owners of those that are being made
        self._originals = Originals()
        self._leaving: asyncio.Future[None] | None = None
        self._asking = ThreadPoolExecutor(ASKING, thread_name_prefix="asking")
        self._folder, self._held = _private_folder()

    def __len__(self) -> int:
        """How many run."""
        return sum(session.alive for session in self._sessions.values()) + len(self._coming)

    def of(self, owner: str) -> list[Session]:
        """An owner's, the oldest first."""
        return [session for session in self._sessions.values() if session.owner == owner]

    def get(self, owner: str, ident: str) -> Session:
        """Raises Refused (404), also where it is somebody else's."""
        session = self._sessions.get(ident)
        if session is None or session.owner != owner:
            raise Refused(404, "there is no such session")
        return session

    def idents(self) -> frozenset[str]:
        """Of all that are known: their files are in use. One that ended long ago is no longer known."""
        old = [session.id for session in self._sessions.values() if session.ended_for > ORIGINAL_S]
        self._leaving = asyncio.get_running_loop().run_in_executor(None, self._let_go, old)
        for session in list(self._sessions.values()):
            if session.ended_for > self._settings.limits.keep_seconds:
                self._forget(session)
        return frozenset(self._sessions)

    async def create(self, owner: str, wish: Wish) -> Session:
        """A new one that runs. Raises Refused."""
        self._check_room(owner)
        self._coming.append(owner)
        ident = secrets.token_hex(IDENT)
        try:
            session = await self._made(ident, owner)
            try:
                session.pinned, session.title = wish.pinned, wish.title
                start = await start_of(session, wish, self.catalogue, self._settings, self._uploads)
                await session.begin(start)
                await self._take_along(session, start)
            except BaseException:
                await self._unmake(session)
                raise
        finally:
            self._coming.remove(owner)
        self._sessions[ident] = session
        self._forget_oldest(owner)
        return session

    async def restart(self, session: Session, rewish: Rewish) -> None:
        """End its run and begin a new one, with other wishes where there are some. Raises Refused."""
        assert session.start is not None
        async with session.turning:
            self.get(session.owner, session.id)  # it may have been removed meanwhile
            wish = rewish.over(session.start.wish)
            given = rewish.settings or {}
            start = await start_of(session, wish, self.catalogue, self._settings, self._uploads, given)
            if not session.alive:
                self._check_room(session.owner)
            self._coming.append(session.owner)  # its place is not given away meanwhile
            try:
                await session.stop()
                session.pinned, session.title = wish.pinned, wish.title
                await session.begin(start)
                await self._take_along(session, start)
            finally:
                self._coming.remove(session.owner)

    async def remove(self, session: Session) -> None:
        """Stop it and forget it; its files stay."""
        self._sessions.pop(session.id, None)
        async with session.turning:
            await self._unmake(session)

    async def close(self) -> None:
        """End all of them, and unmake what is here."""
        await asyncio.gather(*(self.remove(session) for session in list(self._sessions.values())))
        self._asking.shutdown(wait=False, cancel_futures=True)
        os.close(self._held)
        await asyncio.to_thread(shutil.rmtree, self._folder, ignore_errors=True)

    async def _take_along(self, session: Session, start: Start) -> None:
        """What is sent to a pipeline that protects is there for as long as the session."""
        folder = Path(start.orders.input).parent if start.wish.source.kind == "upload" else None
        await asyncio.to_thread(self._originals.renew, session.id, folder, protected=start.offer.privacy)

    def _let_go(self, idents: list[str]) -> None:
        for ident in idents:
            self._originals.let_go(ident)

    def _check_room(self, owner: str) -> None:
        """Raises Refused (429)."""
        limits = self._settings.limits
        own = sum(session.alive for session in self.of(owner)) + self._coming.count(owner)
        if own >= limits.sessions_each:
            raise Refused(429, f"{own} sessions of yours run, which is the most; stop one first")
        if len(self) >= limits.sessions:
            raise Refused(429, f"all {limits.sessions} sessions of this server are taken; try again later")

    async def _made(self, ident: str, owner: str) -> Session:
        home = folder_of(self._settings, owner)
        places = Places(self._folder / ident, home / "sessions" / ident, partial(check_room, self._settings, home, 0))
        await asyncio.to_thread(_make_folders, places.folder, places.media)
        session = Session(ident, owner, places, self._settings.limits, self._asking)
        await session.hub.start()
        return session

    async def _unmake(self, session: Session) -> None:
        await session.close()
        await asyncio.to_thread(self._let_go, [session.id])
        await asyncio.to_thread(shutil.rmtree, session.folder, ignore_errors=True)
        with suppress(OSError):  # there is something in it: that stays
            await asyncio.to_thread(session.media.rmdir)

    def _forget_oldest(self, owner: str) -> None:
        """Of those that have ended only the last ones are told of."""
        ended = [session for session in self.of(owner) if not session.alive]
        for session in ended[:-MOST_ENDED]:
            self._forget(session)

    def _forget(self, session: Session) -> None:
        session.farewell = asyncio.get_running_loop().create_task(self.remove(session))


def _make_folders(*folders: Path) -> None:
    for folder in folders:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)


def check_state_dir() -> None:
    """Raises ConfigError where sockets of sessions cannot be in the folder of what runs: their paths are short."""
    deepest = state_dir() / "web-00000000.d" / "".join("0" for _ in range(2 * IDENT)) / "pictures"
    if (length := len(os.fsencode(deepest))) > LONGEST_PATH:
        raise ConfigError(
            f"{state_dir()}: {length - LONGEST_PATH} bytes too long for the sockets of sessions; set CLEANPLATE_STATE"
            " to a shorter one"
        )


def _private_folder() -> tuple[Path, int]:
    """A folder of this server's own, and the lock that says that it lives: what a killed one leaves, the next run on
    this machine removes (see pipeline.instances.sweep)."""
    root = private_dir(state_dir())
    while True:
        folder = root / f"web-{secrets.token_hex(4)}.d"
        held = lock(folder / "lock")
        if held is not None:
            return folder, held
