"""RemoteLane: runs in one child process, one after the other; what a run has loaded is there for the next.

The child is that of `pipeline.remote`, which tells the protocol: after the end of a run it reads further orders.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from collections.abc import Callable
from contextlib import suppress
from dataclasses import asdict, replace
from typing import Any

from pipeline.errors import RunError
from pipeline.remote import LONGEST_EVENT, Ending, RunOrders, last_word

FINE = (0, 4)  # exit codes of runs after which nothing is doubtful


class RemoteLane:
    """Used by one thread, but for `kill()`, which any may call. That thread must live as long as the child, which the
    kernel ends with it."""

    def __init__(self) -> None:
        self._child: subprocess.Popen[bytes] | None = None
        self._guard = threading.Lock()
        self._killed = False

    def run(self, orders: RunOrders, heard: Callable[[dict[str, Any]], None] = lambda _: None) -> Ending:
        """Run it to its end; `heard` gets its events but the last. After one that failed the child is another."""
        child = self._ready()
        if child is None:
            return Ending(RunError.exit_code, "ended")
        ending = self._converse(child, replace(orders, stays=True), heard)
        if ending is None:
            code = self._bury(child)
            return Ending(128 - code if code < 0 else RunError.exit_code, last_word(code))
        if ending.code not in FINE:
            self._bury(child)
        return ending

    def kill(self) -> None:
        """End now whatever runs, with nothing finished; no other run is begun."""
        with self._guard:
            self._killed = True
            if self._child is not None:
                self._child.kill()

    def close(self) -> None:
        """Let the child end, when nothing runs."""
        if self._child is not None:
            self._bury(self._child)

    def _ready(self) -> subprocess.Popen[bytes] | None:
        """The child; None where there is to be none."""
        with self._guard:
            if self._killed:
                return None
            if self._child is None:
                command = [sys.executable, "-P", "-m", "pipeline.remote_child", str(os.getpid())]
                self._child = subprocess.Popen(
                    command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, start_new_session=True
                )
            return self._child

    def _converse(
        self, child: subprocess.Popen[bytes], orders: RunOrders, heard: Callable[[dict[str, Any]], None]
    ) -> Ending | None:
        """None where it died over it."""
        assert child.stdin is not None
        assert child.stdout is not None
        try:
            child.stdin.write(json.dumps(asdict(orders)).encode() + b"\n")
            child.stdin.flush()
        except BrokenPipeError:
            return None
        while (line := child.stdout.readline(LONGEST_EVENT)).endswith(b"\n"):
            event = json.loads(line)
            if event["event"] == "end":
                return Ending(event["code"], event["error"], event["report"])
            heard(event)
        return None

    def _bury(self, child: subprocess.Popen[bytes]) -> int:
        """Its exit code. It ends with its stdin; one that has not in time is killed, and its workers with it."""
        with self._guard:
            self._child = None
        assert child.stdin is not None
        assert child.stdout is not None
        with suppress(BrokenPipeError):
            child.stdin.close()
        try:
            return child.wait(10)
        except subprocess.TimeoutExpired:
            child.kill()
            return child.wait()
        finally:
            child.stdout.close()
