"""ControlServer and ControlClient: the one ZeroMQ socket of the supervisor, and that of a worker.

The server is a ROUTER on a socket file in a private folder; nothing listens on a network. Identities are unguessable
and new for every incarnation, so a late message of a dead worker can never be taken for that of its successor.
"""

from __future__ import annotations

import os
import secrets
from pathlib import Path

import zmq

from pipeline.errors import ConfigError, ProtocolError
from pipeline.messages import MAX_BYTES, Anything, unpack

HEARTBEAT = 0.5  # seconds between the signs of life of a worker that waits
_AT_ONCE = int(zmq.DONTWAIT)  # plain numbers: each sum of pyzmq's own flags makes an object
_MORE_FOLLOWS = int(zmq.DONTWAIT | zmq.SNDMORE)
HIGH_WATER = 256  # messages; credits are far below
HANDSHAKE_MS = 5000  # within which whoever connects must say in full who it is


def new_identity(stage: str, number: int) -> bytes:
    """A name for one incarnation that nobody can guess."""
    return f"{stage}-{number}-{secrets.token_hex(12)}".encode()


class ControlServer:
    """The supervisor's end: sends to one worker by identity, receives from all."""

    def __init__(self, folder: Path) -> None:
        self._path = folder / "control"
        self._context = zmq.Context()
        self.socket = self._context.socket(zmq.ROUTER)
        self.socket.setsockopt(zmq.ROUTER_MANDATORY, 1)
        self.socket.setsockopt(zmq.MAXMSGSIZE, MAX_BYTES)
        self.socket.setsockopt(zmq.HANDSHAKE_IVL, HANDSHAKE_MS)
        self.socket.setsockopt(zmq.LINGER, 0)
        self.socket.set_hwm(HIGH_WATER)
        self.endpoint = f"ipc://{self._path}"
        try:
            self.socket.bind(self.endpoint)
        except zmq.ZMQError as error:
            self.close()
            raise ConfigError(
                f"{self._path}: {os.strerror(error.errno or 0)}; CLEANPLATE_STATE sets the folder"
            ) from error
        self._path.chmod(0o600)

    def send(self, identity: bytes, data: bytes) -> bool:
        """Hand a message to a worker; False where it is gone, or takes nothing any more. Never blocks."""
        try:
            self.socket.send(identity, _MORE_FOLLOWS)
            self.socket.send(data, _AT_ONCE)
        except zmq.Again:
            return False
        except zmq.ZMQError as error:
            if error.errno != zmq.EHOSTUNREACH:
                raise
            return False
        return True

    def receive(self) -> tuple[bytes, bytes] | None:
        """The next message with its sender, or None. Never blocks."""
        try:
            parts = self.socket.recv_multipart(_AT_ONCE)
        except zmq.Again:
            return None
        return (parts[0], parts[-1]) if len(parts) == 2 else (parts[0], b"")

    def close(self) -> None:
        self.socket.close()
        self._context.term()
        self._path.unlink(missing_ok=True)


class ControlClient:
    """A worker's end."""

    def __init__(self, endpoint: str, identity: bytes) -> None:
        self._context = zmq.Context()
        self.socket = self._context.socket(zmq.DEALER)
        self.socket.setsockopt(zmq.IDENTITY, identity)
        self.socket.setsockopt(zmq.MAXMSGSIZE, MAX_BYTES)
        self.socket.setsockopt(zmq.LINGER, 1000)
        self.socket.set_hwm(HIGH_WATER)
        self.socket.connect(endpoint)

    def send(self, message: Anything) -> None:
        """Raises ProtocolError for a message that the server would not take: it would cut the connection."""
        data = message.pack()
        if len(data) > MAX_BYTES:
            raise ProtocolError(f"{type(message).__name__} of {len(data)} bytes: at most {MAX_BYTES} can be sent")
        self.socket.send(data)

    def receive(self, timeout_s: float) -> Anything | None:
        """The next message, or None after that time. Raises ProtocolError."""
        try:
            return unpack(self.socket.recv(_AT_ONCE))
        except zmq.Again:  # mostly it is there already: granted ahead
            if not timeout_s or not self.socket.poll(int(timeout_s * 1000)):
                return None
        return unpack(self.socket.recv())

    def close(self) -> None:
        self.socket.close()
        self._context.term()
