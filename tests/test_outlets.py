"""One pipeline, several outputs: the first goes to its last sink, each other to one like it beside it."""

from __future__ import annotations

from pathlib import Path

import pytest

from pipeline.config import load_config
from pipeline.errors import ConfigError


def test_each_further_output_is_a_sink_of_its_own_beside_the_last_one() -> None:
    plan = load_config("remove-people", given="in.mp4", wanted=["a.mp4", "b.mkv", "shots/"])
    sinks = {built.name: (built.after, built.options["output"]) for built in plan.stages if built.name[:6] == "output"}
    assert sinks == {
        "output": ("inpainting", "a.mp4"),
        "output-2": ("inpainting", "b.mkv"),
        "output-3": ("inpainting", "shots/"),
    }
    assert plan.outputs == ["a.mp4", "b.mkv", "shots/"]


def test_a_further_output_has_what_the_first_one_has_and_can_be_set_by_itself() -> None:
    sets = ["output.crf=20", "output-2.view=panel"]
    plan = load_config("remove-people", given="in.mp4", wanted=["a.mp4", "b.mkv"], sets=sets)
    first, second = (built.options for built in plan.stages[-2:])
    assert first["codec"] == second["codec"] == "h264"
    assert (first["crf"], second.get("crf"), second["view"], first.get("view")) == (20, None, "panel", None)


def test_sinks_in_the_middle_are_named_after_the_first_output() -> None:
    plan = load_config("compare", given="in.mp4", wanted=["a.mp4", "b.mp4"])
    assert plan.outputs == ["a-original.mp4", "a-side-by-side.mp4", "a.mp4", "b.mp4"]
    assert plan.stages[-1].after == "inpainting"


def test_nowhere_is_nowhere_for_all(tmp_path: Path) -> None:
    path = tmp_path / "two.yaml"
    path.write_text(
        "name: two\nstages:\n  - {name: in, uses: 'stages.ingest:Auto'}\n"
        f"  - {{name: one, uses: 'stages.output:Auto', with: {{output: {tmp_path}/one.mp4, view: input}}}}\n"
        "  - {name: two, uses: 'stages.output:Auto', after: in, with: {view: input}}\n"
    )
    assert load_config(str(path), given="in.mp4", wanted="null:").outputs == []
    assert load_config(str(path), given="in.mp4", wanted="b.mp4").outputs == [f"{tmp_path}/one.mp4", "b.mp4"]


def test_an_address_is_no_name_for_a_file_beside_it() -> None:
    with pytest.raises(ConfigError, match=r"stages\.original: where to\? Give --output"):
        load_config("compare", given="in.mp4", wanted="null://x")


def test_what_the_configuration_names_itself_decides_the_class_where_nothing_is_given(tmp_path: Path) -> None:
    path = tmp_path / "drawn.yaml"
    path.write_text(
        "name: drawn\nstages:\n  - {name: in, uses: 'stages.ingest:Auto', with: {input: 'lavfi:testsrc2'}}\n"
        "  - {name: out, uses: 'stages.output:Auto', with: {output: 'shots/', view: input}}\n"
    )
    source, sink = load_config(str(path)).stages
    assert (source.uses, sink.uses) == ("stages.ingest.lavfi:Lavfi", "stages.output.images:Images")
    assert load_config(str(path), given="in.mp4").stages[0].uses == "stages.ingest.file:File"
