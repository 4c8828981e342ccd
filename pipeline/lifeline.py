"""The socket pair between supervisor and worker: carries a worker's orders at birth and the descriptors of the ring.

It closes when either side dies; ZeroMQ, which carries everything else, cannot pass descriptors.
"""

from __future__ import annotations

import array
import json
import os
import signal
import socket
from collections.abc import Sequence
from dataclasses import asdict, dataclass

MAX_FDS = 64


@dataclass(frozen=True)
class Orders:
    """What a worker must know before it can say Hello. Not on the command line: others can read that."""

    endpoint: str
    identity: str
    stage: str
    number: int
    parent: int


class Lifeline:
    """One end of the pair."""

    def __init__(self, end: socket.socket) -> None:
        self._end = end

    @classmethod
    def pair(cls) -> tuple[Lifeline, Lifeline]:
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        return cls(ours), cls(theirs)

    @classmethod
    def of_descriptor(cls, fd: int) -> Lifeline:
        return cls(socket.socket(fileno=fd))

    def fileno(self) -> int:
        return self._end.fileno()

    def send_orders(self, orders: Orders) -> None:
        self._end.send(json.dumps(asdict(orders)).encode(), socket.MSG_DONTWAIT)

    def receive_orders(self) -> Orders:
        self._end.settimeout(10)
        return Orders(**json.loads(self._end.recv(65536)))

    def send_fds(self, fds: Sequence[int]) -> None:
        """Pass descriptors on; never blocks. Raises OSError where the other side is gone."""
        if len(fds) > MAX_FDS:
            raise ValueError(f"{len(fds) = } is more than {MAX_FDS}")
        rights = (socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", fds))
        self._end.sendmsg([b"fds"], [rights], socket.MSG_DONTWAIT)  # socket.send_fds() forgets its flags

    def receive_fds(self, count: int) -> list[int]:
        """The descriptors that were passed. Raises OSError when they do not come within ten seconds."""
        self._end.settimeout(10)
        _, fds, _, _ = socket.recv_fds(self._end, 16, MAX_FDS)
        if len(fds) != count:
            for fd in fds:
                os.close(fd)
            raise OSError(f"expected {count} descriptors, got {len(fds)}")
        return list(fds)

    def is_cut(self) -> bool:
        """Whether the other side is gone."""
        self._end.settimeout(0)
        try:
            return self._end.recv(1, socket.MSG_PEEK | socket.MSG_DONTWAIT) == b""
        except BlockingIOError:
            return False
        except OSError:
            return True

    def close(self) -> None:
        self._end.close()


def die_with_parent(parent: int, number: int = signal.SIGKILL) -> None:
    """Have the kernel send this process a signal when the thread that started it ends. Linux only."""
    import ctypes

    pr_set_pdeathsig = 1
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(pr_set_pdeathsig, number, 0, 0, 0) != 0:
        raise OSError(ctypes.get_errno(), "prctl(PR_SET_PDEATHSIG) failed")
    if os.getppid() != parent:
        os._exit(4)
