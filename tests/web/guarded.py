"""The application behind a real uvicorn in a thread, and the ways to call it up, politely and otherwise."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import uvicorn
from fastapi import FastAPI

from pipeline.web.listening import listening
from pipeline.web.server import create_app
from pipeline.web.settings import Limits, ServeSettings
from tests.waiting import wait_until


@dataclass
class Guarded:
    """A server that runs: `port`, and the folder of its media."""

    app: FastAPI
    settings: ServeSettings
    port: int

    @property
    def base(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def stranger(self, **headers: str) -> httpx.Client:
        """Somebody who has not logged in."""
        return httpx.Client(base_url=self.base, timeout=60, headers=headers)

    def owner(self, **headers: str) -> httpx.Client:
        """A program that has."""
        said = httpx.post(f"{self.base}/api/login", json={"bearer": True, "token": self.settings.token})
        assert said.status_code == 200, said.text
        return self.stranger(Authorization=f"Bearer {said.json()['owner']}", **headers)

    def page(self) -> httpx.Client:
        """A browser that has: it keeps a cookie, and says where it comes from."""
        given = {"token": self.settings.token}
        said = httpx.post(f"{self.base}/api/login", json=given, headers={"Origin": self.base})
        assert said.status_code == 200, said.text
        client = self.stranger(Origin=self.base)
        client.cookies.update(said.cookies)
        return client

    def folder(self, client: httpx.Client) -> Path:
        """An owner's folder."""
        from pipeline.web.owners import folder_of, id_of

        return folder_of(self.settings, id_of(client.headers["Authorization"].split()[1]))

    def raw(self, data: bytes, timeout: float = 30) -> bytes:
        """What comes back for these bytes, until the server closes or `timeout` is over."""
        with socket.create_connection(("127.0.0.1", self.port), timeout=timeout) as line:
            line.sendall(data)
            answer = b""
            try:
                while part := line.recv(65536):
                    answer += part
            except (TimeoutError, ConnectionResetError):
                pass
            return answer


@contextmanager
def guarded(folder: Path, limits: dict[str, Any] | None = None, **settings: Any) -> Iterator[Guarded]:
    """One that is torn down at the end."""
    given = ServeSettings(port=0, media=folder / "media", limits=Limits(**(limits or {})), **settings)
    app = create_app(given)
    server = uvicorn.Server(listening(app, given))
    thread = threading.Thread(target=server.run, name="server")
    thread.start()
    try:
        wait_until(lambda: server.started or not thread.is_alive())
        assert server.started
        yield Guarded(app, given, server.servers[0].sockets[0].getsockname()[1])
    finally:
        server.should_exit = True
        thread.join(timeout=60)
        assert not thread.is_alive()
