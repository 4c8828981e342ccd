"""The proof of a run, where one is asked for."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pipeline.config import Plan
    from pipeline.hashing import Hashed
    from pipeline.proof import Proof


def of(path: Path | None, plan: Plan, told: Hashed) -> Proof | None:
    """Begin what `--manifest` asks for. Raises ConfigError."""
    if path is None:
        return None
    from models.classes import NAMES
    from pipeline.proof import Proof

    return Proof(path, plan, names=NAMES, told=told)
