"""A live stream with a model that is too slow for it: it is filled less well, but no frame is lost; a file waits."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pytest

from models.base import Inpainter, ModelInfo
from pipeline.frame import Frame, FrameSpec
from pipeline.stage import Sink, Transform
from stages.inpainting import Inpainting
from tests.runs import Run, toy
from tests.toys import LiveNumbers, Numbers

PERIOD = 0.02
COST = 0.06  # seconds that the model takes for the hole of every frame, at full size


class _Paced(Numbers):
    """Brings its pictures as a camera does, one every so often, and waits for nobody."""

    width: int = 160
    height: int = 120

    def open(self) -> FrameSpec:
        return FrameSpec(width=self.width, height=self.height, rate=round(1 / PERIOD), live=type(self).live)

    def frames(self) -> Iterator[None]:
        due = time.monotonic()
        for _ in super().frames():
            due = max(due + PERIOD, time.monotonic() - PERIOD)
            time.sleep(max(0.0, due - time.monotonic()))
            yield


class Camera(_Paced, LiveNumbers):
    live: ClassVar[bool] = True


class Recording(_Paced):
    pass


class Hole(Transform):
    """Every picture has a hole that nothing is known of."""

    writes: ClassVar[tuple[str, ...]] = ("filled", "rest", "mask")

    def process(self, frame: Frame) -> None:
        frame.filled[:] = 90
        frame.rest[:] = 0
        frame.rest[40:80, 60:100] = 255
        frame.mask[:] = frame.rest


class Slow:
    """A model whose cost is known: it grows with the pixels that it is shown."""

    info = ModelInfo("slow")

    def window(self, height: int, width: int) -> tuple[int, int]:
        return height, width

    def cost(self, height: int, width: int) -> float:
        return COST * height * width / (120 * 136)  # of the whole crop with its context

    def inpaint(self, image: np.ndarray, hole: np.ndarray) -> np.ndarray:
        time.sleep(self.cost(*hole.shape))
        return np.full_like(image, 200)

    def inpaint_many(self, crops: list[Any]) -> Iterator[tuple[int, np.ndarray | None]]:
        return ((at, self.inpaint(*crop)) for at, crop in enumerate(crops))

    def warm_up(self, *, every: bool = True) -> float:
        return COST


class SlowInpainting(Inpainting):
    def _load(self) -> Inpainter:
        return Slow()


class Levels(Sink):
    """Writes down each frame's number, level, and what its hole shows."""

    reads: ClassVar[tuple[str, ...]] = ("clean", "level")

    output: str

    def write(self, frame: Frame) -> None:
        with open(self.output, "a") as file:
            file.write(f"{frame.index} {frame.level} {int(frame.clean[60, 80, 0])}\n")


def run(folder: Path, source: str) -> tuple[dict[str, Any], list[tuple[int, ...]]]:
    """The report, and what the sink wrote."""
    steps = [
        {"name": "hole", "uses": "tests.test_ladder_live:Hole"},
        {"name": "inpainting", "uses": "tests.test_ladder_live:SlowInpainting"},
    ]
    config = toy(folder, *steps)
    config["stages"][0] |= {
        "uses": f"tests.test_ladder_live:{source}",
        "with": {"count": 75 if source == "Camera" else 10},
    }
    config["stages"][-1]["uses"] = "tests.test_ladder_live:Levels"
    ended = Run(folder, config).end()
    assert ended.code == 0, ended.stderr
    lines = [tuple(int(word) for word in line.split()) for line in (folder / "out.txt").read_text().splitlines()]
    return ended.report, lines


@pytest.mark.alone
@pytest.mark.real
def test_a_live_stream_is_kept_up_with_by_filling_less_well(tmp_path: Path) -> None:
    report, lines = run(tmp_path, "Camera")
    lost = report["frames"]["dropped"].get("inpainting", 0)
    counts = report["stages"]["inpainting"]["counts"]
    assert lost <= 25, report["frames"]  # the model on every frame would lose two of three, 50
    assert {shown for _, level, shown in lines if level == 2} <= {90}
    assert {shown for _, level, shown in lines if level < 2} <= {200}
    seen = Counter(level for _, level, _ in lines)
    assert seen[0] <= 5, seen
    done = sum(count for what, count in counts.items() if what.startswith("level: "))
    assert done == counts["inpainted"] - seen[0] == len(lines) - seen[0]
    assert report["ledger_balanced"]


@pytest.mark.real
def test_a_file_waits_for_the_model(tmp_path: Path) -> None:
    report, lines = run(tmp_path, "Recording")
    assert [(number, level, shown) for number, level, shown in lines] == [(at, 0, 200) for at in range(10)]
    assert report["stages"]["inpainting"]["counts"] == {"inpainted": 10, "inpainted_crops": 10}
