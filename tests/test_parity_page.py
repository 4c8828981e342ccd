"""docs/parity.md: every point of the prototypes is on it once, and what it names is there."""

from __future__ import annotations

import re
from collections import Counter
from itertools import product

import pytest

from pipeline.config import Plan, load_config
from pipeline.errors import ConfigError
from pipeline.reading import shipped
from tests.commands import cleanplate
from tests.runs import ROOT

PAGE = (ROOT / "docs" / "parity.md").read_text()
ROWS = [[cell.strip() for cell in line.strip("|").split(" | ")] for line in PAGE.splitlines() if line.startswith("| S")]
POINTS = {"S0": 37, "S1": 20, "S2": 18, "S3": 31, "S4": 26}
VERDICTS = {"better", "works", "partly", "no"}
KEY = re.compile(r"`([a-z]+)\.([a-z_]+)(?:=[^`]*)?`")
INPUTS, OUTPUTS = ("x.mp4", "cam:0", "tcp://127.0.0.1:5000"), ("x.mp4", "recording:x", "window:", "cut/")


def test_every_point_stands_on_the_page_once() -> None:
    seen = Counter(point for row in ROWS for point in row[0].split(", "))
    wanted = {f"{one}-{number:02}" for one, count in POINTS.items() for number in range(1, count + 1)}
    assert set(seen) == wanted
    assert max(seen.values()) == 1


def test_every_row_has_a_verdict_and_is_shown_by_tests_that_are_there() -> None:
    for row in ROWS:
        assert len(row) == 5, row
        assert row[3] in VERDICTS, row
        named = re.findall(r"`([a-z0-9_/]+\.py)`", row[4])
        assert named, row
    everywhere = re.findall(r"`([a-z0-9_/]*test_[a-z0-9_]+\.py)`", PAGE)
    assert [name for name in everywhere if not (ROOT / "tests" / name).is_file()] == []


def test_what_does_not_work_as_there_says_why() -> None:
    short = [row for row in ROWS if row[3] in ("no", "partly")]
    assert short
    assert all(len(row[2]) > 40 for row in short)


@pytest.fixture(scope="module")
def fields() -> set[tuple[str, str]]:
    """(stage, field) of all shipped configurations, whatever goes in and comes out."""
    found: set[tuple[str, str]] = set()
    for name, given, wanted in product(shipped(), INPUTS, OUTPUTS):
        if (plan := loaded(name, given, wanted)) is not None:
            found |= {(built.name, field) for built in plan.stages for field in type(built.stage).model_fields}
            found |= {(built.name, "workers") for built in plan.stages}
    return found


def loaded(name: str, given: str, wanted: str) -> Plan | None:
    try:
        return load_config(name, given=given, wanted=wanted, environment={})
    except ConfigError:  # it takes no such input, or gives no such output
        return None


def test_every_setting_that_is_named_is_a_field_of_such_a_stage(fields: set[tuple[str, str]]) -> None:
    stages = {stage for stage, _ in fields}
    named = {(stage, field) for stage, field in KEY.findall(PAGE) if stage in stages}
    assert len(named) > 35
    assert named - fields == set()


def test_every_pipeline_and_command_that_is_named_is_there() -> None:
    named = set(re.findall(r"`(?:cleanplate )?run ([a-z-]+)", PAGE))
    assert len(named) > 3
    assert named <= set(shipped())
    told = cleanplate("--help").stdout
    verbs = set(re.findall(r"`cleanplate ([a-z]+)", PAGE))
    assert len(verbs) > 5
    assert [verb for verb in verbs if not re.search(rf"^\W*{verb}\b", told, re.MULTILINE)] == []
