"""A pipeline that only copies: real files in, real files out, and no model between them."""

from __future__ import annotations

from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import yaml

from pipeline.frame import Frame
from pipeline.stage import Transform


class Copy(Transform):
    """The result is the picture itself."""

    writes: ClassVar[tuple[str, ...]] = ("clean",)

    def process(self, frame: Frame) -> None:
        np.copyto(frame.clean, frame.image)


def copying(**output: Any) -> dict[str, Any]:
    """The configuration; `output` are fields of the sink."""
    return {
        "name": "copy",
        "stages": [
            {"name": "ingest", "uses": "stages.ingest:Auto"},
            {"name": "middle", "uses": "tests.copying:Copy"},
            {"name": "output", "uses": "stages.output:Auto", "with": output},
        ],
    }


def write_copying(folder: Path, **output: Any) -> str:
    """The configuration as a file."""
    path = folder / "copy.yaml"
    path.write_text(yaml.safe_dump(copying(**output), sort_keys=False))
    return str(path)
