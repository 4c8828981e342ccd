"""What processes use: read from real ones, and from a GPU that is made up as NVIDIA's library would describe it."""

from __future__ import annotations

import os
import subprocess
import sys
import types
from types import SimpleNamespace
from typing import Any

import psutil
import pytest

from pipeline.cli.usage import Gpus, Meter
from tests.waiting import wait_until

BUSY = "import mmap\ndata = bytearray(60 << 20)\nshared = mmap.mmap(-1, 200 << 20)\n"
BUSY += "for at in range(0, 200 << 20, 4096):\n    shared[at] = 1\nprint('up', flush=True)\nwhile True:\n    pass\n"


def test_processor_time_grows_and_shared_memory_is_nobodys_own() -> None:
    child = subprocess.Popen([sys.executable, "-c", BUSY], stdout=subprocess.PIPE, text=True)
    try:
        assert child.stdout is not None
        assert child.stdout.readline() == "up\n"
        meter = Meter()
        first = meter.read([child.pid])[child.pid]
        wait_until(lambda: meter.read([child.pid])[child.pid].cpu_seconds > first.cpu_seconds + 0.1)
        assert 60 << 20 <= first.memory < 150 << 20  # with the 200 MiB it would be more
        assert psutil.Process(child.pid).memory_info().rss > 250 << 20
    finally:
        child.kill()
        child.communicate()


def test_a_process_that_is_gone_is_left_out() -> None:
    child = subprocess.Popen([sys.executable, "-c", ""])
    child.wait()
    assert set(Meter().read([child.pid, os.getpid()])) == {os.getpid()}


class Refused(Exception):
    """What the made-up library raises."""


def library(**calls: Any) -> types.ModuleType:
    """NVIDIA's library with two devices, and process 7 on both."""
    made = types.ModuleType("pynvml")
    processes = {0: [SimpleNamespace(pid=7, usedGpuMemory=100)], 1: [SimpleNamespace(pid=7, usedGpuMemory=50)]}
    samples = [SimpleNamespace(pid=7, timeStamp=5, smUtil=20), SimpleNamespace(pid=7, timeStamp=9, smUtil=40)]

    def utilization(handle: int, since: int) -> list[SimpleNamespace]:
        if handle or not (new := [one for one in samples if one.timeStamp > since]):
            raise Refused
        return new

    made.__dict__.update(
        {
            "NVMLError": Refused,
            "nvmlInit": lambda: None,
            "nvmlDeviceGetCount": lambda: 2,
            "nvmlDeviceGetHandleByIndex": lambda number: number,
            "nvmlDeviceGetComputeRunningProcesses": lambda handle: processes[handle],
            "nvmlDeviceGetProcessUtilization": utilization,
            "nvmlDeviceGetMemoryInfo": lambda handle: SimpleNamespace(used=1 << 30, total=8 << 30),
            "nvmlDeviceGetUtilizationRates": lambda handle: SimpleNamespace(gpu=63),
            "nvmlDeviceGetName": lambda handle: "Made Up",
            **calls,
        }
    )
    return made


def test_gpu_memory_is_added_up_over_devices_and_shares_are_the_mean_of_new_samples(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(sys.modules, "pynvml", library())
    gpus = Gpus()
    assert gpus.processes() == ({7: 150}, {7: pytest.approx(0.3)})
    assert gpus.processes() == ({7: 150}, {7: 0.0})  # no sample is counted twice
    assert [(one.number, one.name, one.share, one.memory) for one in gpus.devices()] == [
        (0, "Made Up", 0.63, 1 << 30),
        (1, "Made Up", 0.63, 1 << 30),
    ]


def test_a_device_that_does_not_tell_its_load_still_tells_its_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(handle: int) -> None:
        raise Refused

    monkeypatch.setitem(sys.modules, "pynvml", library(nvmlDeviceGetUtilizationRates=refuse))
    assert [(one.share, one.total) for one in Gpus().devices()] == [(None, 8 << 30)] * 2


@pytest.mark.parametrize("broken", ["nvmlInit", "nvmlDeviceGetHandleByIndex"])
def test_without_a_driver_or_a_device_there_is_no_gpu(monkeypatch: pytest.MonkeyPatch, broken: str) -> None:
    def refuse(*_: object) -> None:
        raise Refused

    monkeypatch.setitem(sys.modules, "pynvml", library(**{broken: refuse}))
    assert Gpus().processes() == ({}, {})
    assert Gpus().devices() == []
    assert Meter().read([os.getpid()])[os.getpid()].gpu_memory is None


def test_without_the_library_there_is_no_gpu(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pynvml", None)
    assert Gpus().devices() == []
