"""How much memory a program takes with all that it starts: the most that was seen, each shared page counted once."""

from __future__ import annotations

import time

import psutil

EVERY_S = 0.2  # to look costs milliseconds for each process


class Peak:
    """Looks at a process and all below it: the sum of their proportional set sizes. To be called while it runs."""

    def __init__(self) -> None:
        self.mb = 0.0
        self._next = 0.0

    def __call__(self, pid: int) -> None:
        if (now := time.monotonic()) < self._next:
            return
        self._next = now + EVERY_S
        self.mb = max(self.mb, sum(_mb(process) for process in _tree(pid)))


def _tree(pid: int) -> list[psutil.Process]:
    try:
        root = psutil.Process(pid)
        return [root, *root.children(recursive=True)]
    except psutil.NoSuchProcess:  # it has just ended
        return []


def _mb(process: psutil.Process) -> float:
    try:
        return float(process.memory_full_info().pss) / 1e6
    except psutil.NoSuchProcess:
        return 0.0
