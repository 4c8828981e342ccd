"""The socket on which a running pipeline takes requests, and how others ask. Private to the user; no network.

It is not the workers' socket: whoever asks can fill this one's queue, and holds up nobody but others who ask.
"""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import Any

import zmq

from pipeline.control import HANDSHAKE_MS
from pipeline.environment import state_dir
from pipeline.errors import ConfigError, ProtocolError, RunError
from pipeline.instances import is_locked, lock_of, running
from pipeline.reading import close_match
from pipeline.requests import MAX_REQUEST, Answer, Request, read_request

SOCKET = "admin"
MAX_ANSWER = 4_000_000  # bytes
BACKLOG = 64  # requests that wait
ROUND = 10  # requests that are taken in one turn of the loop: they must not hold up the frames


class AdminServer:
    """The running pipeline's end."""

    def __init__(self, folder: Path) -> None:
        self._path = folder / SOCKET
        self._context = zmq.Context()
        self.socket = self._context.socket(zmq.ROUTER)
        self.socket.setsockopt(zmq.MAXMSGSIZE, MAX_REQUEST)
        self.socket.setsockopt(zmq.HANDSHAKE_IVL, HANDSHAKE_MS)
        self.socket.setsockopt(zmq.LINGER, 0)
        self.socket.set_hwm(BACKLOG)
        try:
            self.socket.bind(f"ipc://{self._path}")
        except zmq.ZMQError as error:
            self.close()
            raise ConfigError(f"{self._path}: {os.strerror(error.errno or 0)}") from error
        self._path.chmod(0o600)

    def receive(self) -> list[tuple[bytes, Request | str]]:
        """Who asks, and what (a text: what is wrong with it). Never blocks."""
        found: list[tuple[bytes, Request | str]] = []
        for _ in range(ROUND):
            try:
                who, *parts = self.socket.recv_multipart(zmq.DONTWAIT)
            except zmq.Again:
                break
            try:
                found.append((who, read_request(parts[-1] if len(parts) == 1 else b"")))
            except ProtocolError as error:
                found.append((who, str(error)))
        return found

    def answer(self, who: bytes, answer: Answer) -> None:
        """To whoever has gone meanwhile, nothing. Never blocks."""
        try:
            self.socket.send_multipart((who, answer.model_dump_json().encode()), zmq.DONTWAIT)
        except zmq.Again:
            return

    def close(self) -> None:
        self.socket.close()
        self._context.term()
        self._path.unlink(missing_ok=True)


def _wait(socket: zmq.Socket[Any], name: str, timeout_s: float) -> bool:
    """Until an answer is there: True; False where none comes. Raises RunError where the run ends meanwhile."""
    until = time.monotonic() + timeout_s
    while (left := until - time.monotonic()) > 0:
        if socket.poll(int(1000 * min(left, 0.25)) + 1):
            return True
        if not is_locked(lock_of(name)):
            raise RunError(f"{name} has just ended")
    return False


def ask(name: str, request: Request, timeout_s: float = 5.0) -> dict[str, Any]:
    """What a running pipeline of this user answers. `name` is its instance name, as `ps` shows it.

    Raises ConfigError where none is called so or the request is refused, RunError where no answer comes in time."""
    names = [instance.name for instance in running()]
    if name not in names:
        raise ConfigError(f"no pipeline called {name!r} is running{close_match(name, names)}")
    data = request.model_dump_json().encode()
    if len(data) > MAX_REQUEST:
        raise ConfigError(f"a request of {len(data)} bytes: at most {MAX_REQUEST}")
    with zmq.Context() as context, context.socket(zmq.DEALER) as socket:
        socket.setsockopt(zmq.MAXMSGSIZE, MAX_ANSWER)
        socket.setsockopt(zmq.LINGER, 0)
        socket.connect(f"ipc://{state_dir() / name / SOCKET}")
        socket.send(data)
        if not _wait(socket, name, timeout_s):
            raise RunError(f"{name} does not answer within {timeout_s:g} s; see `cleanplate logs {name}`")
        answer = Answer.model_validate_json(socket.recv())
    if answer.refused:
        raise ConfigError(f"{name}: {answer.refused}")
    return answer.content
