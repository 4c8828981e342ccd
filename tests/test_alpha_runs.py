"""Whole runs with alpha: several outputs at once, each with a view of its own, and what no stage writes is refused."""

from __future__ import annotations

import json
from pathlib import Path

import av
import numpy as np
import pytest

from pipeline.config import load_config
from pipeline.errors import ConfigError
from tests.clips import decode, make_clip
from tests.runs import Run
from tests.toys_alpha import colours, decode_alpha, disc

COUNT = 10


def config(folder: Path, **with_: object) -> str:
    """A source of numbered pictures, the disc that is cut out of them, one output."""
    stages = [
        {"name": "ingest", "uses": "tests.toys:Numbers", "with": {"count": COUNT}},
        {"name": "matting", "uses": "tests.toys_alpha:Disc", "with": with_},
        {"name": "output", "uses": "stages.output:Auto"},
    ]
    path = folder / "cut.yaml"
    path.write_text(json.dumps({"name": "cut", "stages": stages}))
    return str(path)


def load(folder: Path, outputs: list[str], *sets: str) -> list[tuple[str, tuple[str, ...]]]:
    plan = load_config(config(folder), given="in", wanted=outputs, sets=sets)
    return [(built.name, built.stage.reads) for built in plan.stages[2:]]


def test_each_output_of_a_run_has_a_view_of_its_own(tmp_path: Path) -> None:
    sets = ["output-2.view=alpha", "output-3.view=cutout", "output-3.codec=prores", "output-4.view=foreground"]
    assert load(tmp_path, ["green.mp4", "alpha.mp4", "cut.mov", "shots/"], *sets) == [
        ("output", ("clean",)),
        ("output-2", ("alpha",)),
        ("output-3", ("foreground", "alpha")),
        ("output-4", ("foreground",)),
    ]


@pytest.mark.parametrize("view", ["alpha", "foreground", "cutout"])
def test_a_view_that_no_stage_makes_is_refused_when_the_configuration_is_read(view: str) -> None:
    sets = [f"output.view={view}", "output.codec=ffv1"]
    with pytest.raises(ConfigError, match=r"reads the plane '(alpha|foreground)', which no stage before it writes"):
        load_config("remove-people", given="in.mp4", wanted="o.mkv", sets=sets)


def test_what_must_not_be_seen_is_not_seen_as_a_cutout_either(tmp_path: Path) -> None:
    path = Path(config(tmp_path))
    path.write_text(json.dumps({**json.loads(path.read_text()), "fail": "closed"}))
    with pytest.raises(
        ConfigError, match=r"stages\.output shows the plane 'foreground', which with fail: closed nobody"
    ):
        load_config(str(path), given="in", wanted="o.mkv", sets=["output.view=cutout", "output.codec=ffv1"])


def test_a_cutout_without_a_codec_for_it_is_refused_in_one_line(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"codec: holds no alpha; take prores \(\.mov\), .* png pictures, not 'h264'"):
        load(tmp_path, ["green.mp4", "cut.mov"], "output-2.view=cutout")


@pytest.mark.real
def test_one_run_writes_the_composite_alpha_and_the_cutout(tmp_path: Path) -> None:
    outputs = ["green.mkv", "alpha.mkv", "cut.webm", "cut.mov", "cut/"]
    sets = ["output.codec=ffv1", "output-2.view=alpha", "output-2.codec=ffv1"]
    sets += [f"output-{number}.view=cutout" for number in (3, 4, 5)]
    sets += ["output-3.codec=vp9", "output-4.codec=prores", "output-5.format=png"]
    given = [part for name in outputs for part in ("-o", f"{tmp_path}/{name}")]
    ended = Run(tmp_path, config(tmp_path), "-i", "in", *given, *(p for one in sets for p in ("--set", one))).end()
    assert ended.code == 0, ended.stderr
    assert ended.frames["output"] == COUNT
    green, alpha = decode(tmp_path / "green.mkv"), decode(tmp_path / "alpha.mkv")
    webm, mov = decode_alpha(tmp_path / "cut.webm"), decode_alpha(tmp_path / "cut.mov")
    pictures = [decode_alpha(path)[0] for path in sorted((tmp_path / "cut").iterdir())]
    assert [len(one) for one in (green, alpha, webm, mov, pictures)] == [COUNT] * 5
    for index in range(COUNT):
        wanted = disc(index)
        assert np.array_equal(alpha[index][..., 0], wanted)
        assert np.array_equal(pictures[index][..., 3], wanted)
        assert np.abs(mov[index][..., 3].astype(int) - wanted).max() <= 2
        assert np.abs(webm[index][..., 3].astype(int) - wanted).max() <= 16
        share = wanted[..., None] / 255.0  # what was cut out, laid over green again, is the composite
        over = share * pictures[index][..., :3] + (1 - share) * np.array([0, 255, 0])
        assert np.abs(over - green[index]).max() <= 1
        assert np.array_equal(pictures[index][wanted > 0, :3], colours(index)[wanted > 0])


@pytest.mark.real
def test_a_frame_that_could_not_be_cut_out_is_transparent(tmp_path: Path) -> None:
    sets = ["output.view=cutout", "output.codec=ffv1"]
    ended = Run(
        tmp_path, config(tmp_path, poison=4), "-i", "in", "-o", f"{tmp_path}/o.mkv",
        *(part for one in sets for part in ("--set", one)),
    ).end()  # fmt: skip
    assert ended.frames["blanked"] == 1, ended.stderr
    found = decode_alpha(tmp_path / "o.mkv")
    assert len(found) == COUNT
    assert not found[4].any()
    assert np.array_equal(found[5][..., 3], disc(5))


@pytest.mark.real
def test_a_cutout_keeps_the_sound_of_its_source(tmp_path: Path) -> None:
    clip = make_clip(tmp_path / "in.mp4", COUNT, audio=1)
    path = tmp_path / "cut.yaml"
    stages = [
        {"name": "ingest", "uses": "stages.ingest:Auto"},
        {"name": "matting", "uses": "tests.toys_alpha:Disc"},
        {"name": "output", "uses": "stages.output:Auto", "with": {"view": "cutout", "codec": "vp9"}},
    ]
    path.write_text(json.dumps({"name": "cut", "stages": stages}))
    ended = Run(tmp_path, str(path), "-i", str(clip), "-o", f"{tmp_path}/o.webm").end()
    assert ended.code == 0, ended.stderr
    with av.open(str(tmp_path / "o.webm")) as box:
        assert [stream.codec_context.name for stream in box.streams] == ["vp9", "opus"]
    found = decode_alpha(tmp_path / "o.webm")
    assert len(found) == COUNT
    assert np.abs(found[9][..., 3].astype(int) - disc(9, 96, 64)).max() <= 16
