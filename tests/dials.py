"""Toy stages with a live setting and with an input, and runs that go on until they are told to end."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from pipeline.cli import live as runs
from pipeline.errors import CleanplateError
from pipeline.frame import Frame
from pipeline.stage import Transform, live
from tests.runs import Run, toy
from tests.toys import Numbers
from tests.waiting import wait_until


class Dial(Transform):
    """clean = 255 - image, after `sleep` seconds."""

    writes = ("clean",)

    sleep: float = live(0.02, ge=0, le=1, description="seconds a frame")

    def process(self, frame: Frame) -> None:
        time.sleep(self.sleep)
        np.subtract(255, frame.image, out=frame.clean)


class Named(Numbers):
    """The same numbers for any input."""

    input: str = ""


@contextlib.contextmanager
def going_run(folder: Path, patch: pytest.MonkeyPatch, *args: str) -> Iterator[Run]:
    """A run called `toy` whose frames flow, seen by this process too; it is told to end behind."""
    patch.setenv("CLEANPLATE_STATE", str(folder / "state"))
    config = toy(folder, {"name": "dial", "uses": "tests.dials:Dial"})
    config["stages"][0]["with"]["count"] = 100_000
    run = Run(folder, config, *args)
    try:
        wait_until(lambda: (told := status()) is not None and runs.finished(told) > 0)
        yield run
    finally:
        run.process.terminate()
        run.end()


def status() -> dict[str, Any] | None:
    """How the run `toy` is, if it answers."""
    try:
        return runs.status("toy", 1.0)
    except CleanplateError:
        return None
