"""The WebSocket of a page: pictures as it can take them, what happens, and what it wishes to see."""

from __future__ import annotations

import asyncio
import json
from contextlib import suppress
from typing import Annotated, Any, Literal

from fastapi import APIRouter, WebSocket, WebSocketDisconnect
from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from pipeline.web.hub import Picture, Watcher
from pipeline.web.listeners import Listener
from pipeline.web.owners import require_owner
from pipeline.web.session import Session

UNDER_WAY = 2  # pictures that a page has not yet drawn
MAX_TEXT = 4096
MISUSED = 1008

router = APIRouter()


class Want(BaseModel):
    """Sent by a page, first thing and at any change: what it wishes to see. Pictures follow."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    type: Literal["want"]
    views: list[Literal["input", "result", "overlay", "mask"]] = Field(max_length=4)
    width: int | None = Field(default=None, ge=16, le=16384)
    quality: int = Field(default=80, ge=1, le=95)


class Got(BaseModel):
    """Sent by a page when it has drawn a picture. More may follow."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    type: Literal["got"]


_WORD: TypeAdapter[Want | Got] = TypeAdapter(Annotated[Want | Got, Field(discriminator="type")])


@router.websocket("/api/sessions/{id}/live")
async def live(socket: WebSocket, id: str) -> None:
    """Pictures and news of a session. A stranger is refused before it is accepted."""
    owner = require_owner(socket)
    session: Session = socket.app.state.sessions.get(owner, id)
    await socket.accept()
    with session.listening() as listener:
        async with session.hub.watch([]) as watcher:
            await Page(socket, watcher, listener).attend()


class Page:
    """One page at its socket. Two tasks send, one hears; the first that ends, ends all."""

    def __init__(self, socket: WebSocket, watcher: Watcher, listener: Listener) -> None:
        self._socket, self._watcher, self._listener = socket, watcher, listener
        self._turn = asyncio.Lock()  # messages are sent whole, one after the other
        self._under_way = 0
        self._room = asyncio.Event()

    async def attend(self) -> None:
        work = (self._hear(), self._show(), self._tell())
        tasks = [asyncio.create_task(one) for one in work]
        try:
            await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in tasks:
                task.cancel()
            ended = await asyncio.gather(*tasks, return_exceptions=True)
        for error in ended:
            if isinstance(error, Exception) and not isinstance(error, WebSocketDisconnect | OSError | EOFError):
                raise error
        with suppress(RuntimeError, OSError, WebSocketDisconnect):  # it has been closed from the other side
            for message in self._listener.rest():
                await self._socket.send_text(json.dumps(message))
            await self._socket.close()

    async def _hear(self) -> None:
        while True:
            text = await self._socket.receive_text()
            try:
                if len(text) > MAX_TEXT:
                    raise ValueError(f"{len(text)} characters are no wish")
                word = _WORD.validate_json(text)
            except (ValueError, ValidationError):
                await self._socket.close(MISUSED, "not a word that is understood here")
                return
            match word:
                case Want():
                    self._watcher.want(word.views, word.width, word.quality)
                case Got():
                    self._drawn()

    def _drawn(self) -> None:
        """A picture has been drawn; who says so more often than there were pictures gets no more by that."""
        self._under_way = max(0, self._under_way - 1)
        self._room.set()

    async def _show(self) -> None:
        while True:
            while self._under_way >= UNDER_WAY:
                self._room.clear()
                await self._room.wait()
            picture = await self._watcher.next()
            self._under_way += 1
            record = packed(picture, self._watcher.views)
            async with self._turn:
                await self._socket.send_bytes(record)

    async def _tell(self) -> None:
        while True:
            message = await self._listener.next()
            async with self._turn:
                await self._socket.send_text(json.dumps(message))


def packed(picture: Picture, views: frozenset[str]) -> bytes:
    """The record of a picture with no more than these views: u32 big-endian n, n bytes of JSON, the JPEGs."""
    jpegs = [(name, jpeg) for name, jpeg in picture.jpegs.items() if name in views]
    head: dict[str, Any] = {**picture.head, "pictures": [[name, len(jpeg)] for name, jpeg in jpegs]}
    text = json.dumps(head).encode()
    return b"".join((len(text).to_bytes(4, "big"), text, *(jpeg for _, jpeg in jpegs)))
