"""Whole runs of the codec, in processes of their own: log, line, export and panel; and again with workers that die."""

from __future__ import annotations

import csv
import json
import re
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest

from tests.clips import decode, make_clip
from tests.codec.clips import textured
from tests.codec.streams import HEIGHT, WIDTH
from tests.runs import Ended, Run

pytestmark = pytest.mark.real
COUNT = 40


def config(folder: Path, output: str, *, export: str, **codec: Any) -> dict[str, Any]:
    """A clip through the codec, with a toy that says where the region is."""
    made = folder / "in.mp4"
    make_clip(made, [textured(at) for at in range(COUNT)])
    codec = {"bandwidth": 1.0, "report_every": 10, "key_every": 0.4, "log": str(folder / "logs"), **codec}
    return {
        "name": "coding",
        "stages": [
            {"name": "ingest", "uses": "stages.ingest:Auto", "with": {"input": str(made)}},
            {"name": "middle", "uses": "tests.codec.toys:Middle", "with": {"nobody": 7}},
            {"name": "codec", "uses": "stages.codec:Codec", "with": codec},
            {"name": "export", "uses": "stages.codec:Export", "with": {"output": str(folder / export)}},
            {
                "name": "output", "uses": "stages.output:Auto", "after": "codec",
                "with": {"output": str(folder / output), "codec": "ffv1", "view": "result"},
            },
        ],
    }  # fmt: skip


def rows(folder: Path) -> list[dict[str, str]]:
    (path,) = (folder / "logs").iterdir()
    with path.open() as file:
        return list(csv.DictReader(file))


def grey(path: Path) -> list[np.ndarray]:
    with av.open(str(path)) as box:
        return [frame.to_ndarray(format="gray") for frame in box.decode(video=0)]


def check(folder: Path, ended: Ended) -> None:
    """Every picture is in the log, in the export and in the output, once."""
    assert ended.code == 0, ended.stderr
    assert ended.frames["output"] == COUNT
    found = rows(folder)
    assert [int(one["frame"]) for one in found] == list(range(COUNT))
    assert len(grey(folder / "coded.mp4")) == COUNT
    assert len(decode(folder / "o.mkv")) == COUNT
    with av.open(str(folder / "coded.mp4")) as box:
        sizes = [packet.size for packet in box.demux(video=0) if packet.size]
    spent = [int(one["bytes"]) for one in found]
    assert sum(sizes) == pytest.approx(sum(spent), rel=0.05), "what is in the log is what is in the file"


def test_a_run_logs_each_picture_says_a_line_and_keeps_the_coded_video(tmp_path: Path) -> None:
    ended = Run(tmp_path, config(tmp_path, "o.mkv", export="coded.mp4")).end()
    check(tmp_path, ended)
    lines = [line for line in ended.stderr.splitlines() if line.startswith("[F")]
    assert [int(re.findall(r"\d+", line)[0]) for line in lines] == [0, 10, 20, 30]
    assert all(line.count(" dB") == 3 and line.endswith(" kbps") for line in lines)
    nobody = rows(tmp_path)[7]
    assert float(nobody["region_share"]) == 0
    assert nobody["face_psnr"] == nobody["overall_psnr"]
    others = [one for one in rows(tmp_path) if one is not rows(tmp_path)[7]]
    faces, backs = ([float(one[key]) for one in others] for key in ("face_psnr", "background_psnr"))
    assert np.mean(faces) > np.mean(backs) + 1
    assert json.dumps(ended.report["outputs"]["export"])


@pytest.mark.parametrize(
    "where",
    ["codec:granted:17", "codec:before_commit:17", "codec:committed:17", "export:before_commit:9", "export:done:-1"],
)
@pytest.mark.long
def test_a_worker_that_dies_costs_no_row_and_no_picture(tmp_path: Path, where: str) -> None:
    fault = f"{where}=kill@{tmp_path / 'once'}"
    ended = Run(tmp_path, config(tmp_path, "o.mkv", export="coded.mp4"), fault=fault).end()
    assert (tmp_path / "once").exists()
    check(tmp_path, ended)


def test_when_quiet_no_line_is_said(tmp_path: Path) -> None:
    ended = Run(tmp_path, config(tmp_path, "o.mkv", export="coded.mp4"), "--quiet", "--frames", "12").end()
    assert ended.code == 0
    assert ended.stderr == ""


@pytest.mark.long
def test_coded_pictures_in_a_file_are_an_input_like_any_other(tmp_path: Path) -> None:
    first = Run(tmp_path, config(tmp_path, "o.mkv", export="coded.sem")).end()
    assert first.code == 0, first.stderr
    whole = decode(tmp_path / "o.mkv")
    again = {
        "name": "decoding",
        "stages": [
            {"name": "ingest", "uses": "stages.ingest:Auto", "with": {"input": str(tmp_path / "coded.sem")}},
            {
                "name": "output", "uses": "stages.output:Auto",
                "with": {"output": str(tmp_path / "again.mkv"), "codec": "ffv1", "view": "input"},
            },
        ],
    }  # fmt: skip
    ended = Run(tmp_path, again).end()
    assert ended.code == 0, ended.stderr
    found = decode(tmp_path / "again.mkv")
    assert len(found) == COUNT
    assert found[0].shape == (HEIGHT, WIDTH, 3)
    assert all(np.array_equal(one, other) for one, other in zip(found, whole, strict=True))


@pytest.mark.long
def test_with_an_export_to_follow_a_run_ends_with_every_picture(tmp_path: Path) -> None:
    """The codec waits for what became of earlier pictures, and nobody waits for ever."""
    check(tmp_path, Run(tmp_path, config(tmp_path, "o.mkv", export="coded.mp4", adapt="both", link="10M")).end())


@pytest.mark.long
def test_the_panel_shows_input_and_reconstruction_with_figures_on_it(tmp_path: Path) -> None:
    made = config(tmp_path, "o.mkv", export="coded.mp4")
    made["stages"][-1]["with"] |= {"view": "panel", "hud": True}
    ended = Run(tmp_path, made).end()
    assert ended.code == 0, ended.stderr
    pictures = decode(tmp_path / "o.mkv")
    assert pictures[0].shape == (2 * HEIGHT, 2 * WIDTH, 3)
    source, shown = decode(tmp_path / "in.mp4")[20], pictures[20]
    assert np.abs(shown[60:HEIGHT, :WIDTH].astype(int) - source[60:]).mean() < 20
