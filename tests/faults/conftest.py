"""A test that fails in mid-run leaves no run behind, and so fails alone."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from tests.runs import Run


@pytest.fixture(autouse=True)
def no_run_outlives_its_test(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    begun: list[Run] = []
    begin = Run.__init__

    def note(run: Run, *args: Any, **options: Any) -> None:
        begin(run, *args, **options)
        begun.append(run)

    monkeypatch.setattr(Run, "__init__", note)
    yield
    for run in begun:
        if run.process.poll() is None:
            run.kill()
