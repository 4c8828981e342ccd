"""Ray: segments done on the machines of a Ray cluster; the extra `cluster`."""

from __future__ import annotations

from pipeline.errors import SetupError
from pipeline.jobs.engine import Engine


def open_ray(address: str | None, workers: int | None) -> Engine:
    """Raises SetupError."""
    raise SetupError("--engine ray: not built yet")
