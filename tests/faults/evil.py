"""Stages that break the protocol from inside a worker, while they do their work as they should."""

from __future__ import annotations

import os
import secrets
from pathlib import Path
from typing import Any

import zmq

from pipeline.control import ControlClient
from pipeline.desk import Desk
from pipeline.frame import Frame, FrameSpec
from pipeline.messages import Commit, Done, Fault, Grant, Hello, Ready
from pipeline.posts import Verdict
from pipeline.stage import live
from tests.toys import Invert


class Evil(Invert):
    """Has its hands on the worker's own socket."""

    @property
    def client(self) -> ControlClient:
        assert isinstance(self.context, Desk)
        return self.context._client


class Replays(Evil):
    """Sends each commit three times, and the first hundred again and again."""

    def setup(self, spec: FrameSpec) -> None:
        real, recorded = self.client.send, list[Any]()

        def send(message: Any) -> None:
            real(message)
            if isinstance(message, Commit):
                recorded.append(message)
                for again in (message, message, *recorded[:100]):
                    real(again)

        self.client.send = send  # type: ignore[method-assign]


class Babbles(Evil):
    """Says with each frame what no worker has to say, and what is no message at all."""

    def process(self, frame: Frame) -> None:
        super().process(frame)
        for message in (
            Hello(pid=1), Ready(deadline=1e300, spec=FrameSpec(width=1, height=1)), Done(facts={"a": 1}),
            Grant(0, 0, 0, 0, 0), Commit(65535, 0, Verdict.DONE), Commit(0, 2**32 - 1, Verdict.FAILED, -1, -1, -1),
        ):  # fmt: skip
            self.client.send(message)
        for data in (b"", b"\x02", b"\x01" * 60_000, b"{}", b"[" * 60_000, secrets.token_bytes(100)):
            self.client.socket.send(data)
        self.client.socket.send_multipart([b"a", b"b", b"c"])


class Lies(Evil):
    """Reports the same fault of another kind with each frame, though all went well."""

    def process(self, frame: Frame) -> None:
        super().process(frame)
        self.client.send(Fault(when="finish", error="nothing", traceback="x" * 5000))


class Betrays(Evil):
    """Writes down its identity and its grants, for whoever wants to take its place."""

    told: str

    def process(self, frame: Frame) -> None:
        super().process(frame)
        fresh = Path(f"{self.told}.new")
        fresh.write_bytes(self.client.socket.getsockopt(zmq.IDENTITY))
        os.replace(fresh, self.told)


class Wordy(Invert):
    """Has two settings that take any number of words."""

    one: list[str] = live([])
    other: list[str] = live([])


class Paints(Evil):
    """Puts into what it tells the user what would rename the terminal, and wipe the line before."""

    def process(self, frame: Frame) -> None:
        super().process(frame)
        self.context.note("\x1b]0;yours\x07 and\nsomething\x1b[2K else 漢")
        if frame.index == 30:
            raise ValueError("\x1b[31mred\r\n\udcff")
