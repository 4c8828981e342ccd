"""A pipeline that fails closed: no sink can see more than the result."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from pipeline.config import Plan, load_config
from pipeline.errors import ConfigError
from tests.runs import toy

SOURCE = {"name": "ingest", "uses": "stages.ingest:Auto"}
SEGMENTATION = {"name": "segmentation", "uses": "stages.segmentation:Segmentation"}
PLATE = {"name": "plate", "uses": "stages.inpainting:Plate"}
INPAINTING = {"name": "inpainting", "uses": "stages.inpainting:Inpainting"}


def load(folder: Path, output: str, **shown: Any) -> Plan:
    path = folder / "closed.yaml"
    last = {"name": "output", "uses": "stages.output:Auto", "with": shown}
    stages = [SOURCE, SEGMENTATION, PLATE, INPAINTING, last]
    path.write_text(yaml.safe_dump({"name": "closed", "fail": "closed", "stages": stages}))
    return load_config(str(path), given="cam:test", wanted=output)


@pytest.mark.parametrize("view", ["input", "side-by-side", "overlay", "panel"])
@pytest.mark.parametrize("output", ["clip.mp4", "window:", "http://127.0.0.1:0/", "recording:there"])
def test_a_sink_that_would_show_more_than_the_result_is_refused(tmp_path: Path, view: str, output: str) -> None:
    with pytest.raises(ConfigError, match=r"output shows the plane 'image', which with fail: closed nobody sees"):
        load(tmp_path, output, view=view)


@pytest.mark.parametrize("output", ["clip.mp4", "http://127.0.0.1:0/", "recording:there", "null:"])
def test_the_result_and_what_is_told_of_it_may_be_shown(tmp_path: Path, output: str) -> None:
    sink = load(tmp_path, output, hud=True).stages[-1]
    assert set(sink.reads) <= {"clean", "objects", "level"}
    assert "clean" in sink.reads


def test_a_source_that_writes_the_result_itself_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "toy.yaml"
    source = {"name": "ingest", "uses": "tests.toys_closed:Finished"}
    path.write_text(
        yaml.safe_dump(
            {"name": "t", "fail": "closed", "stages": [source, {"name": "output", "uses": "stages.output:Auto"}]}
        )
    )
    with pytest.raises(ConfigError, match="writes 'clean', which no stage vouches for"):
        load_config(str(path), wanted="null:")


def test_what_a_sink_only_may_read_is_held_back_where_it_holds_a_picture(tmp_path: Path) -> None:
    """It is lent just what it reads: tests/faults/test_private_plane.py looks into the memory of real workers."""
    path = tmp_path / "toy.yaml"
    pipeline = toy(tmp_path, sink="Collect")
    pipeline["stages"][-1]["uses"] = "tests.toys_closed:Curious"
    extras = {}
    for fail in ("open", "closed"):
        path.write_text(yaml.safe_dump({**pipeline, "fail": fail}))
        extras[fail] = load_config(str(path)).stages[-1].extra
    assert extras == {"open": ("image",), "closed": ()}
