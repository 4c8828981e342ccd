"""The second lane asks for what the first one does, but for three newer libraries; `make lane2` builds and tests it."""

from __future__ import annotations

import re
import subprocess
import sys
from importlib import metadata
from pathlib import Path

import numpy as np
import pytest
from packaging.requirements import Requirement
from packaging.version import Version

from tests.lane2 import ALONE, NEWER, ROOT, constraints, name_of, requirements


def pins(lines: list[str]) -> dict[str, str]:
    return {name_of(line): line.partition("==")[2] for line in lines if "==" in line}


def test_it_differs_from_the_first_in_what_is_newer_and_in_the_one_that_forbids_that() -> None:
    first, second = pins((ROOT / "constraints.txt").read_text().splitlines()), pins(constraints())
    assert first.keys() - second.keys() == {ALONE}
    assert {name: second[name] for name in second if first.get(name) != second[name]} == NEWER
    assert all(Version(NEWER[name]) > Version(first[name]) for name in NEWER)


def test_what_it_asks_for_admits_the_newer_ones() -> None:
    needs = {name_of(line): Requirement(line) for line in requirements()}
    assert not any(name.startswith(ALONE) for name in needs)
    assert all(needs[name].specifier.contains(version) for name, version in NEWER.items() if name in needs)
    assert {"torch", "ultralytics", "av", "numpy", "opencv-python", "openvino", "pytest"} <= needs.keys()


def test_it_is_written_by_a_bare_python(tmp_path: Path) -> None:
    """As make calls it, before anything is installed."""
    subprocess.run([sys.executable, "-S", "-m", "tests.lane2", str(tmp_path)], cwd=ROOT, check=True, timeout=60)
    assert (tmp_path / "constraints.txt").read_text().splitlines() == constraints()
    assert (tmp_path / "requirements.txt").read_text().splitlines() == requirements()


@pytest.mark.skipif(Version(np.__version__) < Version("2"), reason="this is the first lane")
def test_in_the_second_lane_they_are_what_is_installed() -> None:
    found = {name: metadata.version(name) for name in NEWER}
    assert found == NEWER


def test_make_runs_tests_that_there_are() -> None:
    text = (ROOT / "Makefile").read_text().replace("\\\n", " ")
    found = re.search(r"^LANE2_TESTS \?= (.+)$", text, re.MULTILINE)
    assert found
    patterns = found[1].split()
    assert [pattern for pattern in patterns if not list(ROOT.glob(pattern))] == []
