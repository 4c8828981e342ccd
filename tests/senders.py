"""Who sends to a run: clients with raw pictures, a camera that serves MJPEG; and runs that listen to them."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from pipeline.cli import live
from pipeline.errors import CleanplateError
from pipeline.frame import FrameSpec
from stages.output.still import Still
from tests.clips import decode
from tests.runs import Run
from tests.scenes import HEIGHT, WIDTH, room
from tests.waiting import wait_until


def plain(folder: Path) -> dict[str, Any]:
    """Any input, turned to its negative, to any output: what comes out tells what came in."""
    return {
        "name": "plain",
        "stages": [
            {"name": "ingest", "uses": "stages.ingest:Auto"},
            {"name": "cut", "uses": "tests.screens:Cut"},
            {"name": "output", "uses": "stages.output:Auto", "with": {"codec": "ffv1"}},
        ],
    }


def pictures(count: int, first: int = 0, height: int = HEIGHT) -> list[np.ndarray]:
    """A room seen a little further to the right in each."""
    whole = np.vstack([room(), room()[::-1]])[:height]
    return [np.ascontiguousarray(np.roll(whole, 3 * (first + at), axis=1)) for at in range(count)]


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as made:
        return int(made.getsockname()[1])


@contextmanager
def going(run: Run) -> Iterator[Run]:
    try:
        yield run
    finally:
        if run.process.poll() is None:
            run.process.terminate()
            run.end()


@contextmanager
def listening(folder: Path, *args: str, size: str = f"width={WIDTH}&height={HEIGHT}") -> Iterator[tuple[Run, int]]:
    """A run that listens for raw pictures, and its port."""
    port = free_port()
    address = f"tcp://127.0.0.1:{port}?{size}&rate=30"
    with going(Run(folder, plain(folder), "-i", address, "--set=on_full=block", *args)) as run:
        wait_until(lambda: "waits for a sender" in (folder / "stderr").read_text() or run.process.poll() is not None)
        yield run, port


def send(port: int, *parts: bytes) -> None:
    """As any client does it: connect, send, close."""
    with socket.create_connection(("127.0.0.1", port)) as client, suppress(ConnectionError):
        for part in parts:
            client.sendall(part)


def doing(folder: Path) -> str:
    """What the run's source says that it does, once frames have come."""
    with pytest.MonkeyPatch.context() as patch, suppress(CleanplateError):
        patch.setenv("CLEANPLATE_STATE", str(folder / "state"))
        told = live.status("plain", 2.0)
        return str(told["stages"]["ingest"]["state"]) if live.finished(told) else ""
    return ""


def negatives(file: Path) -> list[np.ndarray]:
    """What came in, from what came out."""
    return [255 - image for image in decode(file)]


class Pictures:
    """A camera that serves MJPEG over HTTP, and goes away after so many pictures to each who asks."""

    def __init__(self, images: list[np.ndarray], each: int) -> None:
        still = Still("jpg", FrameSpec(width=images[0].shape[1], height=images[0].shape[0]), 95)
        self._files = [still.encode(image) for image in images]
        self._each = each
        self._server = socket.create_server(("127.0.0.1", 0))
        self.port = int(self._server.getsockname()[1])
        self.served = 0
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._serve)

    def __enter__(self) -> Pictures:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._server.shutdown(socket.SHUT_RDWR)
        self._thread.join(10)
        self._server.close()

    def _serve(self) -> None:
        while not self._over.is_set():
            try:
                client, _ = self._server.accept()
            except OSError:
                return
            with client, suppress(OSError):
                self.served += 1
                client.recv(65536)
                client.sendall(b"HTTP/1.0 200 OK\r\nContent-Type: multipart/x-mixed-replace; boundary=x\r\n\r\n")
                for at in range(self._each):
                    data = self._files[at % len(self._files)]
                    client.sendall(b"--x\r\nContent-Type: image/jpeg\r\nContent-Length: %d\r\n\r\n" % len(data))
                    client.sendall(data + b"\r\n")
                    if self._over.wait(0.03):
                        return
