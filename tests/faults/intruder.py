"""Somebody who has got hold of a run's sockets: speaks ZMTP 3 (rfc.zeromq.org/spec/23) by hand."""

from __future__ import annotations

import os
import random
import socket
from contextlib import suppress
from pathlib import Path

GREETING = b"\xff" + bytes(8) + b"\x7f\x03\x00" + b"NULL".ljust(20, b"\0") + bytes(32)
SOCKET_TYPE = b"\x0bSocket-Type" + (6).to_bytes(4, "big") + b"DEALER"


def command(name: bytes, body: bytes) -> bytes:
    whole = bytes([len(name)]) + name + body
    return bytes([4, len(whole)]) + whole


def ready(identity: bytes = b"") -> bytes:
    """The end of a handshake, with an identity of one's own choice."""
    given = b"\x08Identity" + len(identity).to_bytes(4, "big") + identity if identity else b""
    return command(b"READY", SOCKET_TYPE + given)


def frame(data: bytes, *, more: bool = False) -> bytes:
    return bytes([2 | more]) + len(data).to_bytes(8, "big") + data


def noise(count: int, seed: int = 7) -> bytes:
    return random.Random(seed).randbytes(count)


HANDSHAKE = GREETING + ready()
ATTACKS = {
    "noise": noise(4096),
    "nothing but zeros": bytes(4096),
    "a greeting and noise": GREETING + noise(65536),
    "a greeting of version 1 and noise": b"\x01\x00" + noise(4096),
    "an unknown mechanism": GREETING.replace(b"NULL", b"EVIL") + noise(4096),
    "a handshake and noise": HANDSHAKE + noise(65536, 8),
    "a frame of 1 GiB": HANDSHAKE + b"\x02" + (1 << 30).to_bytes(8, "big") + bytes(1 << 20),
    "a frame of 8 EiB": HANDSHAKE + b"\x02" + ((1 << 63) - 1).to_bytes(8, "big") + bytes(1 << 20),
    "a command of 1 GiB": GREETING + b"\x06" + (1 << 30).to_bytes(8, "big") + bytes(1 << 20),
    "a frame just too large": HANDSHAKE + frame(bytes(65537)),
    "an identity of 1 MB": GREETING + b"\x06" + (1 << 20).to_bytes(8, "big") + b"\x05READY" + bytes(1 << 20),
}


class Intruder:
    """One connection to a Unix socket."""

    def __init__(self, path: Path, timeout: float = 10.0) -> None:
        self._socket = socket.socket(socket.AF_UNIX)
        self._socket.connect(str(path))  # waits where others wait to be taken
        self._socket.settimeout(timeout)

    def say(self, data: bytes) -> None:
        """As much as is taken; a connection that has been cut takes nothing."""
        with suppress(OSError):
            self._socket.sendall(data)

    def is_cut(self) -> bool:
        """Whether the other side has closed the connection; waits for that for a moment."""
        try:
            while self._socket.recv(65536):
                continue
        except TimeoutError:
            return False
        except OSError:
            return True
        return True

    def close(self) -> None:
        self._socket.close()


def sockets_of(folder: Path) -> list[Path]:
    """All socket files of a run."""
    return sorted(path for path in folder.iterdir() if path.is_socket())


def rss(pid: int) -> int:
    """Bytes of memory of its own that a process has in use; shared memory is not counted."""
    with open(f"/proc/{pid}/statm") as file:
        _, resident, shared, *_ = map(int, file.read().split())
    return (resident - shared) * os.sysconf("SC_PAGE_SIZE")
