"""One run from plan to report: claims its name, runs the supervisor's loop, passes signals on, writes the report."""

from __future__ import annotations

import signal
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from pipeline.config import Plan
from pipeline.errors import CleanplateError
from pipeline.instances import claim
from pipeline.report import build, outcome, write_atomically
from pipeline.supervisor import Supervisor


@dataclass(frozen=True)
class Result:
    """How a run ended: the exit code, the report, and the one line to show where it failed."""

    code: int
    report: dict[str, Any]
    error: str | None


def run_plan(
    plan: Plan,
    *,
    name: str | None = None,
    limit: int | None = None,
    report: Path | None = None,
    told: Callable[[str], None] = lambda _: None,
    tick: Callable[[Supervisor], None] = lambda _: None,
) -> Result:
    """Run a plan to its end, from the main thread. `tick` is called at every turn of the loop.

    Raises ConfigError where the name or the output is in use, before anything starts."""
    started = datetime.now().astimezone().isoformat(timespec="seconds")
    given = str(plan.stages[0].options.get("input", ""))
    outputs = [str(built.options["output"]) for built in plan.stages if built.options.get("output")]
    with claim(plan.config.name, given, outputs, name, started) as (_, folder):
        before = time.process_time()
        supervisor = Supervisor(plan, folder, limit=limit, told=told)
        try:
            with supervisor.wait.heeding(signal.SIGINT, signal.SIGTERM):
                _loop(supervisor, tick)
        finally:
            supervisor.close()
        return _conclude(supervisor, time.process_time() - before, report)


def _loop(supervisor: Supervisor, tick: Callable[[Supervisor], None]) -> None:
    supervisor.start()
    while supervisor.turn():
        tick(supervisor)
    supervisor.await_end()


def _conclude(supervisor: Supervisor, cpu_seconds: float, path: Path | None) -> Result:
    content = build(supervisor, cpu_seconds)
    code, _ = outcome(supervisor)
    error = supervisor.failure[1] if supervisor.failure else None
    if path is not None:
        try:
            write_atomically(path, content)
        except OSError as fault:
            raise CleanplateError(f"the report {path} cannot be written: {fault.strerror}") from fault
    return Result(code, content, error)
