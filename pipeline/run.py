"""One run from plan to report: claims its name, opens its log, runs the supervisor's loop, writes the report."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack, closing
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from pipeline.config import Plan
from pipeline.errors import CleanplateError, ConfigError, SetupError
from pipeline.heritage import Heritage
from pipeline.instances import Instance, claim
from pipeline.logfile import new_log
from pipeline.masking import secrets_of
from pipeline.mps import Mps
from pipeline.proof import Proof
from pipeline.report import build, outcome, write_atomically
from pipeline.runlog import RunLog
from pipeline.supervisor import Supervisor

STDERR = 2  # where the workers' libraries wrote before there was a log, and still do


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
    proof: Proof | None = None,
    told: Callable[[str], None] = lambda _: None,
    lined: Callable[[str], None] = lambda _: None,
    tick: Callable[[Supervisor], None] = lambda _: None,
    heritage: Heritage | None = None,
) -> Result:
    """Run a plan to its end, from the main thread. `tick` is called at every turn of the loop. `proof`, of this very
    plan, is written whatever the end. `told` is given each note to the user, `lined` what stages say now and then of
    how it is going. `heritage`: what an earlier run of this process has left, and this one will.

    Raises ConfigError where the name or the output is in use, before anything starts."""
    if threading.current_thread() is not threading.main_thread():
        raise ConfigError("a run heeds signals, so it starts in the main thread of a process, and this is another")
    now = datetime.now().astimezone()
    given = str(plan.stages[0].options.get("input", ""))
    outputs = plan.outputs
    _keep(given, outputs, report)
    started = now.isoformat(timespec="seconds")
    with (
        claim(plan.config.name, given, outputs, name, started) as (instance, folder),
        _open_log(plan, instance, f"{now:%Y%m%d-%H%M%S}", told, lined) as log,
        ExitStack() as hashing,
    ):
        before = time.process_time()
        with closing(Mps(folder / "mps")) as mps:
            supervisor = Supervisor(plan, folder, log, limit=limit, facts=asdict(instance), heritage=heritage)
            if proof is not None:
                proof.attach(supervisor)
                hashing.enter_context(proof.heeding(*_endings()))  # from the end of the loop on
            try:
                with supervisor.wait.heeding(*_endings()):
                    _loop(supervisor, tick, mps, log)
            finally:
                supervisor.close()
        return _conclude(supervisor, time.process_time() - before, report, proof, log)


def _endings() -> list[signal.Signals]:
    """The signals that ask a run to end: a closed terminal too, but where that is to be ignored (`nohup`)."""
    hung_up = [] if signal.getsignal(signal.SIGHUP) is signal.SIG_IGN else [signal.SIGHUP]
    return [signal.SIGINT, signal.SIGTERM, *hung_up]


def _keep(given: str, outputs: Sequence[str], report: Path | None) -> None:
    """The report may stand in the place of nothing that the run reads or writes. Raises ConfigError."""
    for name in (given, *outputs):
        if report is not None and name and os.path.realpath(report) == os.path.realpath(name):
            raise ConfigError(f"the report {report} would replace the {'input' if name == given else 'output'}")


def _loop(supervisor: Supervisor, tick: Callable[[Supervisor], None], mps: Mps, log: RunLog) -> None:
    try:
        if not (supervisor.lasting and supervisor.plan.config.gpu.mps == "auto"):  # a daemon of this run ends with it
            mps.share(supervisor.plan, log)
    except SetupError as error:
        supervisor.fail(error.exit_code, str(error))
        return
    supervisor.crew.environment = mps.environment
    supervisor.start()
    while supervisor.turn():
        tick(supervisor)
    supervisor.await_end()
    for number in supervisor.wait.signals():  # too late to change this run, but whoever has more to do must hear of it
        supervisor.interrupted = supervisor.interrupted or number


def _open_log(
    plan: Plan, instance: Instance, stamp: str, told: Callable[[str], None], lined: Callable[[str], None]
) -> RunLog:
    """The log of this run; where none can be written, the run goes on without and says so."""
    secrets: set[str] = set()
    for built in plan.stages:
        secrets.update(*(secrets_of(value) for value in built.options.values() if isinstance(value, str)))
    try:
        log = RunLog(new_log(instance.name, stamp), told=told, lined=lined, secrets=secrets, echo=STDERR)
    except OSError as error:
        told(f"no log of this run: {error.strerror}")
        return RunLog(told=told, lined=lined)
    log.event("run", f"{instance.config}: {instance.input} -> {instance.output}; process {instance.pid}")
    return log


def _conclude(
    supervisor: Supervisor, cpu_seconds: float, path: Path | None, proof: Proof | None, log: RunLog
) -> Result:
    content = build(supervisor, cpu_seconds)
    code, word = outcome(supervisor)
    error = supervisor.failure[1] if supervisor.failure else None
    log.event("result", f"{word} (exit code {code}): {error or content['frames']}")
    if path is not None:
        try:
            write_atomically(path, content)
        except OSError as fault:
            raise CleanplateError(f"the report {path} cannot be written: {fault.strerror}") from fault
    if proof is not None:
        log.note(f"the manifest {proof.path} ends in {proof.conclude(content, code)}; keep this elsewhere")
        if proof.hurried:
            return Result(128 + proof.hurried, content, f"interrupted: not all is hashed in {proof.path}")
    return Result(code, content, error)
