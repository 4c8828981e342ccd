"""RelayServer: hands the video of a WebRTC client to the source `relay:PATH` of a pipeline, over a Unix socket.

The stream that the source reads: u32 n, n bytes of JSON {"width", "height", "rate"}; then for each frame u64 pts in
1/90000 s and height * width * 3 bytes BGR; numbers are big-endian. Size and rate are those of the first video and stay:
what comes later is fitted in. Nothing is sent, not even the head, before there is a picture; when the client goes the
connection is closed, so that the source says that it waits.
"""

from __future__ import annotations

import asyncio
import json
import os
import socket
import struct
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from av.video.frame import VideoFrame

    from pipeline.frame import Image

LEAST_SIDE, MOST_SIDE = 16, 3840
MOST_RATE = 120.0
USUAL_RATE = 30.0


class RelayServer:
    """For one source at a time: a new connection takes the place of an earlier one (a worker that was replaced)."""

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self.turn = asyncio.Lock()  # of who is about to send: one client at a time
        self._path = Path(path)
        self._head: bytes = b""
        self.width = self.height = 0
        self._newest: tuple[VideoFrame, int] | None = None
        self._fresh = asyncio.Event()
        self._listener: socket.socket | None = None
        self._accepting: asyncio.Task[None] | None = None
        self._serving: asyncio.Task[None] | None = None
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="relay")

    @property
    def address(self) -> str:
        """What the pipeline is given as its input."""
        return f"relay:{self._path}"

    @property
    def settled(self) -> bool:
        """Whether size and rate are."""
        return bool(self._head)

    async def start(self) -> None:
        """Listen. Raises OSError."""
        listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            listener.setblocking(False)
            listener.bind(os.fspath(self._path))
            listener.listen(2)
        except OSError:
            listener.close()
            raise
        self._listener = listener
        self._accepting = asyncio.create_task(self._accept(listener))

    def fix(self, width: int, height: int, rate: float) -> None:
        """Settle size and rate, once: later calls change nothing. Sides become even, and MOST_SIDE at most."""
        if not self._head:
            self.width, self.height = (min(MOST_SIDE, max(LEAST_SIDE, side & ~1)) for side in (width, height))
            rate = min(MOST_RATE, max(1.0, rate or USUAL_RATE))
            text = json.dumps({"width": self.width, "height": self.height, "rate": rate}).encode()
            self._head = struct.pack(">I", len(text)) + text

    def show(self, frame: VideoFrame, pts: int) -> None:
        """The newest frame, pts in 1/90000 s; what was not sent yet is forgotten. Never waits."""
        assert self._head, "the size is not settled"
        self._newest = frame, pts
        self._fresh.set()

    async def let_go(self) -> None:
        """The client is gone: so says the end of the connection to the source."""
        self._newest = None
        self._fresh.clear()
        await _end(self._serving)
        self._serving = None

    async def close(self) -> None:
        """May be called again."""
        await _end(self._accepting)
        await self.let_go()
        if self._listener is not None:
            self._listener.close()
            with suppress(FileNotFoundError):
                self._path.unlink()
        self._listener = self._accepting = None
        self._thread.shutdown(wait=False, cancel_futures=True)

    async def _accept(self, listener: socket.socket) -> None:
        loop = asyncio.get_running_loop()
        while True:
            connection, _ = await loop.sock_accept(listener)
            await _end(self._serving)
            self._serving = asyncio.create_task(self._serve(connection))

    async def _serve(self, connection: socket.socket) -> None:
        """Send, until one side goes; the source sends nothing, so that what it says is its end."""
        loop = asyncio.get_running_loop()
        connection.setblocking(False)
        with connection:
            sending = asyncio.create_task(self._send(connection))
            ended = asyncio.create_task(loop.sock_recv(connection, 1))
            try:
                await asyncio.wait((sending, ended), return_when=asyncio.FIRST_COMPLETED)
            finally:
                await _end(sending)
                await _end(ended)

    async def _send(self, connection: socket.socket) -> None:
        loop, headed = asyncio.get_running_loop(), False
        while True:
            await self._fresh.wait()
            self._fresh.clear()
            if self._newest is None:
                continue
            (frame, pts), self._newest = self._newest, None
            picture = await loop.run_in_executor(self._thread, fitted, frame, self.width, self.height)
            await loop.sock_sendall(connection, (b"" if headed else self._head) + struct.pack(">Q", pts))
            headed = True
            await loop.sock_sendall(connection, memoryview(picture.data).cast("B"))


async def _end(task: asyncio.Task[None] | asyncio.Task[bytes] | None) -> None:
    """Cancel a task and wait for its end. A broken connection is one; what else went wrong is reported."""
    if task is None:
        return
    task.cancel()
    await asyncio.wait([task])
    error = None if task.cancelled() else task.exception()
    if error is not None and not isinstance(error, OSError):
        task.get_loop().call_exception_handler({"message": "a relay has failed", "exception": error, "task": task})


def fitted(frame: VideoFrame, width: int, height: int) -> Image:
    """uint8 [height, width, 3] BGR, contiguous: as large as it fits in without being stretched, on black."""
    scale = min(width / frame.width, height / frame.height)
    across = max(2, min(width, round(frame.width * scale / 2) * 2))
    down = max(2, min(height, round(frame.height * scale / 2) * 2))
    inside = frame.to_ndarray(format="bgr24", width=across, height=down)
    if (across, down) == (width, height):
        return np.ascontiguousarray(inside)
    whole = np.zeros((height, width, 3), np.uint8)
    top, left = (height - down) // 2, (width - across) // 2
    whole[top : top + down, left : left + across] = inside
    return whole
