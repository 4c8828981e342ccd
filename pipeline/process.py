"""Process: one child in a session of its own, watched and signalled through a pidfd. The only module that signals."""

from __future__ import annotations

import contextlib
import errno
import os
import resource
import signal
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Self

from pipeline.errors import RunError
from pipeline.instances import is_locked
from pipeline.lifeline import Lifeline, Orders

LONGEST_DEATH = 5.0  # seconds from SIGKILL to the end of a process, but for one that hangs in the kernel
PLENTY = 16384  # open files
KILL_GROUP = getattr(os, "killpg")  # noqa: B009 - banned by lint everywhere but here


class Process:
    """A worker process. Start it from the main thread: it dies with the thread that started it.

    `stderr`: a descriptor for what it writes there; None: where this process writes it."""

    def __init__(self, orders: Orders, environment: Mapping[str, str], stderr: int | None = None) -> None:
        self.lifeline, theirs = Lifeline.pair()
        command = [
            sys.executable,
            "-P",
            "-m",
            "pipeline.worker",
            str(theirs.fileno()),
            f"{orders.stage}.{orders.number}",
        ]
        try:
            self._child = subprocess.Popen(
                command,
                env=dict(environment),
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=stderr,
                pass_fds=(theirs.fileno(),),
                start_new_session=True,
            )
        except BaseException:
            self.lifeline.close()
            raise
        finally:
            theirs.close()
        self.pid = self._child.pid
        self.kill_sent = False
        self._code: int | None = None
        try:
            self.pidfd = os.pidfd_open(self.pid)
        except OSError:
            self._child.kill()
            self._child.wait()
            self.lifeline.close()
            raise
        with contextlib.suppress(ConnectionError):  # it has died already: the pidfd says so to whoever watches
            self.lifeline.send_orders(orders)

    @property
    def dead(self) -> bool:
        """Whether its death is certain; then nothing of it can touch memory any more. Reaps nothing."""
        return self._code is not None or (
            os.waitid(os.P_PIDFD, self.pidfd, os.WEXITED | os.WNOHANG | os.WNOWAIT) is not None
        )

    def kill(self) -> None:
        """SIGKILL; its death still has to be awaited."""
        self.kill_sent = True
        with contextlib.suppress(ProcessLookupError):
            signal.pidfd_send_signal(self.pidfd, signal.SIGKILL)

    def bury(self) -> int:
        """After its death: end what it left in its group, reap it, and return its exit code (-N: signal N).

        One that was killed and does not die is left to the kernel after a few seconds, as killed; should it die after
        all, the next child to be started reaps it (so does `Popen` with those that nobody waits for)."""
        with contextlib.suppress(ProcessLookupError, PermissionError):
            KILL_GROUP(self.pid, signal.SIGKILL)  # a zombie still holds the number: nobody else can have it
        try:
            self._code = self._child.wait(LONGEST_DEATH if self.kill_sent else None)
        except subprocess.TimeoutExpired:
            self._code = -signal.SIGKILL
        os.close(self.pidfd)
        self.lifeline.close()
        return self._code


class Watched:
    """Somebody else's process: asked to end, and its end awaited, through a pidfd."""

    def __init__(self, pid: int) -> None:
        try:
            self.pidfd = os.pidfd_open(pid)
        except ProcessLookupError as error:
            raise RunError(f"process {pid} has just ended") from error

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        os.close(self.pidfd)

    def terminate(self, lock: Path) -> bool:
        """SIGTERM, if its lock is still held: a free lock is a dead run, and the number may be another's by now."""
        if not is_locked(lock):
            return False
        with contextlib.suppress(ProcessLookupError):
            signal.pidfd_send_signal(self.pidfd, signal.SIGTERM)
        return True


def want_descriptors(count: int) -> None:
    """See to it that so many more files can be opened, by this process's own limit. Raises OSError where they cannot.

    libzmq aborts a process that cannot take a connection for want of a descriptor."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    most = PLENTY if hard == resource.RLIM_INFINITY else min(hard, PLENTY)
    if soft != resource.RLIM_INFINITY and soft < most:
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, hard))
        soft = most
    if soft != resource.RLIM_INFINITY and len(os.listdir("/proc/self/fd")) + count > soft:
        raise OSError(errno.EMFILE, os.strerror(errno.EMFILE))
