"""A pipeline with a branch, as its user writes it: one mask feeds two outputs."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

from pipeline.frame import Frame, FrameSpec
from pipeline.stage import Sink

FORKED = """# What stands in the mask goes out twice: with the result, and by itself.
name: forked
stages:
  - name: ingest
    uses: tests.toys:Numbers
    with: {{count: {count}}}
  - name: total
    uses: tests.toys:Sum
  - name: invert
    uses: tests.toys:Invert
    workers: 2
  - name: result
    uses: tests.toys:CollectWithMask
    with: {{output: {folder}/out.txt, sleep: {sleep}}}
  - name: masks
    uses: tests.e2e.forks:Masks
    after: total
    with: {{output: {folder}/masks.txt, sleep: {masks_sleep}}}
"""


class Masks(Sink):
    """Appends `index mask` to a file: one line a frame, whole or not at all."""

    reads = ("mask",)

    output: str
    sleep: float = 0.0

    _keep: int = 0

    def resume(self, frames: int) -> None:
        self._keep = frames

    def setup(self, spec: FrameSpec) -> None:
        path = Path(self.output)
        lines = path.read_text().splitlines(keepends=True) if self._keep else []
        path.write_text("".join(lines[: self._keep]))

    def write(self, frame: Frame) -> None:
        time.sleep(self.sleep)
        with open(self.output, "a") as file:
            file.write(f"{frame.index} {int(frame.mask[0, 0])}\n")

    def finish(self) -> dict[str, Any]:
        return {"lines": len(Path(self.output).read_text().splitlines())}


def forked(folder: Path, count: int = 60, sleep: float = 0.0, masks_sleep: float = 0.0) -> str:
    """Its path."""
    path = folder / "forked.yaml"
    path.write_text(FORKED.format(folder=folder, count=count, sleep=sleep, masks_sleep=masks_sleep))
    return str(path)
