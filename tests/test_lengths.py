"""The list of long tests names tests that there are, each once, and pytest heeds it."""

from __future__ import annotations

import re
import subprocess
import sys

from tests.lengths import NAMES, long_tests
from tests.runs import ROOT


def test_each_is_named_once_and_is_there() -> None:
    lines = [line for line in NAMES.read_text().splitlines() if not line.startswith("#")]
    assert lines == sorted(set(lines))
    for name in lines:
        path, _, function = name.partition("::")
        wanted = function.partition("[")[0]
        assert re.search(rf"^def {wanted}\(", (ROOT / path).read_text(), re.MULTILINE), name


def test_what_is_named_is_left_to_make_long() -> None:
    name = "tests/test_doctor.py::test_a_name_that_is_no_test"
    assert name not in long_tests()
    listed = next(one for one in sorted(long_tests()) if "[" not in one)
    command = [sys.executable, "-m", "pytest", "--collect-only", "-q", "-p", "no:cacheprovider", listed]
    assert "1 deselected" in subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False).stdout
