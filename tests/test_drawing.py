"""The pictures that `check` draws: every stage and every way of a frame is in them; the full configuration loads."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from pipeline.cli.drawing import effective, mermaid, passing, tree
from pipeline.config import Plan, load_config
from tests.commands import cleanplate
from tests.test_config import TOY

FORKED = """name: forked
stages:
  - {name: ingest, uses: "tests.toys:Numbers"}
  - {name: sum, uses: "tests.toys:Sum"}
  - {name: invert, uses: "tests.toys:Invert", workers: 2, after: ingest}
  - {name: first, uses: "tests.toys:Collect", with: {output: 1.txt}}
  - {name: second, uses: "tests.toys:Collect", after: invert, with: {output: 2.txt}}
  - {name: end, uses: "tests.toys:MaskOnly", after: sum}
"""


def plan_of(folder: Path, text: str, **more: Any) -> Plan:
    path = folder / "p.yaml"
    path.write_text(text)
    return load_config(str(path), environment={}, **more)


@pytest.fixture
def forked(tmp_path: Path) -> Plan:
    return plan_of(tmp_path, FORKED.replace("tests.toys:MaskOnly", "tests.toys:MaskOnly"))


def test_a_chain_goes_straight_down(tmp_path: Path) -> None:
    rows = tree(plan_of(tmp_path, TOY)).splitlines()[2:]
    assert [row.split("  ")[1] for row in rows] == ["● ingest", "│", "● invert", "│", "● output"]


def test_a_branch_stands_under_its_stage_beside_the_others(forked: Plan) -> None:
    rows = [row[2:] for row in tree(forked).splitlines()[2:]]
    marks = [re.split(r" {2,}(?=\S+(?:, \S+)* +-> )", row)[0].rstrip() for row in rows]
    assert marks == [
        "● ingest",
        "├─● sum",
        "│ │",
        "│ ● end",
        "└─● invert x2",
        "  ├─● first",
        "  └─● second",
    ]


def test_the_columns_of_the_tree_stand_under_each_other(forked: Plan) -> None:
    rows = [row for row in tree(forked).splitlines() if "->" in row]
    assert len({row.index("->") for row in rows}) == 1
    assert len({row.index("tests.toys:") for row in rows}) == 1


def test_an_edge_carries_what_somebody_behind_it_reads(forked: Plan) -> None:
    flow = {built.name: passing(forked, built) for built in forked.stages[1:]}
    assert flow == {"sum": {"image"}, "end": {"mask"}, "invert": {"image"}, "first": {"clean"}, "second": {"clean"}}


def test_a_plane_that_is_read_further_on_is_on_every_edge_to_there() -> None:
    plan = load_config("remove-people", given="a.mp4", wanted="b.mp4", environment={})
    assert "mask" in passing(plan, next(built for built in plan.stages if built.name == "inpainting"))
    assert "image" in passing(plan, next(built for built in plan.stages if built.name == "plate"))


def test_the_flowchart_has_each_stage_once_and_each_way_once(forked: Plan) -> None:
    head, *rest = mermaid(forked).split("---\n")[2].splitlines()
    assert head == "flowchart TD"
    boxes = {m[1]: m[3] for line in rest if (m := re.fullmatch(r'    (s\d)(\(\[|\[)"<b>(\w+)</b>.*"(\]\)|\])', line))}
    edges = [m.groups() for line in rest if (m := re.fullmatch(r'    (s\d) -- "([a-z, ]+)" --> (s\d)', line))]
    assert len(boxes) + len(edges) == len(rest)
    assert sorted(boxes.values()) == sorted(built.name for built in forked.stages)
    named = {(boxes[one], boxes[other]): planes for one, planes, other in edges}
    assert named == {
        ("ingest", "sum"): "image",
        ("ingest", "invert"): "image",
        ("sum", "end"): "mask",
        ("invert", "first"): "clean",
        ("invert", "second"): "clean",
    }
    assert sum("2 workers" in line for line in rest) == 1


def test_the_configuration_in_full_has_every_default_and_loads_as_the_same_plan(forked: Plan, tmp_path: Path) -> None:
    text = effective(forked)
    again = plan_of(tmp_path, text)
    assert yaml.safe_load(text)["stages"][2]["with"]["sleep"] == 0.0
    assert [(type(b.stage), b.stage.model_dump(), b.config.workers, b.after) for b in again.stages] == [
        (type(b.stage), b.stage.model_dump(), b.config.workers, b.after) for b in forked.stages
    ]
    assert (again.slots, again.on_full) == (forked.slots, forked.on_full)


def test_what_was_not_given_is_not_in_it_and_what_was_is() -> None:
    without = yaml.safe_load(cleanplate("check", "remove-people", "--effective").stdout)
    assert "input" not in without["stages"][0]["with"]
    assert "output" not in without["stages"][-1]["with"]
    given = yaml.safe_load(cleanplate("check", "remove-people", "-i", "a.mp4", "--effective").stdout)
    assert given["stages"][0]["with"]["input"] == "a.mp4"


def test_the_outputs_of_all_sinks_are_left_to_the_command_line(tmp_path: Path) -> None:
    (tmp_path / "all.yaml").write_text(cleanplate("check", "compare", "--effective").stdout)
    plan = load_config(str(tmp_path / "all.yaml"), given="a.mp4", wanted="b.mp4", environment={})
    assert plan.outputs == ["b-original.mp4", "b-side-by-side.mp4", "b.mp4"]


def test_an_output_that_the_file_names_stays_where_none_is_given(tmp_path: Path) -> None:
    (tmp_path / "toy.yaml").write_text(TOY)
    stages = yaml.safe_load(cleanplate("check", str(tmp_path / "toy.yaml"), "--effective").stdout)["stages"]
    assert stages[-1]["with"]["output"] == "out.txt"


@pytest.mark.fault("F5")
def test_no_password_is_shown(tmp_path: Path) -> None:
    secret = TOY.replace("out.txt", "'rtsp://me:hunter2@host/live?token=abc'")
    text = effective(plan_of(tmp_path, secret))
    assert "hunter2" not in text
    assert "abc" not in text
    assert yaml.safe_load(text)["stages"][2]["with"]["output"] == "rtsp://me:***@host/live?token=***"


def test_check_shows_the_environment_where_it_was_heeded() -> None:
    plain, varied = (
        cleanplate("check", "remove-people", env=env).stdout for env in ({}, {"CLEANPLATE__INPAINTING__WORKERS": "3"})
    )
    assert "environment" not in plain
    assert "  CLEANPLATE__INPAINTING__WORKERS=3" in varied
    assert "inpainting x3" in varied


def test_one_picture_at_a_time() -> None:
    done = cleanplate("check", "remove-people", "--mermaid", "--effective")
    assert done.returncode == 2
    assert "one at a time" in done.stderr
