"""Where results lie, what every one of them carries, and whether a new one is worse than an old one."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from benchmarks.noise import uncertainty
from pipeline.api import RunFailed
from pipeline.config import Plan
from pipeline.errors import ConfigError
from pipeline.reading import printable
from pipeline.report import machine, write_atomically
from pipeline.run import run_plan

FOLDER = Path(__file__).parent / "results"
LEAST_MS = 0.05  # below this nobody can tell a stage from the system's own whims
HIGHER_IS_BETTER = frozenset(
    {"fps", "frames_per_s_no_op", "overlap", "scaling_4_workers", "two_devices", "overload_output"}
    | {"two_gpu_stages", "two_gpu_stages_mps"}
)
LOWER_IS_BETTER = frozenset(
    {"hop_per_memcpy", "hop_per_memcpy_in_cache", "hop_1080p_per_240p", "control_ms_per_frame", "all_cpu_ms_per_frame"}
    | {"runtime_bytes_copied_per_frame", "overload_p99_latency", "e2e_at_half_load", "p50_ms", "most_grown_mb"}
)


def of_run(plan: Plan, **how: Any) -> dict[str, Any]:
    """The report of a run that went well; `how` as for `run_plan`. Raises RunFailed: any other gives no figures."""
    result = run_plan(plan, **how)
    if result.code:
        why = result.error or result.report["result"].replace("_", " ")
        raise RunFailed(f"the run to be measured ended with {result.code}: {why}", result.code, result.report)
    return result.report


def complete(question: str, content: dict[str, Any]) -> dict[str, Any]:
    """A result with what a figure needs beside it: what was asked, when, and on which machine."""
    now = datetime.now(UTC).isoformat(timespec="seconds")
    return {"question": question, "date": now, **content, "machine": machine()}


def save(path: Path, content: dict[str, Any]) -> None:
    """Write one result. Raises OSError."""
    write_atomically(path, content)


def make_folder(path: Path) -> None:
    """The folder in which a result will be written. Raises ConfigError: better before hours of measuring than after."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        if path.is_dir() or not os.access(path.parent, os.W_OK):
            raise ConfigError(f"{path}: no result can be written there")
    except OSError as error:
        raise ConfigError(f"{path}: no result can be written there ({error.strerror})") from error


def load(path: Path, question: str = "") -> dict[str, Any]:
    """Read one result, of this question where one is given. Raises ConfigError."""
    try:
        content = json.loads(path.read_text())
    except (OSError, ValueError) as error:
        raise ConfigError(f"{path}: no benchmark result that can be read ({error})") from error
    if not isinstance(content, dict) or "question" not in content:
        raise ConfigError(f"{path}: not a benchmark result of this program")
    if question and content["question"] != question:
        raise ConfigError(f"{path}: a result of {printable(str(content['question']))}, not of {question}")
    return content


def comparable(old: dict[str, Any], config: str, clip: str | None, stand_ins: Mapping[str, Any]) -> None:
    """Refuse an earlier result that was measured over something else. Raises ConfigError, before anything is measured.

    Other options are no reason: what they cost may be the question."""
    for what, was, is_now in (("configuration", old.get("config"), config), ("clip", old.get("clip"), clip)):
        if was != is_now:
            raise ConfigError(f"--compare: that is a result of the {what} {printable(str(was))}, this one of {is_now}")
    earlier = {name: (one["service_ms"], one["cpu_ms"]) for name, one in old.get("stand_ins", {}).items()}
    if earlier != {name: (one["service_ms"], one["cpu_ms"]) for name, one in stand_ins.items()}:
        was = ", ".join(earlier) or "nothing"
        raise ConfigError(f"--compare: there {was} was a stand-in, here {', '.join(stand_ins) or 'nothing'} is")


def losses(old: dict[str, Any], new: dict[str, Any], tolerance: float) -> list[str]:
    """One line for each figure that both have and that is worse, by more than noise and than `tolerance` (0.1: 10 %).

    The noise of a figure is told by its rounds, where both results have them. Raises ConfigError where they have no
    figure in common."""
    before, after = dict(_figures(old, "")), dict(_figures(new, ""))
    if not before.keys() & after.keys():
        raise ConfigError("the earlier result has no figure in common with this one: nothing can be compared")
    found = (_loss(path, before[path], after[path], tolerance) for path in sorted(before.keys() & after.keys()))
    return [line for line in found if line]


def _loss(path: str, old: Figure, new: Figure, tolerance: float) -> str:
    higher = path.rpartition(".")[2] in HIGHER_IS_BETTER
    worse = old.value - new.value if higher else new.value - old.value
    noise = uncertainty(old.rounds, new.rounds)
    least = LEAST_MS if "_ms" in path.rpartition(".")[2] else 0.0
    if worse <= max(tolerance * abs(old.value), noise, least):
        return ""
    share = f"{100 * worse / abs(old.value):.0f} % worse" if old.value else "worse"
    return f"{path}: {old.value:g} -> {new.value:g} ({share}; noise {100 * noise / max(1e-12, abs(old.value)):.0f} %)"


@dataclass(frozen=True)
class Figure:
    """A number of which it is known which way is better, and what each round gave."""

    value: float
    rounds: Sequence[float]


def _figures(content: dict[str, Any], prefix: str) -> Iterator[tuple[str, Figure]]:
    """All of them, by dotted path."""
    for key, value in content.items():
        if isinstance(value, dict):
            yield from _figures(value, f"{prefix}{key}.")
        elif key == "fps" and "p50_ms" in content:
            continue  # the same once more
        elif key in HIGHER_IS_BETTER | LOWER_IS_BETTER and isinstance(value, int | float):
            yield f"{prefix}{key}", Figure(float(value), content.get(f"{key}_of_rounds", ()))
