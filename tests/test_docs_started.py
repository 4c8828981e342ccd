"""`docs/getting-started.md`, followed by somebody who has nothing: what needs no second terminal and no network."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from pipeline.cli.footage import SAMPLES
from pipeline.environment import cache_dir
from tests.clips import decode, needs
from tests.markdown import blocks, give

PAGE = "getting-started.md"
STEERING = {"ps", "top", "set"}  # of a run in another terminal

pytestmark = [pytest.mark.real, pytest.mark.long, pytest.mark.timeout(1500)]


def shown() -> Iterator[list[str]]:
    """The page's own commands of `cleanplate`."""
    for block in blocks(PAGE):
        yield from (command for command in block.commands() if command[0] == "cleanplate")


@pytest.fixture(scope="module")
def followed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder after all that the page says; skipped where the sample has not been fetched."""
    (sample,) = [sample for sample in SAMPLES if sample.name == "vtest"]
    video = needs(cache_dir() / "samples" / sample.file)
    folder = tmp_path_factory.mktemp("started")
    for command in shown():
        if command[1] not in STEERING:
            done = give([word.replace("$VIDEO", str(video)) for word in command], folder)
            assert done.returncode == 0, (command, done.stderr)
    return folder


def test_each_run_has_as_many_frames_as_the_page_asks_for(followed: Path) -> None:
    asked = {
        command[command.index("-o") + 1]: int(command[command.index("--frames") + 1])
        for command in shown()
        if command[1] == "run"
    }
    assert {"clean.mp4", "test.mp4", "mine.mp4"} < asked.keys()
    for name, frames in asked.items():
        if name != "null:":
            assert len(decode(followed / name)) == frames


def test_the_file_that_init_writes_is_the_shipped_pipeline(followed: Path) -> None:
    made = yaml.safe_load((followed / "mine.yaml").read_text())
    assert made["name"] == "remove-people"
    assert [stage["name"] for stage in made["stages"]][:2] == ["ingest", "segmentation"]
