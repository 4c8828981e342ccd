"""Wait: the one place where the supervisor sleeps: on its sockets, on the pidfds of its workers, and on signals."""

from __future__ import annotations

import contextlib
import math
import os
import select
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any

import zmq

LONGEST_GAP = 0.25  # seconds of the supervisor's own absence that count against a worker's patience


class PatientClock:
    """Time in which the supervisor did not run (a stopped machine, a stopped supervisor) is nobody's fault."""

    def __init__(self) -> None:
        self.now = 0.0
        self._real = time.monotonic()

    def advance(self) -> None:
        real = time.monotonic()
        self.now += min(real - self._real, LONGEST_GAP)
        self._real = real


class Wait:
    """Wakes up for a message, a death or a signal, or after a time-out."""

    def __init__(self, *sockets: zmq.Socket[Any]) -> None:
        self._epoll = select.epoll()
        self._poller = zmq.Poller()
        for socket in sockets:
            self._poller.register(socket, zmq.POLLIN)
        self._poller.register(self._epoll.fileno(), zmq.POLLIN)
        self._asked: list[int] = []
        self._waking: int | None = None

    def add(self, fd: int) -> None:
        self._epoll.register(fd, select.EPOLLIN)

    def remove(self, fd: int) -> None:
        self._epoll.unregister(fd)

    def poll(self, timeout_s: float) -> bool:
        """Sleep; True where a worker died or a signal came."""
        return any(source == self._epoll.fileno() for source, _ in self._poller.poll(math.ceil(timeout_s * 1000)))

    def signals(self) -> list[int]:
        """The signals that came since the last call."""
        if self._waking is not None:
            with contextlib.suppress(BlockingIOError):
                os.read(self._waking, 4096)
        asked, self._asked = self._asked, []
        return asked

    @contextmanager
    def heeding(self, *numbers: signal.Signals) -> Iterator[None]:
        """Let these signals wake this up instead of what they did before. From the main thread only."""
        self._waking, waker = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
        self.add(self._waking)

        def note(number: int, _: FrameType | None) -> None:
            self._asked.append(number)

        earlier = {number: signal.signal(number, note) for number in numbers}
        earlier_waker = signal.set_wakeup_fd(waker, warn_on_full_buffer=False)
        try:
            yield
        finally:
            signal.set_wakeup_fd(earlier_waker)
            for number, handler in earlier.items():
                signal.signal(number, handler)
            self.remove(self._waking)
            os.close(self._waking)
            os.close(waker)
            self._waking = None

    def close(self) -> None:
        self._epoll.close()
