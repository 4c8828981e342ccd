"""Which values of a parameter are tried each time, and which in `make torture` only."""

from __future__ import annotations

from typing import Any

import pytest


def sample(*values: Any, rarely: tuple[Any, ...]) -> list[Any]:
    """These each time; the others, which fail for the same reasons, in torture."""
    return [*values, *(pytest.param(value, marks=pytest.mark.torture) for value in rarely)]
