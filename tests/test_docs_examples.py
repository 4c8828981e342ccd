"""What `docs/writing-a-stage.md` and `docs/writing-a-model.md` show is run as it stands, and does what they say."""

from __future__ import annotations

import json
import re
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from models.base import Instances
from tests.clips import decode
from tests.markdown import DOCS, blocks, follow

PAGES = ("writing-a-stage.md", "writing-a-model.md")

pytestmark = [pytest.mark.real, pytest.mark.timeout(600)]  # a page at a time, and all of it in one go


@pytest.fixture(scope="module")
def stages(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder after all that the page on stages says."""
    folder = tmp_path_factory.mktemp("stages")
    follow("writing-a-stage.md", folder)
    return folder


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("models")
    follow("writing-a-model.md", folder)
    return folder


def test_the_corners_of_dusk_are_dark_and_all_frames_are_there(stages: Path) -> None:
    pictures = decode(stages / "dusk.mp4")
    assert len(pictures) == 50
    assert pictures[0][:4, :4].mean() < 40 < pictures[0][100:140, 140:180].mean()


def test_trails_only_fade(stages: Path) -> None:
    pictures = [picture.astype(int) for picture in decode(stages / "trails.mkv")]
    assert len(pictures) == 30
    assert all((after >= before * 0.9 - 2).all() for before, after in pairwise(pictures))


def test_the_sink_has_written_every_frame_of_the_source_once(stages: Path) -> None:
    rows = [line.split() for line in (stages / "brightness.txt").read_text().splitlines()]
    assert [(int(number), float(mean)) for number, mean in rows] == [(at, float(at)) for at in range(40)]
    assert json.loads((stages / "ends.json").read_text())["frames"]["output"] == 40


def test_edges_are_dark_on_white(stages: Path) -> None:
    (picture,) = decode(stages / "edges.png")
    assert picture.mean() > 150
    assert picture.min() < 130


def test_the_red_box_is_gone_and_the_report_names_the_model(models: Path) -> None:
    (picture,) = decode(models / "gone.png")
    assert np.abs(picture[15:55, 15:65].astype(int) - picture[5, 5]).max() < 12
    assert "paint" in [model["name"] for model in json.loads((models / "painted.json").read_text())["models"]]


@pytest.mark.parametrize("page", PAGES)
def test_every_block_of_code_is_one_that_is_run(page: str) -> None:
    """A block without the name of a file would be shown and never tried."""
    assert {block.language for block in blocks(page)} <= {"python", "yaml", "console"}
    assert all(block.file for block in blocks(page) if block.language != "console")


def test_the_kinds_of_planes_are_all_named() -> None:
    from typing import get_args, get_type_hints

    from pipeline.frame import Plane

    text = (DOCS / "writing-a-stage.md").read_text()
    assert all(f"`{kind}`" in text for kind in get_args(get_type_hints(Plane)["kind"]))


def test_the_protocols_and_what_they_answer_are_named_as_they_are() -> None:
    import models.base

    named = re.search(r"models/base.py\):\n(.*?)\.", (DOCS / "writing-a-model.md").read_text(), re.DOTALL)
    assert named
    assert all(hasattr(models.base, name) for name in re.findall(r"`(\w+)`", named[1]))
    assert set(Instances.__slots__) == {"boxes", "scores", "classes", "patches"}
