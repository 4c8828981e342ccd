"""worker_main: the life of one child process, from its orders to its last message."""

from __future__ import annotations

import os
import resource
import signal
import sys
import time
from collections import deque
from collections.abc import Iterator
from typing import Any, Literal

from pipeline.blanks import Blanks
from pipeline.control import HEARTBEAT, ControlClient
from pipeline.desk import Desk
from pipeline.errors import SetupError
from pipeline.faults import fault_point
from pipeline.frame import Frame, FrameSpec
from pipeline.importer import load_class
from pipeline.ledger import Verdict
from pipeline.lifeline import Lifeline, die_with_parent
from pipeline.messages import (
    Bulletin,
    Changed,
    Commit,
    Done,
    Drain,
    Grant,
    Hello,
    Mapped,
    Mapping,
    Ready,
    Set,
    Start,
    Stop,
    as_unicode,
)
from pipeline.slots import SlotViews
from pipeline.stage import Sink, Source, Stage, Transform
from pipeline.telling import deadline_of, fault_of
from pipeline.tripwire import TripwireError
from pipeline.tuning import tune

SETUP_FAILED = 3  # exit code: do not start me again
STAGE_FAILED = 4
ORPHANED = 5


class Worker:
    """One stage in one process: waits for grants, works, commits."""

    def __init__(self, name: str, lifeline: Lifeline, client: ControlClient) -> None:
        self._name = name
        self._lifeline = lifeline
        self._client = client
        self._desk = Desk(client)
        self._stage: Stage = Stage()
        self._options: dict[str, Any] = {}
        self._uses = ""
        self._views: SlotViews | None = None
        self._blanks = Blanks()
        self._granted: deque[Grant] = deque()
        self._frames: Iterator[None] | None = None
        self._draining = False
        self._idle_at = 0.0
        self._anew = False  # a live source that died has missed what came meanwhile
        self.phase: Literal["setup", "frame", "finish"] = "setup"

    def run(self) -> None:
        """Until Stop, or the supervisor's end."""
        self._client.send(Hello(pid=os.getpid()))
        while True:
            message = self._desk.receive(0 if self._granted else self._stage.pulse or HEARTBEAT)
            if isinstance(message, Stop):
                self.phase = "finish"
                break
            if message is not None:
                self._take(message)
            elif self._granted:
                self._work(self._granted.popleft())
            else:
                self._wait()
        self._stage.close()
        self._desk.tell()

    def _wait(self) -> None:
        if self._lifeline.is_cut():
            os._exit(ORPHANED)
        if self._stage.pulse and self.phase == "frame" and time.monotonic() >= self._idle_at:
            self._idle_at = time.monotonic() + self._stage.pulse
            self._stage.idle()
        self._desk.tell()
        self._desk.progress()

    def _take(self, message: Any) -> None:
        match message:
            case Grant():
                self._granted.append(message)
            case Start():
                self._set_up(message)
            case Mapped():
                self._views = self._map(message.mappings)
            case Set():
                self._change(message)
            case Bulletin():
                self._desk.read(message)
                self._wait()  # they come more often than some pulses
            case Drain():
                self._drain()

    # Set-up

    def _set_up(self, start: Start) -> None:
        begun, self.phase = time.monotonic(), "setup"
        fault_point(self._name, "setup")
        kept = self._go_on(start)
        if start.mappings:
            self._views = self._map(start.mappings)
        spec = start.spec if kept else self._make(start)
        self.phase = "frame"
        self._client.send(
            Ready(
                deadline=deadline_of(self._stage, self._desk.slowest_step),
                spec=spec if isinstance(self._stage, Source) else None,
                models=tuple(self._desk.models),
                seconds=time.monotonic() - begun,
            )
        )

    def _go_on(self, start: Start) -> bool:
        """Whether the stage that is there serves: of an earlier run of the same process, with what it has loaded."""
        self._granted.clear()
        self._frames, self._draining, self._anew, self._idle_at = None, False, False, 0.0
        stage, same = self._stage, (self._uses, self._options) == (start.uses, start.options)
        if isinstance(stage, Transform) and same and start.spec is not None and stage.renew(start.spec):
            return True
        stage.close()
        self._uses = start.uses
        self._desk.models.clear()
        return False

    def _make(self, start: Start) -> FrameSpec | None:
        cls: type[Stage] = load_class(start.uses)
        self._options = dict(start.options)
        self._stage = cls.model_validate(self._options)
        self._stage._context = self._desk
        spec = start.spec
        match self._stage:
            case Source():
                self._stage._known = spec
                spec = self._stage.open()
                if start.resume is not None:
                    self._stage.resume(start.resume, start.pts)
                    self._anew = spec.live
                self._frames = self._stage.frames()
            case Transform() if spec is not None:
                self._stage.setup(spec)
            case Sink() if spec is not None:
                if start.resume is not None:
                    self._stage.resume(start.resume)
                self._stage.setup(spec)
                self._blanks = Blanks(start.blank, live=spec.live)
        return spec

    def _map(self, mappings: tuple[Mapping, ...]) -> SlotViews:
        return SlotViews(mappings, self._lifeline.receive_fds(len(mappings)))

    def _change(self, wanted: Set) -> None:
        """Between two frames: new values for live fields. Whatever speaks against them is the answer."""
        error = ""
        try:
            tune(self._stage, self._options, wanted.values)
        except Exception as refusal:  # noqa: BLE001 - it travels to whoever asked
            error = as_unicode(str(refusal)[:1000] or type(refusal).__name__)
        else:
            self._options.update(wanted.values)
        self._client.send(Changed(revision=wanted.revision, error=error))

    # Work

    def _work(self, grant: Grant) -> None:
        if self._draining and isinstance(self._stage, Source):
            self._client.send(Commit(grant.slot, grant.generation, Verdict.RETURNED))
            return
        assert self._views is not None
        frame = self._views.frame(grant)
        fault_point(self._name, "granted", grant.index)
        begun = time.perf_counter_ns()
        verdict = self._guarded(self._views, grant, frame)
        busy = time.perf_counter_ns() - begun
        fault_point(self._name, "before_commit", grant.index)
        self._desk.tell()  # before the commit: what was counted over a frame is known when the frame is
        self._client.send(Commit(grant.slot, grant.generation, verdict, frame.pts, frame.duration, busy, frame.fresh))
        self._idle_at = time.monotonic() + (self._stage.pulse or 0.0)
        fault_point(self._name, "committed", grant.index)
        if verdict is Verdict.RETURNED:
            self._drain()

    def _guarded(self, views: SlotViews, grant: Grant, frame: Frame) -> Verdict:
        """The step, between two looks at whose planes these are. A sink or a source ends where they are not its own."""
        if grant.blank:
            return self._step(frame)
        try:
            views.tripwire.begin(grant)
            verdict = self._step(frame)
            if verdict is Verdict.DONE:
                views.tripwire.end(grant)
        except TripwireError as error:
            if not isinstance(self._stage, Transform):
                raise
            self._client.send(fault_of("frame", error))
            return Verdict.FAILED
        return verdict

    def _step(self, frame: Frame) -> Verdict:
        match self._stage:
            case Transform():
                return self._transform(self._stage, frame)
            case Sink():
                self._blanks.pass_on(self._stage, frame)
                return Verdict.DONE
            case Source():
                return self._fetch(self._stage, frame)
        raise AssertionError(self._stage)

    def _transform(self, stage: Transform, frame: Frame) -> Verdict:
        """Once more after an exception (memory may have run short for a moment), then nobody vouches for it."""
        for last in (False, True):
            try:
                stage.process(frame)
            except Exception as error:  # noqa: BLE001 - whatever a stage raises is reported with the frame
                if last:
                    self._client.send(fault_of("frame", error))
                    return Verdict.FAILED
                self._desk.progress()
            else:
                return Verdict.DONE
        raise AssertionError

    def _fetch(self, source: Source, frame: Frame) -> Verdict:
        assert self._frames is not None
        source._frame = frame
        frame.fresh, self._anew = self._anew, False
        try:
            next(self._frames)
        except StopIteration:
            return Verdict.RETURNED
        except SetupError:
            self.phase = "setup"  # found out late, as by who waited for a first picture: another start is of no use
            raise
        if frame.rejected:
            self._desk.count(f"rejected: {frame.rejected}")
            return Verdict.REJECTED
        return Verdict.DONE

    def _drain(self) -> None:
        """Asked to come to an end, or a source without more to bring: give back what is untouched, and say so."""
        if self._draining:
            return
        self._draining = True
        self.phase = "finish"
        while self._granted:
            grant = self._granted.popleft()
            self._client.send(Commit(grant.slot, grant.generation, Verdict.RETURNED))
        facts = self._stage.finish() if isinstance(self._stage, Sink) else {}
        self._desk.tell()
        self._client.send(Done(facts=facts))
        fault_point(self._name, "done")


def worker_main(fd: int) -> int:
    """The life of a worker; returns its exit code."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))  # what crashes here leaves no pictures on the disk
    lifeline = Lifeline.of_descriptor(fd)
    orders = lifeline.receive_orders()
    die_with_parent(orders.parent)
    _set_title(orders.stage, orders.number)
    client = ControlClient(orders.endpoint, orders.identity.encode())
    worker = Worker(orders.stage, lifeline, client)
    try:
        worker.run()
    except Exception as error:  # noqa: BLE001 - the last stop: it travels to the supervisor, then the process ends
        client.send(fault_of(worker.phase, error))
        client.close()
        return SETUP_FAILED if worker.phase == "setup" else STAGE_FAILED
    client.close()
    return 0


def _set_title(stage: str, number: int) -> None:
    from setproctitle import setproctitle

    setproctitle(f"cleanplate: {stage} {number}")


if __name__ == "__main__":
    sys.exit(worker_main(int(sys.argv[1])))
