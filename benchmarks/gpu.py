"""Do two processes share one GPU? Two stages of matrix products of about 10 ms each, alone and together.

`two_gpu_stages`: the rate of both together, by that of one alone (they are alike), with kernels of 512x512 that leave
most of a large GPU free, as a network's do for a single picture. Without MPS the GPU serves one process at a time, and
only what the other does outside its kernels overlaps. `two_gpu_stages_mps`: the same under MPS, where the kernels of
both can run at once. `..._full`: both with kernels of 4096x4096, which fill the GPU: together they can only take turns,
so nothing is asked of these. `ms_alone`: what a stage takes alone. `device`: the GPU. `mps`: `used`, or why not.
On a machine without a GPU there is only `skipped`: why.
"""

from __future__ import annotations

import os
import shutil
import statistics
import subprocess
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from benchmarks.sleepers import Work
from benchmarks.trial import Step, feed, run, take
from pipeline.api import RunFailed
from pipeline.errors import RunError, SetupError
from pipeline.frame import Frame, FrameSpec

PRODUCTS = "benchmarks.gpu:Products"
MS = 10.0
SMALL, FULL = 512, 4096
GUESS = {SMALL: 500, FULL: 5}  # products of the run that shows how many take MS
WARM = 20
FRAMES = 100
ROUNDS = 3  # at most: each of its runs sets up CUDA anew
MPS = "nvidia-cuda-mps-control"


class Products(Work):
    """Multiplies matrices of `side` x `side` float32 so many times on the GPU, one product behind the other."""

    heavy = True

    side: int = SMALL
    products: int = 1

    _factors: Any
    _result: Any

    def setup(self, spec: FrameSpec) -> None:
        import torch

        if not torch.cuda.is_available():
            raise SetupError("torch finds no GPU")
        made = torch.rand(2, self.side, self.side, device="cuda")
        self._factors, self._result = made.unbind(), torch.empty_like(made[0])
        self._multiply()

    def process(self, frame: Frame) -> None:
        begun = time.monotonic_ns()
        self._multiply()
        self._diary.note(frame.index, begun)

    def _multiply(self) -> None:
        import torch

        for _ in range(self.products):
            torch.mm(*self._factors, out=self._result)
        torch.cuda.synchronize()


def why_not() -> str:
    """Why nothing can be measured here; empty where something can."""
    import pynvml

    try:
        pynvml.nvmlInit()
        count = pynvml.nvmlDeviceGetCount()
        pynvml.nvmlShutdown()
    except pynvml.NVMLError:
        count = 0
    if not count:
        return "no GPU"
    import torch

    return "" if torch.cuda.is_available() else f"torch {torch.__version__} finds none of {count} GPUs"


def measure(rounds: int) -> dict[str, Any]:
    """Both sizes of kernels, with and without MPS. Raises RunFailed, RunError; under MPS they are written down."""
    if reason := why_not():
        return {"skipped": reason}
    with _without_mps():
        counts = {side: _calibrated(side) for side in (SMALL, FULL)}
        found = _median_of(rounds, counts)
    found["device"] = _device()
    if not shutil.which(MPS):
        return {**found, "mps": f"no {MPS} here"}
    try:
        with _under_mps():
            shared = _median_of(rounds, counts)
    except (RunFailed, RunError) as error:
        return {**found, "mps": str(error)}
    return {**found, **{f"{name}_mps": value for name, value in shared.items()}, "mps": "used"}


def _device() -> str:
    import torch

    return torch.cuda.get_device_name()


def _median_of(rounds: int, counts: Mapping[int, int]) -> dict[str, Any]:
    found = [_both(counts) for _ in range(min(rounds, ROUNDS))]
    return {name: round(statistics.median(each[name] for each in found), 4) for name in found[0]}


def _both(counts: Mapping[int, int]) -> dict[str, float]:
    figures: dict[str, float] = {}
    for side, suffix in ((SMALL, ""), (FULL, "_full")):
        alone, together = rate(["first"], side, counts[side]), rate(["first", "second"], side, counts[side])
        figures |= {f"two_gpu_stages{suffix}": together / alone, f"ms_alone{suffix}": 1000 / alone}
    return figures


def rate(names: list[str], side: int, products: int, frames: int = FRAMES) -> float:
    """Frames/s through stages of these names, each in a process of its own on the GPU. Raises RunFailed."""
    return run(_row(names, side, products, frames)).times.after(WARM).rate("take")


def _calibrated(side: int) -> int:
    """How many products of this size take about MS."""
    times = run(_row(["first"], side, GUESS[side], FRAMES)).times.after(WARM)
    return max(1, round(GUESS[side] * MS / times.mean_ms("first")))


def _row(names: list[str], side: int, products: int, frames: int) -> list[Step]:
    options = {"side": side, "products": products}
    return [feed(WARM + frames), *(Step(name, PRODUCTS, options=options) for name in names), take()]


@contextmanager
def _environment(**variables: str) -> Iterator[None]:
    """Workers inherit these variables."""
    before = os.environ.copy()
    os.environ.update(variables)
    try:
        yield
    finally:
        os.environ.clear()
        os.environ.update(before)


@contextmanager
def _without_mps() -> Iterator[None]:
    """A daemon of the user's, if there is one, is not found."""
    with tempfile.TemporaryDirectory() as nothing, _environment(CUDA_MPS_PIPE_DIRECTORY=nothing):
        yield


@contextmanager
def _under_mps() -> Iterator[None]:
    """With a daemon of our own. Raises RunError."""
    with (
        tempfile.TemporaryDirectory() as folder,
        _environment(CUDA_MPS_PIPE_DIRECTORY=folder, CUDA_MPS_LOG_DIRECTORY=folder),
    ):
        begun = subprocess.run([MPS, "-d"], capture_output=True, text=True, timeout=60, check=False)
        if begun.returncode:
            raise RunError(f"{MPS} does not start: {(begun.stderr or begun.stdout).strip()}")
        try:
            yield
        finally:
            subprocess.run([MPS], input="quit\n", capture_output=True, text=True, timeout=60, check=False)
