"""One server for the tests that only ask it something."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.web.guarded import Guarded, guarded


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Guarded]:
    with guarded(tmp_path_factory.mktemp("server")) as made:
        yield made
