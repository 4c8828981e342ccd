"""Long tests by name: a list that is made from what a whole run took, beside the marks in the source."""

from __future__ import annotations

from pathlib import Path

import pytest

NAMES = Path(__file__).with_name("long.txt")


def long_tests() -> set[str]:
    """Their node ids."""
    lines = NAMES.read_text(encoding="utf-8").splitlines()
    return {line for line in lines if line and not line.startswith("#")}


@pytest.hookimpl(tryfirst=True)  # before `-m` chooses
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    named = long_tests()
    for item in items:
        if item.nodeid in named:
            item.add_marker(pytest.mark.long)
