"""A session as the WebRTC routes see it: a real hub with a sink that draws, a real relay with a source that reads."""

from __future__ import annotations

import asyncio
import json
import struct
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any

import httpx
import numpy as np
from fastapi import FastAPI, Request, Response

from pipeline.web import ice
from pipeline.web.hub import Hub
from pipeline.web.owners import Owners
from pipeline.web.peers import Peers
from pipeline.web.refusal import Refused, answer
from pipeline.web.relays import RelayServer
from pipeline.web.settings import Limits, ServeSettings
from pipeline.web.webrtc import load, router
from tests.live.web import jpeg

LEVELS = {"result": 200, "input": 40, "mask": 120, "overlay": 160}
"""The grey of each view: by it a test tells what it was given."""


class Drawn:
    """Stands for `Session`: what the WebRTC routes use of one."""

    def __init__(self, folder: Path, views: Sequence[str] = ("input", "result"), privacy: bool = False) -> None:
        self.id, self.state, self.views, self.privacy = "s1", "running", list(views), privacy
        self.hub = Hub(folder, views)
        self.relay: RelayServer | None = None

    def describe(self) -> dict[str, Any]:
        return {"id": self.id, "state": self.state, "views": self.views, "privacy": self.privacy}


class Listed:
    """Stands for `Sessions`; every session is of the first owner."""

    def __init__(self, owner: str, session: Drawn) -> None:
        self._owner, self._session = owner, session

    def get(self, owner: str, id: str) -> Drawn:
        if owner != self._owner or id != self._session.id:
            raise Refused(404, "no such session")
        return self._session


def grey(level: int, width: int = 320, height: int = 180) -> bytes:
    return jpeg(np.full((height, width, 3), level, np.uint8))


async def draw(hub: Hub, width: int = 320, height: int = 180, rate: float = 30) -> None:
    """What the sink does: a picture of each view asked for, when it is asked for."""
    reader, writer = await asyncio.open_unix_connection(hub.address.removeprefix("page:"))
    pictures = {view: grey(level, width, height) for view, level in LEVELS.items()}
    index = 0
    try:
        while line := await reader.readline():
            asked = json.loads(line)
            for _ in range(asked["credit"]):
                await asyncio.sleep(1 / rate)  # the rate is what is drawn here
                index += 1
                shown = [(view, pictures[view]) for view in asked["views"]]
                head = {"index": index, "pictures": [(view, len(data)) for view, data in shown]}
                text = json.dumps(head).encode()
                writer.write(struct.pack(">I", len(text)) + text + b"".join(data for _, data in shown))
    finally:
        writer.close()
        with suppress(OSError):
            await writer.wait_closed()


class World:
    """A served session and who may use it."""

    def __init__(self, folder: Path, settings: ServeSettings, session: Drawn, address: str) -> None:
        owners = Owners(settings)
        self.token = owners.issue()
        self.stranger = owners.issue()
        self.session = session
        self.app = FastAPI()
        self.app.include_router(router)
        self.app.add_exception_handler(Refused, _refused)
        self.app.state.settings, self.app.state.owners = settings, owners
        owner = next(iter(owners._seen))
        self.app.state.sessions = Listed(owner, session)
        self.app.state.peers = self.peers = Peers(settings)
        self.http = httpx.AsyncClient(
            transport=httpx.ASGITransport(self.app, client=(address, 4711)),
            base_url="http://127.0.0.1:8420",
            headers={"Authorization": f"Bearer {self.token}"},
            timeout=30,
        )

    async def post(self, kind: str, sdp: str | bytes, **more: Any) -> httpx.Response:
        headers = {"Content-Type": "application/sdp", **more.pop("headers", {})}
        return await self.http.post(f"/api/sessions/s1/{kind}", content=sdp, headers=headers, **more)


@asynccontextmanager
async def world(
    folder: Path,
    *,
    limits: Limits | None = None,
    address: str = "127.0.0.1",
    width: int = 320,
    height: int = 180,
    relay: bool = False,
    session: Drawn | None = None,
    **more: Any,
) -> AsyncIterator[World]:
    """Peers of the test itself keep to loopback too."""
    await asyncio.to_thread(load)
    settings = ServeSettings(media=folder / "media", limits=limits or Limits(), **more)
    session = session or Drawn(folder)
    await session.hub.start()
    drawing = asyncio.create_task(draw(session.hub, width, height))
    if relay:
        session.relay = RelayServer(folder / "relay")
        await session.relay.start()
    found = World(folder, settings, session, address)
    before = ice.HOSTS.set(("127.0.0.1",))
    try:
        yield found
    finally:
        ice.HOSTS.reset(before)
        await found.peers.close()
        await found.http.aclose()
        await session.hub.close()
        if session.relay is not None:
            await session.relay.close()
        drawing.cancel()
        await asyncio.wait([drawing])


async def _refused(request: Request, error: Exception) -> Response:
    assert isinstance(error, Refused)
    return answer(error.status, error.text, error.headers)


async def until(predicate: Any, timeout: float = 20.0) -> None:
    """As `wait_until`, on the loop."""
    async with asyncio.timeout(timeout):
        while not predicate():
            await asyncio.sleep(0.01)
