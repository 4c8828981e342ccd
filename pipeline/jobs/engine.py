"""Engine: where segments are done. Takes orders, tells how far they are and what came of them; decides nothing."""

from __future__ import annotations

import os
import queue
import threading
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Protocol

from pipeline.environment import cores
from pipeline.jobs.work import Order, Outcome, orders_of, outcome_of
from pipeline.remote import Ending, RemoteRun

MOST_LANES = 64


@dataclass(frozen=True)
class Progress:
    """So many frames of a segment are out, those before its own included."""

    index: int
    frames: int


Event = Progress | Outcome


class Engine(Protocol):
    """Does segments, several at a time. Used from one thread."""

    name: str
    measures: bool
    """Whether the number of lanes is to be found by measuring; else the engine knows it."""

    @property
    def lanes(self) -> int:
        """How many segments it does at a time."""
        ...

    @lanes.setter
    def lanes(self, number: int) -> None: ...

    def submit(self, order: Order) -> None:
        """Begin with a segment. Only while fewer than `lanes` are under way."""
        ...

    def wait(self, timeout: float) -> Event | None:
        """The next event; None where there was none for so many seconds. Every order ends in an Outcome."""
        ...

    def close(self) -> None:
        """End at once whatever is under way."""
        ...


class Local:
    """Runs on this machine, each with its share of the processors."""

    name = "local"
    measures = True

    def __init__(self, lanes: int = 1) -> None:
        self._lanes = lanes
        self._events: queue.SimpleQueue[Event] = queue.SimpleQueue()
        self._runs: dict[int, RemoteRun] = {}
        self._places: dict[int, int] = {}  # which share of the processors each has

    @property
    def lanes(self) -> int:
        return self._lanes

    @lanes.setter
    def lanes(self, number: int) -> None:
        if not 1 <= number <= MOST_LANES:
            raise ValueError(f"{number = } must be 1 to {MOST_LANES}")
        self._lanes = number

    def submit(self, order: Order) -> None:
        taken = set(self._places.values())
        place = next(number for number in range(MOST_LANES + 1) if number not in taken)

        def heard(event: dict[str, Any]) -> None:
            if event["event"] == "frames":
                self._events.put(Progress(order.index, event["done"]))
            elif event["event"] == "end":
                ending = Ending(event["code"], event["error"], event["report"])
                self._events.put(outcome_of(order, ending))

        processors = share(place, self._lanes)
        run = RemoteRun(orders_of(order, len(processors)), heard)
        self._runs[order.index], self._places[order.index] = run, place
        starter = threading.Thread(target=_start, args=(run, processors))
        starter.start()
        starter.join()

    def wait(self, timeout: float) -> Event | None:
        try:
            event = self._events.get(timeout=timeout)
        except queue.Empty:
            return None
        if isinstance(event, Outcome):
            self._runs.pop(event.index)
            self._places.pop(event.index)
        return event

    def close(self) -> None:
        for run in self._runs.values():
            run.kill()
        for run in self._runs.values():
            run.wait_over(10)
        self._runs.clear()
        self._places.clear()


def _start(run: RemoteRun, processors: Sequence[int]) -> None:
    """In a thread of its own: the processors that a thread may use are those of whatever it starts."""
    with suppress(OSError):  # a sandbox that forbids it: then they share all of them
        os.sched_setaffinity(0, processors)
    run.start()


def share(place: int, lanes: int) -> list[int]:
    """The processors of the lane at `place`: as many for each lane, none idle. With more lanes than processors some
    have the same one."""
    mine = sorted(os.sched_getaffinity(0))
    if lanes >= cores():
        return [mine[place % len(mine)]]
    begin, end = place % lanes * len(mine) // lanes, (place % lanes + 1) * len(mine) // lanes
    return mine[begin:end]
