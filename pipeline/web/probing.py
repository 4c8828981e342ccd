"""Probing: has a process of its own look at a file or an address, with a deadline, a few of them at a time."""

from __future__ import annotations

import asyncio
import json
import os
import sys
from contextlib import suppress
from typing import Any

from pipeline.environment import worker_environment
from pipeline.web.refusal import Refused

KEPT = ("PATH", "HOME", "LANG", "LC_ALL", "LD_LIBRARY_PATH", "PYTHONPATH", "VIRTUAL_ENV", "SYSTEMROOT", "TMPDIR")
THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")
FILE_S, ADDRESS_S = 20.0, 12.0
AT_ONCE, WAITING = 2, 16
MOST_SAID = 1 << 20


class Probing:
    """`command` is what is started; a test gives another."""

    def __init__(self, command: tuple[str, ...] = ()) -> None:
        self._command = command or (sys.executable, "-P", "-B", "-m", "pipeline.web.looking")
        self._turn = asyncio.Semaphore(AT_ONCE)
        self._waiting = 0

    async def file(self, path: str, seconds: float = FILE_S) -> dict[str, Any]:
        """`kind`, `width`, `height`, `rate`, `seconds`, `frames`, `still` of a file. Raises Refused: 422, 503."""
        return await self._look({"path": path}, seconds)

    async def address(self, address: str, seconds: float = ADDRESS_S) -> dict[str, Any]:
        """The same of what comes from an address. Raises Refused: 422, 503."""
        return await self._look({"address": address, "timeout": seconds * 0.6}, seconds)

    async def _look(self, order: dict[str, Any], seconds: float) -> dict[str, Any]:
        if self._waiting >= WAITING:
            raise Refused(503, "too many look at sources just now; try again in a moment", {"Retry-After": "5"})
        self._waiting += 1
        try:
            async with self._turn:
                text = await self._told({**order, "seconds": seconds, "parent": os.getpid()}, seconds)
        finally:
            self._waiting -= 1
        found: dict[str, Any] = json.loads(text)
        if not found.pop("ok"):
            raise Refused(422, str(found["error"]))
        return found

    async def _told(self, order: dict[str, Any], seconds: float) -> bytes:
        """What the process says. Its order goes by stdin, its environment is bare: no secret is seen, or lies there."""
        process = await asyncio.create_subprocess_exec(
            *self._command, stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.DEVNULL, env=_environment(), start_new_session=True, limit=MOST_SAID,
        )  # fmt: skip
        assert process.stdin is not None
        assert process.stdout is not None
        try:
            async with asyncio.timeout(seconds):
                with suppress(ConnectionError):
                    process.stdin.write(json.dumps(order).encode())
                    await process.stdin.drain()
                    process.stdin.close()
                text = await process.stdout.read(MOST_SAID)
                while more := await process.stdout.read(MOST_SAID):
                    text += more
                    if len(text) > MOST_SAID:
                        raise Refused(422, "it cannot be looked at: there is too much to say of it")
                code = await process.wait()
        except TimeoutError as error:
            raise Refused(422, f"no picture came of it within {seconds:g} s") from error
        finally:
            with suppress(ProcessLookupError):
                process.kill()
            await process.wait()
        if code or not text:
            raise Refused(422, "it cannot be looked at: the decoder broke over it")
        return text


def _environment() -> dict[str, str]:
    return {name: text for name, text in worker_environment(1).items() if name in (*KEPT, *THREADS)}
