"""A test that fails in mid-run leaves no run behind, and so fails alone."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress

import psutil
import pytest


@pytest.fixture(autouse=True)
def no_run_outlives_its_test() -> Iterator[None]:
    before = set(psutil.Process().children())
    yield
    for child in set(psutil.Process().children()) - before:
        with suppress(psutil.Error):
            if "pipeline.cli" in " ".join(child.cmdline()):
                child.kill()
                child.wait()
