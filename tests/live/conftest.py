"""What several tests of live sources need."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from tests.live.senders import Opened


@pytest.fixture
def listen() -> Iterator[Callable[..., Opened]]:
    """Begins to listen as a TCP source does; what was begun is closed."""
    made: list[Opened] = []

    def begin(*args: str, **fields: object) -> Opened:
        made.append(Opened(*args, **fields))
        return made[-1]

    yield begin
    for one in made:
        one.close()
