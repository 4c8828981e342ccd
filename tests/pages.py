"""The web process as a page sink sees it: a socket that wishes and takes records; and pictures that it decodes."""

from __future__ import annotations

import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager
from io import BytesIO
from pathlib import Path

import av
import numpy as np

from pipeline.frame import OBJECT, Frame, Image
from pipeline.stage import Transform
from stages.output.page_wire import Record, Unpacker, Wish, wish_line
from tests.clips import number_of

PATIENCE_S = 20.0


class Web:
    """Listens at a path. `want` and `record` are for the one who has connected last."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._server = socket.socket(socket.AF_UNIX)
        self._server.bind(str(path))
        self._server.listen(4)
        self._server.settimeout(PATIENCE_S)
        self.connection: socket.socket | None = None
        self._unpacker = Unpacker()
        self._records: list[Record] = []

    @property
    def address(self) -> str:
        return f"page:{self.path}"

    def accept(self) -> Web:
        self.hang_up()
        self.connection, _ = self._server.accept()
        self._unpacker, self._records = Unpacker(), []
        return self

    def hang_up(self) -> None:
        if self.connection is not None:
            self.connection.close()
            self.connection = None

    def want(self, *views: str, credit: int, width: int | None = None, quality: int = 80) -> None:
        self.say(wish_line(Wish(views, width, quality), credit))

    def say(self, line: bytes) -> None:
        assert self.connection is not None
        self.connection.sendall(line)

    def record(self, patience: float = PATIENCE_S) -> Record | None:
        """The next one; None where none comes in time, or the other side is gone."""
        assert self.connection is not None
        until = time.monotonic() + patience
        while not self._records and (left := until - time.monotonic()) > 0:
            self.connection.settimeout(left)
            try:
                data = self.connection.recv(1 << 16)
            except TimeoutError:
                return None
            if not data:
                return None
            self._records += self._unpacker.feed(data)
        return self._records.pop(0) if self._records else None

    def close(self) -> None:
        self.hang_up()
        self._server.close()
        self.path.unlink(missing_ok=True)


@contextmanager
def web(folder: Path) -> Iterator[Web]:
    made = Web(folder / "page.sock")
    try:
        yield made
    finally:
        made.close()


def decoded(jpeg: bytes) -> Image:
    """uint8 [H, W, 3] BGR."""
    with av.open(BytesIO(jpeg), format="jpeg_pipe") as box:
        return next(box.decode(video=0)).to_ndarray(format="bgr24")


def shown(record: Record | None, view: str = "result") -> int:
    """Which of the numbered pictures a view shows."""
    assert record is not None
    return number_of(decoded(record.jpegs[view]))


class Marked(Transform):
    """The picture as it is, a mask over its left half, and one object there; every tenth frame fails."""

    writes = ("clean", "mask", "objects")
    fails: bool = False

    def process(self, frame: Frame) -> None:
        if self.fails and frame.index % 10 == 9:
            raise ValueError("told to")
        height, width = frame.mask.shape
        np.copyto(frame.clean, frame.image)
        frame.mask[:], frame.mask[:, : width // 2] = 0, 255
        row = np.zeros(1, OBJECT)
        row["track"], row["score"], row["box"], row["landmarks"] = 7, 0.5, (0, 0, width / 2, height), np.nan
        frame.put_objects(row)
