"""Pictures: the frames of a run in another process, as arrays of one's own; and how they travel over a Unix socket.

sink -> reader   u32 big-endian n, n bytes of JSON {"index", "pts", "duration", "time_base", "blank", "live",
                 "planes": [[name, shape], ...]}, then the bytes of these planes, back to back
reader -> sink   one byte for each picture that may be sent
"""

from __future__ import annotations

import json
import shutil
import socket
import struct
import tempfile
import threading
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, suppress
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipeline.errors import ConfigError, ProtocolError
from pipeline.frame import MAX_OBJECTS, OBJECT, Image, Table

SCHEME = "frames:"
PLANES = "?planes="
LENGTH = struct.Struct(">I")
MOST_HEAD = 65_536  # bytes
MOST_PIXELS = 16384 * 16384
AHEAD = 2  # pictures that are made while one is being looked at
LONGEST_PATH = 100  # bytes; the kernel takes 107
LOOK_S = 0.1  # between two looks whether it is over, while nobody is connected


@dataclass(frozen=True)
class Picture:
    """One frame of a run, its arrays yours to keep. `pts` and `duration` count `time_base` seconds."""

    index: int
    pts: int
    duration: int
    time_base: Fraction
    blank: bool  # nothing could vouch for this frame: a blank stands for it
    planes: Mapping[str, NDArray[Any]] = field(repr=False)

    @property
    def clean(self) -> Image:
        """uint8 [H, W, 3], BGR: the result."""
        return self._plane("clean")

    @property
    def image(self) -> Image:
        """uint8 [H, W, 3], BGR, as it came in; where `planes` asked for it."""
        return self._plane("image")

    @property
    def mask(self) -> Image:
        """uint8 [H, W], 255 where something was removed, else 0; where `planes` asked for it."""
        return self._plane("mask")

    @property
    def objects(self) -> Table:
        """Structured rows [N] of `pipeline.frame.OBJECT`: what is known to be there; none where nothing tracks."""
        return self.planes["objects"] if "objects" in self.planes else np.zeros(0, OBJECT)

    @property
    def seconds(self) -> float:
        """When it is shown, on the clock of its source."""
        return float(self.pts * self.time_base)

    def _plane(self, name: str) -> Image:
        if name not in self.planes:
            raise ConfigError(f"this picture has {', '.join(self.planes)}; for more: planes=[..., {name!r}]")
        return self.planes[name]


