"""Onlookers: programs that look at what a privacy run shows while it runs, each in a thread, for the canary."""

from __future__ import annotations

import http.client
import re
import socket
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from typing import Any

import numpy as np
import psutil

from pipeline.frame import Image
from tests.faults.canary import HEIGHT, RAW, WIDTH, place_of, shows
from tests.pages import Web, decoded
from tests.runs import Run
from tests.waiting import wait_until

PATIENCE_S = 0.5
LOOKING = "page", "mjpeg", "tcp"
PICTURES = frozenset({"image", "filled"})  # planes that show what is to be protected


class Onlookers:
    """How many pictures each has seen, and who has seen the pattern."""

    def __init__(self, folder: Path) -> None:
        self.seen: Counter[str] = Counter()
        self.leaks: list[str] = []
        self._over = threading.Event()
        self.web = Web(folder / "page.sock")
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._listener.settimeout(PATIENCE_S)
        with socket.create_server(("127.0.0.1", 0)) as free:
            self.port = free.getsockname()[1]
        looks = self._look_at_page, self._look_at_mjpeg, self._look_at_tcp
        self._threads = [threading.Thread(target=look, daemon=True) for look in looks]

    def sinks(self) -> list[dict[str, Any]]:
        """The sinks at which they look, for a configuration."""
        tcp = f"tcp://127.0.0.1:{self._listener.getsockname()[1]}"
        mjpeg = f"http://127.0.0.1:{self.port}/"
        page = {"output": self.web.address, "views": ["result"]}
        return [
            {"name": "page", "uses": "stages.output.page:Page", "with": page},
            {"name": "mjpeg", "uses": "stages.output.mjpeg:Mjpeg", "with": {"output": mjpeg}},
            {"name": "tcp", "uses": "stages.output.tcp:Tcp", "with": {"output": tcp}},
        ]

    @contextmanager
    def looking(self) -> Iterator[None]:
        for thread in self._threads:
            thread.start()
        try:
            yield
        finally:
            self._over.set()
            for thread in self._threads:
                thread.join(10)
            self.web.close()
            self._listener.close()

    def wait(self, more: int) -> None:
        """Until each has seen so many more pictures."""
        before = self.seen.copy()
        wait_until(lambda: all(self.seen[who] >= before[who] + more for who in LOOKING), timeout=120)

    def _judge(self, who: str, image: Image) -> None:
        self.seen[who] += 1
        if shows(image):
            self.leaks.append(f"{who}: picture {self.seen[who]}, {place_of(image)}")

    def _look_at_page(self) -> None:
        while not self._over.is_set():
            with suppress(OSError):
                self.web.accept()
                while not self._over.is_set():
                    self.web.want("result", credit=4, width=WIDTH)
                    record = self.web.record(PATIENCE_S)
                    for jpeg in record.jpegs.values() if record is not None else ():
                        self._judge("page", decoded(jpeg))

    def _look_at_mjpeg(self) -> None:
        while not self._over.wait(0.02):
            with suppress(OSError, http.client.HTTPException):
                server = http.client.HTTPConnection("127.0.0.1", self.port, timeout=PATIENCE_S)
                with closing(server) as connection:
                    connection.request("GET", "/snapshot.jpg")
                    with connection.getresponse() as answer:
                        if answer.status == 200:
                            self._judge("mjpeg", decoded(answer.read()))

    def _look_at_tcp(self) -> None:
        size = WIDTH * HEIGHT * 3
        while not self._over.is_set():
            with suppress(OSError):
                connection, _ = self._listener.accept()
                with connection, connection.makefile("rb") as stream:
                    connection.settimeout(2.0)
                    while len(data := stream.read(size)) == size and not self._over.is_set():
                        self._judge("tcp", np.frombuffer(data, np.uint8).reshape(HEIGHT, WIDTH, 3))
                    if RAW in data:
                        self.leaks.append("tcp: a part of a picture")


def planes_in_reach(process: psutil.Process) -> set[str]:
    """Of the ring's memory files those that a process maps or holds open, by plane."""
    found: set[str] = set()
    base = Path(f"/proc/{process.pid}")
    with suppress(OSError):
        found.update(re.findall(r"memfd:cleanplate:([\w/-]+)", (base / "maps").read_text()))
        for link in (base / "fd").iterdir():
            with suppress(OSError):
                found.update(re.findall(r"memfd:cleanplate:([\w/-]+)", str(link.readlink())))
    return found


def sinks_that_hold_too_much(run: Run, sinks: tuple[str, ...]) -> list[str]:
    """Workers of these sinks within whose reach a plane is that shows what is to be protected."""
    return [
        f"{sink}: {sorted(held)}"
        for sink in sinks
        for worker in run.workers(sink)
        if (held := planes_in_reach(worker)) & PICTURES
    ]
