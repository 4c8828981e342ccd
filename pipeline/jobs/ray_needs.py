"""Needs: what a segment takes of a machine of a Ray cluster, and how many fit at a time. Pure arithmetic."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction

from pipeline.errors import ConfigError
from pipeline.reading import printable

MOST_CPUS = 4
"""Of one segment, where nobody says how many: one run uses more of them less and less well."""
MOST_SHARES = 16
"""Segments that may share a GPU, where nobody says how many."""
_PART = re.compile(r"(cpus|gpus)=(\d+(?:\.\d+)?)")


@dataclass(frozen=True)
class Needs:
    """Processors and GPUs, shares of one allowed."""

    cpus: float
    gpus: float = 0.0


@dataclass(frozen=True)
class Machine:
    """What a machine of the cluster offers."""

    cpus: float
    gpus: float = 0.0


def read_needs(text: str) -> Needs:
    """From `cpus=4`, `cpus=4,gpus=0.5`. Raises ConfigError."""
    found: dict[str, float] = {}
    for part in text.split(","):
        match = _PART.fullmatch(part.strip())
        if match is None or match[1] in found:
            raise ConfigError(f"--needs {printable(text)}: must be such as cpus=4 or cpus=4,gpus=1")
        found[match[1]] = float(match[2])
    needs = Needs(found.get("cpus", 1.0), found.get("gpus", 0.0))
    if needs.cpus <= 0 or (needs.gpus > 1 and needs.gpus % 1):
        raise ConfigError(f"--needs {printable(text)}: more than no processor, and whole GPUs or a share of one")
    return needs


def needs_of(machines: Sequence[Machine], workers: int | None) -> Needs:
    """What each segment gets where nobody says so: where there are GPUs one of them, or a share of one where `workers`
    are more; of the processors so many that `workers` fit, or a quarter of the smallest machine."""
    used = [machine for machine in machines if machine.gpus] or [machine for machine in machines if machine.cpus]
    if not used:
        return Needs(1)
    gpus = _gpus(used, workers)
    if gpus:
        return Needs(max(1.0, min(machine.cpus * gpus // machine.gpus for machine in used)), gpus)
    if workers is None:
        return Needs(max(1.0, min(MOST_CPUS, min(machine.cpus for machine in used) // 4)))
    largest = int(max(machine.cpus for machine in used))
    return Needs(next((cpus for cpus in range(largest, 1, -1) if lanes_of(used, Needs(cpus)) >= workers), 1))


def _gpus(machines: Sequence[Machine], workers: int | None) -> float:
    """One, or the largest share of one of which there are enough."""
    whole = int(sum(machine.gpus for machine in machines))
    if not whole:
        return 0.0
    shares = min(MOST_SHARES, -(-(workers or 1) // whole))
    return float(Fraction(1, shares))


def lanes_of(machines: Sequence[Machine], needs: Needs) -> int:
    """How many segments fit on them at a time."""
    return sum(min(_fits(one.cpus, needs.cpus), _fits(one.gpus, needs.gpus)) for one in machines)


def _fits(there: float, wanted: float) -> int:
    return int(there / wanted + 1e-6) if wanted else 1 << 30
