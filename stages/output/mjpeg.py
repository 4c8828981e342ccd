"""Mjpeg: serves the result as pictures over HTTP, to browsers and programs; holds no picture that nobody waits for."""

from __future__ import annotations

import time
from typing import Any, ClassVar

import numpy as np
from pydantic import Field, PrivateAttr

from pipeline.frame import Frame, FrameSpec, Image
from stages.ingest.address import expand
from stages.output.hud import AMBER, WHITE, Word, notice
from stages.output.mjpeg_door import Door
from stages.output.mjpeg_server import Server
from stages.output.still import Still
from stages.output.views import Canvas, Viewing

SILENCE_S = 2.0  # without a frame, after which there is no picture of the present
AWAY_S = 0.5  # the same, where the source itself says that it is away
REPEAT_S = 1.0  # who watches learns again that there is none: else he, or we, would take the other for dead
DARK = 24


class Mjpeg(Viewing):
    """At `/` the stream (a page with it for browsers), at `/snapshot.jpg` one picture. A frame is encoded once for all
    who watch, and not at all while nobody does; who is slow misses pictures and holds up nobody."""

    pulse: ClassVar[float | None] = 0.1  # less than the time between two bulletins, which end a wait as well
    deadline: ClassVar[float] = 10.0

    output: str = Field(
        default="http://127.0.0.1:8090/", description="where to serve: http://HOST:PORT/; port 0: a free one"
    )
    quality: int = Field(default=80, ge=1, le=100, description="of the pictures")
    open_to_network: bool = Field(
        default=False, description="let others than this machine watch, who know the token: http://0.0.0.0:8090/TOKEN/"
    )

    _canvas: Canvas = PrivateAttr()
    _still: Still = PrivateAttr()
    _door: Door = PrivateAttr()
    _server: Server | None = PrivateAttr(default=None)
    _came: float = PrivateAttr(default=0.0)  # when the last frame did
    _said: float = PrivateAttr(default=0.0)  # when it was last said that there is none
    _frames: int = PrivateAttr(default=0)
    _encoded: int = PrivateAttr(default=0)

    @property
    def wants_news(self) -> bool:  # type: ignore[override] # also to say what the source is doing
        return True

    def resume(self, frames: int) -> None:
        self._frames = frames

    def setup(self, spec: FrameSpec) -> None:
        self._door = Door.of(expand(self.output), open_to_network=self.open_to_network)
        self._canvas = self.canvas(spec)
        self._still = Still("jpg", self._canvas.spec, self.quality)
        self._server = Server(self._door)
        self._came = time.monotonic()
        if not self._door.port:
            self.context.note(f"pictures are served at {self._door.shown(self._server.port)}")

    def write(self, frame: Frame) -> None:
        assert self._server is not None
        self._frames += 1
        self._came, self._said = time.monotonic(), 0.0
        self._count(self._server)
        watched = self._server.watched
        if not (watched or self.hud):
            return
        image = self._canvas.of(frame)  # the line of a hud tells of all frames, not of those that were looked at
        if watched:
            self._server.show(self._still.encode(image))
            self._encoded += 1

    def idle(self) -> None:
        """Once in a while a picture that says that there is none."""
        if self._server is None:
            return
        self._count(self._server)
        now, state = time.monotonic(), self.context.news.source
        silence = now - self._came
        if silence < (AWAY_S if state else SILENCE_S) or now - self._said < REPEAT_S or not self._server.watched:
            return
        self._said = now
        self._server.show(self._still.encode(self._notice(state, silence)))

    def _notice(self, state: str, silence: float) -> Image:
        spec = self._canvas.spec
        picture = np.full((spec.height, spec.width, 3), DARK, np.uint8)
        lines: list[Word] = [(f"no signal: {state}" if state else "no signal", AMBER), (f"for {silence:.0f} s", WHITE)]
        notice(picture, lines)
        return picture

    def _count(self, server: Server) -> None:
        for what, number in server.counts().items():
            self.context.count(f"watchers {what}", number)

    def finish(self) -> dict[str, Any]:
        self.close()
        return {"output": self._door.shown(), "frames": self._frames, "pictures": self._encoded}

    def close(self) -> None:
        if self._server is not None:
            self._count(self._server)
            self._server.close()
