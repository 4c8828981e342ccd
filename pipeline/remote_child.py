"""The child of a RemoteRun: reads its orders, runs them as `cleanplate run` would, and says what comes of it."""

from __future__ import annotations

import json
import os
import secrets
import select
import shutil
import signal
import sys
import time
import traceback
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path
from typing import Any

from pipeline.environment import state_dir
from pipeline.errors import CleanplateError, RunError
from pipeline.events import Events
from pipeline.heritage import Heritage
from pipeline.instances import lock, private_dir
from pipeline.lifeline import die_with_parent
from pipeline.masking import masked
from pipeline.remote import RunOrders
from pipeline.supervisor import Supervisor

LOOK_S = 0.05  # between two looks at stdin
COUNT_S = 0.1  # between two counts of frames
GRACE_S = 0.5  # after the end of stdin: the parent's death sends a signal as well, and twice is "at once"


class Ear:
    """Listens for the wish to end."""

    def __init__(self, fd: int) -> None:
        self._fd = fd
        self._look_again = 0.0
        self._alone_since: float | None = None

    def listen(self, supervisor: Supervisor, now: float) -> None:
        """Pass it on to the supervisor."""
        if self._alone_since is not None:
            if now - self._alone_since > GRACE_S and not supervisor.interrupted:
                supervisor.interrupt(signal.SIGTERM)
            return
        if now < self._look_again:
            return
        self._look_again = now + LOOK_S
        if not select.select((self._fd,), (), (), 0)[0]:
            return
        heard = os.read(self._fd, 4096)
        if not heard:
            self._alone_since = now
        for _ in range(heard.count(b"\n")):
            supervisor.interrupt(signal.SIGTERM)


class Teller:
    """Looks at the run in every turn of its loop."""

    def __init__(self, events: Events, ear: Ear) -> None:
        self._events, self._ear = events, ear
        self._begun = False
        self._done = -1
        self._count_again = 0.0

    def tick(self, supervisor: Supervisor) -> None:
        now = time.monotonic()
        if not self._begun:
            self._begun = True
            status = supervisor.status()
            self._events.say("started", name=status["name"], pid=status["pid"])
        self._ear.listen(supervisor, now)
        if now >= self._count_again:
            self._count_again = now + COUNT_S
            self.count(supervisor.ledger.fates["output"] + supervisor.ledger.fates["blanked"])
            self._events.flush()

    def count(self, done: int) -> None:
        if done > self._done:
            self._done = done
            self._events.say("frames", done=done)


def main(parent: int) -> int:
    """Run what stdin says, and whatever follows there; the exit code is that of the last run."""
    events = Events.on_stdout()
    die_with_parent(parent, signal.SIGTERM)
    with ExitStack() as left:
        heritage: Heritage | None = None
        while True:
            code, error, stays = RunError.exit_code, None, False
            report: dict[str, Any] = {}
            try:
                if (orders := _read_orders(sys.stdin.fileno(), needed=heritage is None)) is None:
                    return 0
                stays = orders.stays
                if not orders.finish_alone:
                    die_with_parent(parent, signal.SIGKILL)
                if stays and heritage is None:
                    heritage = left.enter_context(_lasting())
                code, error, report = _run(orders, events, heritage)
            except CleanplateError as fault:
                code, error = fault.exit_code, str(fault)
            except Exception as fault:  # noqa: BLE001 - it is told to who started this
                sys.stderr.write(masked(traceback.format_exc()))
                error = masked(f"{type(fault).__name__}: {fault}")
            events.finish(code=code, error=error, report=report)
            if not stays:
                return code


@contextmanager
def _lasting() -> Iterator[Heritage]:
    """For all runs of this process. Whoever sweeps the folder of runs knows by the lock that it is in use."""
    folder = private_dir(state_dir()) / f"lane-{secrets.token_hex(8)}"
    held = lock(folder / "lock")
    assert held is not None, folder
    try:
        with closing(Heritage(folder, lasting=True)) as heritage:
            yield heritage
    finally:
        shutil.rmtree(folder, ignore_errors=True)
        os.close(held)


def _read_orders(fd: int, *, needed: bool) -> RunOrders | None:
    """The next line, and not a byte of what follows; None where there is none and none is `needed`."""
    line = bytearray()
    while not line.endswith(b"\n"):
        byte = os.read(fd, 1)
        if not byte and not needed and not line:
            return None
        if not byte:
            raise RunError("no orders came: whoever started this is gone")
        line += byte
    raw = json.loads(line)
    return RunOrders(**{**raw, "sets": tuple(raw["sets"]), "wanted": tuple(raw["wanted"])})


def _run(orders: RunOrders, events: Events, heritage: Heritage | None) -> tuple[int, str | None, dict[str, Any]]:
    from pipeline.config import load_config
    from pipeline.run import run_plan

    plan = load_config(orders.config, sets=orders.sets, given=orders.given, wanted=orders.wanted or None)
    teller = Teller(events, Ear(sys.stdin.fileno()))
    result = run_plan(
        plan,
        name=orders.name,
        limit=orders.limit,
        report=Path(orders.report) if orders.report else None,
        told=lambda text: events.say("note", text=text),
        tick=teller.tick,
        heritage=heritage,
    )
    frames = result.report["frames"]
    teller.count(frames["output"] + frames["blanked"])
    return result.code, result.error, result.report


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1])))
