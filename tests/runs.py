"""Whole runs from outside: the command in a process of its own, its workers found by their titles."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil
import yaml

ROOT = Path(__file__).resolve().parent.parent
COMMAND = [sys.executable, "-c", "from pipeline.cli import main; main()"]


@dataclass(frozen=True)
class Ended:
    """A run that has ended: exit code, what it said, its report."""

    code: int
    stdout: str
    stderr: str
    report: dict[str, Any]

    @property
    def frames(self) -> dict[str, Any]:
        return self.report["frames"]  # type: ignore[no-any-return]


class Run:
    """`cleanplate run` with a configuration of toy stages, its state in a folder of its own.

    `under`: a command that runs it, such as `setsid` or `strace`."""

    def __init__(
        self, folder: Path, config: dict[str, Any] | str, *args: str, fault: str = "", under: Sequence[str] = ()
    ) -> None:
        self.folder = folder
        self.output = folder / "out.txt"
        self._report = folder / "report.json"
        if not isinstance(config, str):
            path = folder / "toy.yaml"
            path.write_text(yaml.safe_dump(config, sort_keys=False))
            config = str(path)
        environment = {**os.environ, "CLEANPLATE_STATE": str(folder / "state"), "PYTHONPATH": str(ROOT)}
        environment["SPT_NOENV"] = "1"  # a worker's title does not hide whose it is: /proc/PID/environ stays
        environment |= {"CLEANPLATE_TEST": "1", "CLEANPLATE_FAULT": fault} if fault else {}
        with (folder / "stdout").open("w") as out, (folder / "stderr").open("w") as err:
            self.process = subprocess.Popen(
                [*under, *COMMAND, "run", config, "--report", str(self._report), *args],
                cwd=ROOT, env=environment, stdin=subprocess.DEVNULL, stdout=out, stderr=err,
            )  # fmt: skip

    def workers(self, stage: str) -> list[psutil.Process]:
        """The live worker processes of a stage."""
        found = []
        for child in psutil.Process(self.process.pid).children():
            try:
                if " ".join(child.cmdline()).startswith(f"cleanplate: {stage} "):
                    found.append(child)
            except psutil.Error:
                continue
        return found

    def end(self, timeout: float = 60) -> Ended:
        """Wait for the end of the run."""
        try:
            code = self.process.wait(timeout=timeout)
        except subprocess.TimeoutExpired:
            self.tell()
            self.kill()
            raise
        report = json.loads(self._report.read_text()) if self._report.exists() else {}
        return Ended(code, (self.folder / "stdout").read_text(), (self.folder / "stderr").read_text(), report)

    def tell(self) -> None:
        """What it has said and noted so far, and who is there, for whoever asks why it has not ended."""
        notes = sorted((self.folder / "state").glob("logs/*.log"))
        for path in (self.folder / "stderr", *notes):
            print(path, *path.read_text().splitlines()[-20:], sep="\n")
        for process in [psutil.Process(self.process.pid), *psutil.Process(self.process.pid).children(recursive=True)]:
            with suppress(psutil.Error):
                print(process.pid, process.status(), process.cpu_times(), " ".join(process.cmdline()))

    def kill(self) -> None:
        """SIGKILL to the supervisor alone."""
        self.process.kill()
        self.process.wait()

    def lines(self) -> list[list[int]]:
        """What the Collect sink wrote: index, pts, blank, whole [, mask]."""
        return [[int(word) for word in line.split()] for line in self.output.read_text().splitlines()]


def toy(
    folder: Path, *middle: dict[str, Any], sink: str = "Collect", source: str = "Numbers", **top: Any
) -> dict[str, Any]:
    """Numbers -> middle stages (Invert by default) -> Collect, as a configuration."""
    stages = list(middle) or [{"name": "invert", "uses": "tests.toys:Invert"}]
    return {
        "name": "toy",
        **top,
        "stages": [
            {"name": "ingest", "uses": f"tests.toys:{source}", "with": {"count": 60}},
            *stages,
            {"name": "output", "uses": f"tests.toys:{sink}", "with": {"output": str(folder / "out.txt")}},
        ],
    }
