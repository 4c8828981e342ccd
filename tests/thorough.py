"""How hard generated tests try: a few examples at each change, all that were thought of in `make long`."""

from __future__ import annotations

import os
from typing import Any

import pytest
from hypothesis import settings

THOROUGH = os.environ.get("THOROUGH") == "1"
SHARE = 4  # of the examples, one in so many is tried at each change

settings.register_profile("few", max_examples=100 // SHARE)
settings.register_profile("all", max_examples=100)
settings.load_profile("all" if THOROUGH else "few")


def examples(count: int) -> int:
    """How many of `count` examples are tried now."""
    return count if THOROUGH else count // SHARE


def rarely(*values: Any) -> list[Any]:
    """Values of a parameter that fail for the same reasons as others beside them: in `make long` only."""
    return [pytest.param(*(v if isinstance(v, tuple) else (v,)), marks=pytest.mark.long) for v in values]
