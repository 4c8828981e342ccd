"""Frames: hands whole frames to the program that holds the run, over a Unix socket: see `pipeline.pictures`."""

from __future__ import annotations

import json
import select
import socket
from typing import Any, ClassVar

import numpy as np
from pydantic import Field, PrivateAttr, field_validator
from pydantic_core import PydanticCustomError

from pipeline.errors import SetupError
from pipeline.frame import STANDARD_PLANES, Frame, FrameSpec
from pipeline.pictures import LENGTH, PLANES, SCHEME
from pipeline.stage import Sink

STEP_S = 0.2  # of waiting, between two signs of life


class Frames(Sink):
    """Every frame of a file, each when there is room for it; of a live source those for which there is room at once.
    Where nobody looks any more, frames go by at no cost."""

    hands_over: ClassVar[bool] = True  # what a program looks for before it waits for pictures
    may_read: ClassVar[tuple[str, ...]] = ("objects",)

    output: str = Field(default="", description="frames:PATH?planes=clean,image: the socket, and what is handed over")

    _live: bool = PrivateAttr(default=False)
    _time_base: str = PrivateAttr(default="")
    _connection: socket.socket | None = PrivateAttr(default=None)
    _room: int = PrivateAttr(default=0)
    _sent: int = PrivateAttr(default=0)

    @field_validator("output")
    @classmethod
    def _names_planes(cls, value: str) -> str:
        if value and (wrong := [name for name in _planes(value) if name not in STANDARD_PLANES]):
            raise PydanticCustomError("planes", "no plane {wrong}", {"wrong": repr(wrong[0])})
        return value

    @property
    def reads(self) -> tuple[str, ...]:  # type: ignore[override] # what it reads depends on what it hands over
        return _planes(self.output)

    def setup(self, spec: FrameSpec) -> None:
        path = self.output.removeprefix(SCHEME).partition(PLANES)[0]
        self._live, self._time_base = spec.live, str(spec.time_base)
        self._connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            self._connection.connect(path)
        except OSError as error:
            self._connection.close()
            raise SetupError(f"{SCHEME}{path}: nobody listens there ({error.strerror}); a program makes it") from error
        self._connection.settimeout(STEP_S)

    def resume(self, frames: int) -> None:
        self._sent = frames

    def write(self, frame: Frame) -> None:
        try:
            if self._has_room():
                self._send(frame)
                self._sent += 1
        except ConnectionError:
            self.close()
        if self._connection is None:
            self.context.count("frames: nobody looked")

    def finish(self) -> dict[str, Any]:
        return {"output": "", "frames": self._sent}

    def close(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def _has_room(self) -> bool:
        """Whether a frame may be sent now; that of a file waits until it may."""
        while self._connection is not None:
            if select.select((self._connection,), (), (), 0 if self._live or self._room else STEP_S)[0]:
                heard = self._connection.recv(4096)
                if not heard:
                    raise ConnectionResetError
                self._room += len(heard)
            if self._room:
                self._room -= 1
                return True
            if self._live:
                self.context.count("frames: not looked at in time")
                return False
            self.context.progress()
        return False

    def _send(self, frame: Frame) -> None:
        planes = {name: np.ascontiguousarray(frame.planes[name]) for name in self.reads if name != "objects"}
        if "objects" in frame.planes:
            planes["objects"] = np.ascontiguousarray(frame.objects)
        head = json.dumps(
            {
                "index": frame.index,
                "pts": frame.pts,
                "duration": frame.duration,
                "time_base": self._time_base,
                "blank": frame.blank,
                "live": self._live,
                "planes": [[name, plane.shape] for name, plane in planes.items()],
            }
        ).encode()
        self._send_all(memoryview(LENGTH.pack(len(head)) + head))
        for plane in planes.values():
            self._send_all(plane.reshape(-1).view(np.uint8).data)

    def _send_all(self, data: memoryview) -> None:
        assert self._connection is not None
        while data:
            try:
                data = data[self._connection.send(data) :]
            except TimeoutError:  # who looks stands still for a moment; a frame is sent whole or not at all
                self.context.progress()


def _planes(output: str) -> tuple[str, ...]:
    return tuple(name for name in (output.partition(PLANES)[2] or "clean").split(","))
