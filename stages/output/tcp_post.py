"""Post: takes frames at once and sends them from a thread of its own, the newest few; drops whole ones, and counts."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable

import numpy as np

from pipeline.frame import Image
from stages.ingest.backoff import Backoff
from stages.output.tcp_wire import Wire

LAST_WORDS_S = 3.0  # for what still waits when the run ends


class Post:
    """`put` copies a frame and never waits. Memory is taken once: for those that wait, and for the one being sent."""

    def __init__(self, wire: Wire, shape: tuple[int, int, int], waiting: int, backoff: Backoff | None = None) -> None:
        self.trouble = ""  # why the last try to connect, or to send, failed; empty while it works
        self._wire = wire
        self._backoff = backoff or Backoff()
        self._changed = threading.Condition()
        self._free: deque[Image] = deque(np.empty(shape, np.uint8) for _ in range(waiting + 1))
        self._queue: deque[tuple[Image, int]] = deque()
        self._busy = self._closing = False
        self._sent = self._dropped = self._connections = 0
        self._thread = threading.Thread(target=self._run, name="tcp output", daemon=True)
        self._thread.start()

    def put(self, image: Image, pts: int) -> None:
        """Have a frame sent, uint8 [H, W, 3] BGR; the one that has waited longest goes where there is no room."""
        with self._changed:
            if not self._free:
                self._free.append(self._queue.popleft()[0])
                self._dropped += 1
            kept = self._free.popleft()
        np.copyto(kept, image)
        with self._changed:
            self._queue.append((kept, pts))
            self._changed.notify_all()

    def counts(self) -> dict[str, int]:
        """Frames sent and dropped so far, and how often a connection was made again."""
        with self._changed:
            again = max(0, self._connections - 1)
            return {"sent": self._sent, "dropped": self._dropped, "reconnects": again}

    def flush(self, seconds: float, progress: Callable[[], None]) -> None:
        """Wait until nothing waits any more, for so long at most; what is left then is dropped, and counted."""
        until = time.monotonic() + seconds
        with self._changed:
            while (self._queue or self._busy) and (left := until - time.monotonic()) > 0 and not self.trouble:
                progress()
                self._changed.wait(min(0.2, left))
            self._dropped += len(self._queue)
            while self._queue:
                self._free.append(self._queue.popleft()[0])

    def close(self) -> None:
        """End the thread; it may be in the midst of a frame that nobody takes."""
        with self._changed:
            self._closing = True
            self._changed.notify_all()
        self._thread.join(LAST_WORDS_S)

    # In the thread

    def _run(self) -> None:
        while (taken := self._take()) is not None:
            image, pts = taken
            sent = self._send(image, pts)
            with self._changed:
                self._sent += sent
                self._dropped += not sent
                self._free.append(image)
                self._busy = False
                self._changed.notify_all()
        self._wire.close()

    def _take(self) -> tuple[Image, int] | None:
        """The next frame, once there is a connection for it; None: it is over."""
        while not self._wire.connected and not self._closing:
            try:
                self._wire.connect()
                self._connections += 1
                self.trouble = ""
                self._backoff.reset()
            except (OSError, ValueError) as error:
                self._failed(error)
                with self._changed:
                    self._changed.wait_for(lambda: self._closing, self._backoff.next())
        with self._changed:
            self._changed.wait_for(lambda: self._queue or self._closing)
            if self._closing:
                return None
            self._busy = True
            return self._queue.popleft()

    def _send(self, image: Image, pts: int) -> bool:
        try:
            self._wire.send(image, pts)
        except (OSError, ValueError) as error:
            self._failed(error)
            return False
        return True

    def _failed(self, error: Exception) -> None:
        self.trouble = getattr(error, "strerror", None) or str(error) or type(error).__name__
        self._wire.close()