class Pictures:
    """The reading end. Of a file no picture is lost: the run waits for who looks. Of a live source there is the newest
    one, never an old one. Iterate in one thread; the other methods may be called from any."""

    def __init__(self, planes: Sequence[str]) -> None:
        self.skipped = 0  # pictures that came and were never looked at
        self._folder = _short_folder()
        path = self._folder / "frames"
        self._listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self._listener.bind(str(path))
        self._listener.listen(4)
        self._listener.settimeout(LOOK_S)
        self.address = f"{SCHEME}{path}{PLANES}{','.join(planes)}"
        self._changed = threading.Condition()
        self._waiting: deque[Picture] = deque()
        self._connection: socket.socket | None = None
        self._last = -1  # index of the last picture that came whole; a sink that died may say it again
        self._unwanted = self._run_is_over = self._closed = self._over = False
        self._trouble: ProtocolError | None = None
        self._thread = threading.Thread(target=self._serve, name="cleanplate pictures", daemon=True)
        self._thread.start()

    def __iter__(self) -> Iterator[Picture]:
        """Picture by picture until the end of the run."""
        while (picture := self.next()) is not None:
            yield picture

    def next(self) -> Picture | None:
        """The next picture, or the newest where they are live; None: there will be no more."""
        with self._changed:
            self._changed.wait_for(lambda: self._waiting or self._over)
            if self._trouble is not None:
                raise self._trouble
            if not self._waiting:
                return None
            picture = self._waiting.popleft()
            self._allow(1)
        return picture

    def discard(self) -> None:
        """From now on nobody looks: the run waits for nobody."""
        with self._changed:
            self._unwanted = True
            self.skipped += len(self._waiting)
            self._allow(len(self._waiting))
            self._waiting.clear()

    def finish(self) -> None:
        """The run has ended: what is under way still comes, and then no more."""
        self._run_is_over = True

    def close(self) -> None:
        """No more pictures; whoever waits for one gets None."""
        self._run_is_over = True
        self.discard()
        with self._changed:
            self._closed = True
            if self._connection is not None:
                with suppress(OSError):  # it is closed already
                    self._connection.shutdown(socket.SHUT_RDWR)
        if threading.current_thread() is not self._thread:
            self._thread.join()

    # In the thread

    def _serve(self) -> None:
        try:
            with closing(self._listener):
                while (connection := self._accept()) is not None:
                    with connection:
                        self._read(connection)
        except ProtocolError as error:
            self._trouble = error
        finally:
            with self._changed:
                self._over = True
                self._changed.notify_all()
            shutil.rmtree(self._folder, ignore_errors=True)

    def _accept(self) -> socket.socket | None:
        """A sink, or the next one after it died; None: the run has ended."""
        while True:
            over = self._run_is_over  # asked first: what was connected before that is still heard
            try:
                connection, _ = self._listener.accept()
            except TimeoutError:
                if over:
                    return None
                continue
            connection.setblocking(True)
            with self._changed:
                if self._closed:
                    connection.close()
                    return None
                self._connection = connection
                self._allow(AHEAD - len(self._waiting))
            return connection

    def _read(self, connection: socket.socket) -> None:
        """All that one sink sends. One that dies in mid-picture is followed by another, which sends it again."""
        try:
            while True:
                picture, live = receive(connection)
                self._take(picture, live)
        except (EOFError, ConnectionError):
            with self._changed:
                self._connection = None

    def _take(self, picture: Picture, live: bool) -> None:
        with self._changed:
            if picture.index <= self._last or self._unwanted:
                self.skipped += picture.index > self._last
                self._allow(1)
                return
            self._last = picture.index
            if live:
                self._allow(1)
                self.skipped += len(self._waiting)
                self._waiting.clear()
            self._waiting.append(picture)
            self._changed.notify_all()

    def _allow(self, count: int) -> None:
        """Let the sink send so many more. The lock is held."""
        if self._connection is not None and count > 0:
            with suppress(OSError):  # it has died; another will come
                self._connection.send(bytes(count), socket.MSG_DONTWAIT)


def receive(connection: socket.socket) -> tuple[Picture, bool]:
    """One picture, and whether it is live. Raises EOFError where there is none, ConnectionError."""
    (length,) = LENGTH.unpack(_exactly(connection, LENGTH.size))
    if length > MOST_HEAD:
        raise ProtocolError(f"a picture's head of {length} bytes: at most {MOST_HEAD}")
    head = json.loads(_exactly(connection, length))
    planes: dict[str, NDArray[Any]] = {}
    for name, shape in head["planes"]:
        if int(np.prod(shape, dtype=np.int64)) > 3 * MOST_PIXELS or (name == "objects" and shape[0] > MAX_OBJECTS):
            raise ProtocolError(f"a picture's plane {name!r} of {shape}: too large")
        planes[name] = np.empty(shape, OBJECT if name == "objects" else np.uint8)
        _fill(connection, memoryview(planes[name].reshape(-1).view(np.uint8).data))
    facts = {key: head[key] for key in ("index", "pts", "duration", "blank")}
    return Picture(**facts, time_base=Fraction(head["time_base"]), planes=planes), head["live"]


def _exactly(connection: socket.socket, count: int) -> bytes:
    data = bytearray(count)
    _fill(connection, memoryview(data))
    return bytes(data)


def _fill(connection: socket.socket, room: memoryview) -> None:
    while room:
        count = connection.recv_into(room)
        if not count:
            raise EOFError
        room = room[count:]


def _short_folder() -> Path:
    """A private folder whose path leaves room for a socket's name."""
    folder = Path(tempfile.mkdtemp(prefix="cleanplate-"))
    if len(str(folder)) <= LONGEST_PATH:
        return folder
    folder.rmdir()
    return Path(tempfile.mkdtemp(prefix="cleanplate-", dir="/tmp"))
