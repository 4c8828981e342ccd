"""What processes use of the machine: processor, memory, GPU; read from outside, for `top` and for the endpoint."""

from __future__ import annotations

import contextlib
from collections.abc import Collection
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Usage:
    """What one process uses.

    `cpu_seconds` since it began, in user and system mode; `memory` in bytes, its alone: the ring and the libraries are
    shared by all. `gpu_memory` in bytes and `gpu_share` (1.0: a whole device) are None where there is no GPU, or where
    it does not know the process: in most containers it counts by numbers from outside."""

    cpu_seconds: float
    memory: int
    gpu_memory: int | None = None
    gpu_share: float | None = None


@dataclass(frozen=True)
class Device:
    """One GPU, whoever uses it. Memory in bytes; `share` of the time in which it worked, 0 to 1."""

    number: int
    name: str
    share: float | None
    memory: int
    total: int


class Meter:
    """Reads usages. One thread at a time."""

    def __init__(self) -> None:
        self._gpus = Gpus()

    def read(self, pids: Collection[int]) -> dict[int, Usage]:
        """Those of the processes that still live and may be asked."""
        import psutil

        memory, shares = self._gpus.processes()
        found = {}
        for pid in pids:
            with contextlib.suppress(psutil.Error):
                process = psutil.Process(pid)
                with process.oneshot():
                    times, sizes = process.cpu_times(), process.memory_info()
                own = max(0, sizes.rss - getattr(sizes, "shared", 0))
                found[pid] = Usage(times.user + times.system, own, memory.get(pid), shares.get(pid))
        return found

    def devices(self) -> list[Device]:
        return self._gpus.devices()


class Gpus:
    """The GPUs as NVIDIA's library sees them; there are none where it, its driver or a device is missing."""

    def __init__(self) -> None:
        self._library: Any = None
        self._handles: list[Any] = []
        self._seen: dict[int, int] = {}  # by device: the time stamp of the newest sample, in microseconds
        with contextlib.suppress(ImportError):
            import pynvml

            with contextlib.suppress(pynvml.NVMLError):
                pynvml.nvmlInit()
                self._library = pynvml
                self._handles = [pynvml.nvmlDeviceGetHandleByIndex(n) for n in range(pynvml.nvmlDeviceGetCount())]

    def processes(self) -> tuple[dict[int, int], dict[int, float]]:
        """By process: bytes on all devices; share of a device since the last call."""
        memory: dict[int, int] = {}
        shares: dict[int, float] = {}
        for number, handle in enumerate(self._handles):
            with contextlib.suppress(self._library.NVMLError):
                for one in self._library.nvmlDeviceGetComputeRunningProcesses(handle):
                    memory[one.pid] = memory.get(one.pid, 0) + (one.usedGpuMemory or 0)
                    shares.setdefault(one.pid, 0.0)
            for pid, share in self._shares(number, handle).items():
                shares[pid] = shares.get(pid, 0.0) + share
        return memory, shares

    def _shares(self, number: int, handle: Any) -> dict[int, float]:
        """The mean of the samples that are new; none where the device keeps none (it is parted, or idle)."""
        sums: dict[int, list[float]] = {}
        with contextlib.suppress(self._library.NVMLError):
            for sample in self._library.nvmlDeviceGetProcessUtilization(handle, self._seen.get(number, 0)):
                self._seen[number] = max(self._seen.get(number, 0), sample.timeStamp)
                sums.setdefault(sample.pid, []).append(sample.smUtil / 100)
        return {pid: sum(values) / len(values) for pid, values in sums.items()}

    def devices(self) -> list[Device]:
        found = []
        for number, handle in enumerate(self._handles):
            with contextlib.suppress(self._library.NVMLError):
                sizes, share = self._library.nvmlDeviceGetMemoryInfo(handle), None
                with contextlib.suppress(self._library.NVMLError):  # a parted device does not tell
                    share = self._library.nvmlDeviceGetUtilizationRates(handle).gpu / 100
                name = self._library.nvmlDeviceGetName(handle)
                found.append(Device(number, str(name), share, sizes.used, sizes.total))
        return found
