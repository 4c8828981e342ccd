"""What a stage may read it is lent where a stage before it writes it, and nobody is refused for want of it."""

from __future__ import annotations

from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pytest

from pipeline.cli.drawing import tree
from pipeline.config import Plan, load_config
from pipeline.frame import STANDARD_PLANES, Frame, FrameSpec
from pipeline.inline import Inline
from pipeline.stage import Transform
from tests.runs import Run, toy
from tests.toys import Collect

SPEC = FrameSpec(width=64, height=48)
STEPS: list[dict[str, Any]] = [
    {"name": "invert", "uses": "tests.toys:Invert"},
    {"name": "rate", "uses": "tests.test_extras:Rate"},
]


class Rate(Transform):
    """The level of a frame is its number."""

    writes: ClassVar[tuple[str, ...]] = ("level",)

    def process(self, frame: Frame) -> None:
        frame.planes["level"][0] = frame.index


class Curious(Collect):
    """Writes down the level of each frame, or -1."""

    may_read: ClassVar[tuple[str, ...]] = ("level", "mask")

    def write(self, frame: Frame) -> None:
        level = frame.level if "level" in frame.planes else -1
        with open(self.output, "a") as file:
            file.write(f"{frame.index} {level} {int('mask' in frame.planes)}\n")


def plan(folder: Path, *steps: dict[str, Any]) -> Plan:
    import yaml

    path = folder / "p.yaml"
    config = toy(folder, *steps)
    config["stages"][-1]["uses"] = "tests.test_extras:Curious"
    path.write_text(yaml.safe_dump(config, sort_keys=False))
    return load_config(str(path), given="x", wanted=str(folder / "out.txt"))


def test_a_value_is_one_byte_a_slot() -> None:
    plane = STANDARD_PLANES["level"]
    assert (plane.shape(SPEC), plane.nbytes(SPEC)) == ((1,), 1)
    assert Frame({"level": np.array([3], np.uint8)}).level == 3


@pytest.mark.parametrize(("steps", "extra"), [(STEPS, ("level",)), (STEPS[:1], ())])
def test_a_stage_reads_what_it_may_where_it_is_there(
    tmp_path: Path, steps: list[dict[str, Any]], extra: tuple[str, ...]
) -> None:
    found = plan(tmp_path, *steps)
    assert [built.extra for built in found.stages] == [()] * len(steps) + [(), extra]
    assert found.stages[-1].reads == ("clean", *extra)
    assert ("clean, level" in tree(found)) == bool(extra)
    assert set(Inline.whole(found, SPEC)._steps[-1].frame.planes) == {"clean", *extra}


@pytest.mark.real
def test_workers_are_lent_it_too(tmp_path: Path) -> None:
    config = toy(tmp_path, *STEPS)
    config["stages"][-1]["uses"] = "tests.test_extras:Curious"
    assert Run(tmp_path, config).end().code == 0
    lines = [line.split() for line in (tmp_path / "out.txt").read_text().splitlines()]
    assert lines == [[str(at), str(at), "0"] for at in range(60)]
