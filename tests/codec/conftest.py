"""After each test: what was made of stages is closed."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.codec import streams


@pytest.fixture(autouse=True)
def _closed() -> Iterator[None]:
    yield
    while streams.MADE:
        streams.MADE.pop().close()
