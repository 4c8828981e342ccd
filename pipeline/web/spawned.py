"""Child: the web process's end of a session's own process: its orders, what it says, and its end."""

from __future__ import annotations

import asyncio
import json
import signal
import sys
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from pipeline.errors import RunError
from pipeline.web.orders import Orders

MAX_LINE = 1 << 16  # bytes of an event
GOODBYE_S = 2.0  # from its last word to its end


@dataclass(frozen=True)
class End:
    """How it ended: the exit code (-N: signal N), and why."""

    code: int
    error: str | None


class Child:
    """One process, in a session of its own. Start it from the main thread: it dies with the thread that starts it."""

    def __init__(self, process: asyncio.subprocess.Process, told: Callable[[str], None]) -> None:
        loop = asyncio.get_running_loop()
        self.pid = process.pid
        self.planned: asyncio.Future[None] = loop.create_future()  # set when its pipeline is valid
        self.end: asyncio.Future[End] = loop.create_future()
        self._process = process
        self._told = told
        self._last: End | None = None
        self._task = loop.create_task(self._attend())

    @classmethod
    async def start(cls, orders: Orders, told: Callable[[str], None]) -> Child:
        """`told` gets what the run has to say to its user. Raises RunError."""
        line = orders.model_dump_json().encode() + b"\n"  # fails before there is a process that waits for it
        try:
            process = await asyncio.create_subprocess_exec(
                sys.executable, "-P", "-m", "pipeline.web.child",
                stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.DEVNULL,
                start_new_session=True, limit=MAX_LINE,
            )  # fmt: skip
        except OSError as error:
            raise RunError(f"no process can be started: {error.strerror}") from error
        child = cls(process, told)
        assert process.stdin is not None
        with suppress(ConnectionError):  # it has died already: its end says so
            process.stdin.write(line)
            await process.stdin.drain()
            process.stdin.close()
        return child

    @property
    def alive(self) -> bool:
        return not self.end.done()

    async def settle(self, seconds: float) -> None:
        """Until it is known whether its pipeline is valid, or it has ended; so long at most."""
        first: set[asyncio.Future[Any]] = {self.planned, self.end}
        await asyncio.wait(first, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)

    async def wait(self, seconds: float) -> bool:
        """Whether it has ended within so many seconds."""
        done, _ = await asyncio.wait({self.end}, timeout=seconds)
        return bool(done)

    def terminate(self) -> None:
        """Ask it to finish what is under way and end."""
        with suppress(ProcessLookupError):
            self._process.terminate()

    def kill(self) -> None:
        """End it at once; its workers end with it."""
        with suppress(ProcessLookupError):
            self._process.kill()

    async def _attend(self) -> None:
        """Hear it out, and reap it. What it has started may hold its pipe open after it: its death counts."""
        listening = asyncio.ensure_future(self._listen())
        waiting = asyncio.ensure_future(self._process.wait())
        await asyncio.wait({listening, waiting}, return_when=asyncio.FIRST_COMPLETED)
        await asyncio.wait({listening, waiting}, timeout=GOODBYE_S)
        if not waiting.done():
            self.kill()
        listening.cancel()
        code = await waiting
        self.end.set_result(self._last or End(code, _how(code)))

    async def _listen(self) -> None:
        assert self._process.stdout is not None
        while self._last is None:
            try:
                line = await self._process.stdout.readline()
            except ValueError:  # no line of ours is so long: a library has printed something
                continue
            except OSError:
                return
            if not line:
                return
            with suppress(ValueError):  # a library has printed something
                self._take(json.loads(line))

    def _take(self, event: object) -> None:
        match event:
            case {"event": "planned"}:
                if not self.planned.done():
                    self.planned.set_result(None)
            case {"event": "note", "text": str(text)}:
                self._told(text)
            case {"event": "end", "code": int(code), "error": str() | None as error}:
                self._last = End(code, error)


def _how(code: int) -> str:
    """How a process ended that could not say so itself."""
    if code >= 0:
        return f"its process ended with exit code {code} and said nothing; its log may tell more"
    with suppress(ValueError):
        return f"its process was ended by {signal.Signals(-code).name}; start it again, its log may tell more"
    return f"its process was ended by signal {-code}; start it again"
