"""RunLog: takes down what a run says, its own events and what its workers write to stderr. Never makes anybody wait.

Two threads of its own do what may block: one reads the workers' pipes, one writes to the disk. Between them and the
supervisor stands a bounded list; what finds it full is lost, and shows as a gap in the numbers of the records.
"""

from __future__ import annotations

import contextlib
import itertools
import os
import selectors
import threading
import time
import traceback
from collections import deque
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from datetime import datetime
from types import TracebackType
from typing import Self

from pipeline.logfile import LogFile, Record
from pipeline.masking import masked

MOST_WAITING = 2000  # records
MOST_TEXT = 8000  # characters of one record
LINE = 4096  # bytes of a worker's line; a longer one is parted
STDERR = "stderr"
GOODBYE_S = 1.0


class RunLog:
    """What is said of one run: notes go to the user (`told`), as lines do (`lined`), and everything to the file, where
    there is one.

    `secrets` are never written; `echo` is a descriptor to which the workers' stderr goes as well."""

    def __init__(
        self,
        file: LogFile | None = None,
        *,
        told: Callable[[str], None] = lambda _: None,
        lined: Callable[[str], None] = lambda _: None,
        secrets: Collection[str] = (),
        echo: int | None = None,
    ) -> None:
        self._file = file
        self._told = told
        self._lined = lined
        self._secrets = sorted(secrets, key=len, reverse=True)  # one may be the beginning of another
        self._echo = echo
        self._numbers = itertools.count(1)
        self._waiting: list[Record] = []
        self._more = threading.Condition()
        self._closing = False
        self._pipes = selectors.DefaultSelector()  # the reading thread's alone
        self._born: deque[tuple[int, _Voice]] = deque()  # what it has to listen to as well
        self._wake, self._waker = os.pipe2(os.O_CLOEXEC | os.O_NONBLOCK)
        self._pipes.register(self._wake, selectors.EVENT_READ)
        self._threads = [threading.Thread(target=work, daemon=True) for work in (self._listen, self._write)]
        for thread in self._threads if file else ():
            thread.start()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if error is not None:
            self.event("failed", "".join(traceback.format_exception(error)))
        self.close()

    def note(self, text: str) -> None:
        """Tell the user, and take it down."""
        self._told(text)
        self.event("note", text)

    def line(self, text: str, stage: str) -> None:
        """Show the user how it is going, and take it down."""
        self._lined(masked(text, self._secrets))
        self.event("line", text, stage)

    def event(self, kind: str, text: str, stage: str = "") -> None:
        """Take something down."""
        if self._file is None:
            return
        now = datetime.now().astimezone().isoformat(timespec="milliseconds")
        with self._more:
            record = Record(next(self._numbers), now, stage, kind, text[:MOST_TEXT])
            if len(self._waiting) < MOST_WAITING:
                self._waiting.append(record)
                self._more.notify()

    @contextmanager
    def ear(self, stage: str) -> Iterator[int | None]:
        """A descriptor for a worker's stderr, to be handed on at once; None: it may keep that of the supervisor."""
        if self._file is None:
            yield None
            return
        ours, theirs = os.pipe2(os.O_CLOEXEC)
        try:
            yield theirs
        except BaseException:
            os.close(ours)
            raise
        finally:
            os.close(theirs)
        self._born.append((ours, _Voice(stage)))
        self._nudge()

    def close(self) -> None:
        """Let what was said reach the disk, for a moment; a disk that hangs is not waited for."""
        if self._file is None:
            self._unmake()
            return
        until = time.monotonic() + GOODBYE_S
        self._closing = True
        self._nudge()
        self._threads[0].join(until - time.monotonic())
        with self._more:
            self._more.notify()
        self._threads[1].join(max(0.0, until - time.monotonic()))
        if not any(thread.is_alive() for thread in self._threads):
            self._unmake()
            self._file.close()

    def _unmake(self) -> None:
        self._pipes.close()
        os.close(self._wake)
        os.close(self._waker)

    def _nudge(self) -> None:
        with contextlib.suppress(BlockingIOError):  # it is awake already
            os.write(self._waker, b".")

    # The thread that reads

    def _listen(self) -> None:
        """Until all is said; after the end of the run, what is still open (a grandchild's) is not waited for."""
        while not self._closing or len(self._pipes.get_map()) > 1:
            ready = self._pipes.select(GOODBYE_S / 4 if self._closing else None)
            if not ready and self._closing:
                break
            for key, _ in ready:
                if key.data is None:
                    os.read(self._wake, 4096)
                    self._take_in()
                else:
                    self._hear(key.fd, key.data)
        for key in list(self._pipes.get_map().values()):
            if key.data is not None:
                self._hang_up(key.fd, key.data)

    def _take_in(self) -> None:
        while self._born:
            fd, voice = self._born.popleft()
            self._pipes.register(fd, selectors.EVENT_READ, voice)

    def _hear(self, fd: int, voice: _Voice) -> None:
        data = os.read(fd, 1 << 16)
        if not data:
            self._hang_up(fd, voice)
        elif len(self._waiting) >= MOST_WAITING:
            next(self._numbers)  # lost unread: taking it apart would only cost time
        else:
            for line in voice.lines(data):
                self.event(STDERR, line, voice.stage)

    def _hang_up(self, fd: int, voice: _Voice) -> None:
        for line in voice.lines(b"\n"):
            self.event(STDERR, line, voice.stage)
        self._pipes.unregister(fd)
        os.close(fd)

    # The thread that writes

    def _write(self) -> None:
        while True:
            with self._more:
                while not self._waiting and not (self._closing and not self._threads[0].is_alive()):
                    self._more.wait()
                records, self._waiting = self._waiting, []
            if not records:
                return
            for record in records:
                self._put(record)

    def _put(self, record: Record) -> None:
        assert self._file is not None
        clean = Record(record.number, record.time, record.stage, record.kind, masked(record.text, self._secrets))
        with contextlib.suppress(OSError):  # a full disk: the numbers show that something is missing
            self._file.write(clean.pack())
        if record.kind == STDERR and self._echo is not None:
            with contextlib.suppress(OSError):  # the terminal is gone
                os.write(self._echo, clean.text.encode() + b"\n")


class _Voice:
    """What a worker writes, put together to lines."""

    def __init__(self, stage: str) -> None:
        self.stage = stage
        self._rest = b""

    def lines(self, data: bytes) -> Iterator[str]:
        """The lines that have become whole, without empty ones."""
        *whole, self._rest = (self._rest + data).replace(b"\r", b"\n").split(b"\n")
        if len(self._rest) > LINE:
            whole, self._rest = [*whole, self._rest], b""
        for line in whole:
            for at in range(0, len(line.rstrip()), LINE):
                yield line[at : at + LINE].rstrip().decode(errors="backslashreplace")
