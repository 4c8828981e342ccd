"""Peers: the WebRTC connections that are open; owns how many there may be, and that each one ends.

A peer ends when it is told to, when its session ends, when its client goes (DTLS says so, or the client's checks stay
out: see `ice.CONSENT_FAILURES`), and when it is not connected within CONNECT_S.
"""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from pipeline.web import ice
from pipeline.web.refusal import Refused
from pipeline.web.settings import ServeSettings

if TYPE_CHECKING:
    from aiortc import RTCPeerConnection

    from pipeline.web.sessions import Session

CONNECT_S = 15.0  # for checks and handshake; a phone on a bad network takes 5
LOOK_S = 1.0
CLOSE_S = 5.0  # for saying goodbye
BACKLOG = 240  # packets' frames that wait to be decoded: a client that sends more than can be taken is let go
OVER = ("ended", "failed")


class Peer:
    """One connection, of one session: `kind` is whep (it watches) or whip (it sends)."""

    def __init__(self, kind: str, session: Session, connection: RTCPeerConnection) -> None:
        self.id = secrets.token_urlsafe(16)
        self.kind = kind
        self.session = session
        self.connection = connection
        self.why = ""
        self._gone = asyncio.Event()
        self._tasks: list[asyncio.Task[None]] = []
        self._life: asyncio.Task[None] | None = None
        connection.on("connectionstatechange", self._look)

    @property
    def state(self) -> str:
        return self.connection.connectionState

    def begin(self, ended: Callable[[Peer], None], *work: Coroutine[None, None, None]) -> None:
        """Live: do this work until the end, and then tell. A piece of work that ends takes the peer with it."""
        self._tasks = [asyncio.create_task(one) for one in work]
        for task in self._tasks:
            task.add_done_callback(lambda done: self.leave(_reason(done)))
        self._life = asyncio.create_task(self._live(ended))

    def leave(self, why: str) -> None:
        """End soon; the first reason stays."""
        self.why = self.why or why
        self._gone.set()

    async def close(self, why: str) -> None:
        """End, and return when nothing is left. May be called again."""
        self.leave(why)
        if self._life is not None:
            await asyncio.wait([self._life])
        else:
            await self._finish()

    def _look(self) -> None:
        if self.state in ("failed", "closed"):
            self.leave("the client is gone")

    async def _live(self, ended: Callable[[Peer], None]) -> None:
        now = asyncio.get_running_loop().time
        late = now() + CONNECT_S
        try:
            while not self._gone.is_set():
                await _within(self._gone, LOOK_S)
                if self.session.state in OVER:
                    self.leave("the session has ended")
                elif self.state != "connected" and now() > late:
                    self.leave(f"no connection within {CONNECT_S:g} s")
                elif any(_backlog(receiver) > BACKLOG for receiver in self.connection.getReceivers()):
                    self.leave("more pictures came than could be decoded")
        finally:
            await self._finish()
            ended(self)

    async def _finish(self) -> None:
        for task in self._tasks:
            task.cancel()
        if self._tasks:
            await asyncio.wait(self._tasks)
        closing = asyncio.create_task(self.connection.close())
        await asyncio.wait([closing], timeout=CLOSE_S)


class Peers:
    """All of the web process. `limit` peers at once, of all sessions together. Raises ConfigError."""

    def __init__(self, settings: ServeSettings) -> None:
        self.limit = settings.limits.peers
        if settings.ice_servers:
            ice.configuration(settings)  # said before anything is served: an address that is none
        self._hosts = ice.hosts(settings)
        self._settings = settings
        self._peers: dict[str, Peer] = {}
        self._coming = 0

    def __len__(self) -> int:
        return len(self._peers) + self._coming

    def __iter__(self) -> Iterator[Peer]:
        return iter(list(self._peers.values()))

    @contextmanager
    def room(self) -> Iterator[None]:
        """Room for one more while it is being made. Raises Refused."""
        if not self.limit:
            raise Refused(503, "WebRTC is switched off here; the page shows its pictures without it")
        if len(self) >= self.limit:
            raise Refused(503, f"all {self.limit} WebRTC connections are taken; close one, or watch without WebRTC")
        self._coming += 1
        try:
            yield
        finally:
            self._coming -= 1

    def connection(self) -> RTCPeerConnection:
        """A new one, which keeps to the addresses that the server is bound to, and asks no server but the named
        ones."""
        from aiortc import RTCPeerConnection

        ice.HOSTS.set(self._hosts)  # of this request's own context
        return RTCPeerConnection(ice.configuration(self._settings))

    def add(self, peer: Peer, *work: Coroutine[None, None, None]) -> None:
        self._peers[peer.id] = peer
        peer.begin(self._forget, *work)

    def get(self, kind: str, session: Session, name: str) -> Peer:
        """Raises Refused."""
        peer = self._peers.get(name)
        if peer is None or peer.kind != kind or peer.session is not session:
            raise Refused(404, "there is no such connection; it may have ended")
        return peer

    async def close_of(self, session: Session, kind: str = "", why: str = "the session has ended") -> None:
        """End all peers of a session, or those of one kind."""
        await self._close([peer for peer in self if peer.session is session and kind in ("", peer.kind)], why)

    async def close(self) -> None:
        await self._close(list(self), "the server ends")

    def _forget(self, peer: Peer) -> None:
        self._peers.pop(peer.id, None)

    async def _close(self, peers: list[Peer], why: str) -> None:
        await asyncio.gather(*(peer.close(why) for peer in peers))


def _reason(task: asyncio.Task[None]) -> str:
    error = None if task.cancelled() else task.exception()
    return "its work is done" if error is None else f"{type(error).__name__}: {error}"


def _backlog(receiver: object) -> int:
    """Frames that aiortc holds for its decoder: it has no bound of its own, and no public name for them."""
    waiting = getattr(receiver, "_RTCRtpReceiver__decoder_queue", None)
    return 0 if waiting is None else int(waiting.qsize())


async def _within(event: asyncio.Event, seconds: float) -> None:
    try:
        async with asyncio.timeout(seconds):
            await event.wait()
    except TimeoutError:
        return
