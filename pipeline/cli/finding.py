"""Finding: one thing that the doctor looked at."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Literal

Verdict = Literal["PASS", "WARN", "FAIL"]


@dataclass(frozen=True)
class Finding:
    """What was found. `fix` says what to do about it, or is empty."""

    verdict: Verdict
    name: str
    detail: str
    fix: str = ""


Look = Callable[[], Iterator[Finding]]
