"""Engine: where segments are done. Takes orders, tells how far they are and what came of them; decides nothing."""

from __future__ import annotations

import os
import queue
import threading
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Protocol

from pipeline.environment import cores
from pipeline.jobs.work import Order, Outcome, perform
from pipeline.remote_lane import RemoteLane

MOST_LANES = 64
PATIENCE_S = 30.0  # for a lane to end


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
    """Runs on this machine, side by side in lanes, each with its share of the processors. What one run of a lane has
    loaded is there for its next one."""

    name = "local"
    measures = True

    def __init__(self, lanes: int = 1) -> None:
        self._count = lanes
        self._events: queue.SimpleQueue[Event] = queue.SimpleQueue()
        self._lanes: dict[int, _Lane] = {}  # by place
        self._places: dict[int, int] = {}  # of the segments under way

    @property
    def lanes(self) -> int:
        return self._count

    @lanes.setter
    def lanes(self, number: int) -> None:
        if not 1 <= number <= MOST_LANES:
            raise ValueError(f"{number = } must be 1 to {MOST_LANES}")
        self._count = number

    def submit(self, order: Order) -> None:
        taken = set(self._places.values())
        place = next(number for number in range(MOST_LANES + 1) if number not in taken)
        processors = share(place, self._count)
        lane = self._lanes.get(place)
        if lane is None or lane.processors != processors:
            if lane is not None:
                lane.close()
            lane = self._lanes[place] = _Lane(processors, self._events)
        self._places[order.index] = place
        lane.orders.put(order)

    def wait(self, timeout: float) -> Event | None:
        try:
            event = self._events.get(timeout=timeout)
        except queue.Empty:
            return None
        if isinstance(event, Outcome):
            self._places.pop(event.index)
        return event

    def close(self) -> None:
        for lane in self._lanes.values():
            lane.remote.kill()
        for lane in self._lanes.values():
            lane.close()
        self._lanes.clear()
        self._places.clear()


class _Lane:
    """One segment after the other, in a thread of its own: the processors that a thread may use are those of whatever
    it starts, and what it starts dies with it."""

    def __init__(self, processors: list[int], events: queue.SimpleQueue[Event]) -> None:
        self.processors = processors
        self.orders: queue.SimpleQueue[Order | None] = queue.SimpleQueue()
        self.remote = RemoteLane()
        self._events = events
        self._thread = threading.Thread(target=self._work, name="cleanplate lane", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """When nothing runs, or after `remote.kill()`."""
        self.orders.put(None)
        self._thread.join(PATIENCE_S)

    def _work(self) -> None:
        with suppress(OSError):  # a sandbox that forbids it: then they share all of them
            os.sched_setaffinity(0, self.processors)
        while (order := self.orders.get()) is not None:
            self._events.put(perform(order, self._listener(order.index), self.remote, len(self.processors)))
        self.remote.close()

    def _listener(self, index: int) -> Callable[[dict[str, Any]], None]:
        def heard(event: dict[str, Any]) -> None:
            if event["event"] == "frames":
                self._events.put(Progress(index, event["done"]))

        return heard


def share(place: int, lanes: int) -> list[int]:
    """The processors of the lane at `place`: as many for each lane, none idle. With more lanes than processors some
    have the same one."""
    mine = sorted(os.sched_getaffinity(0))
    if lanes >= cores():
        return [mine[place % len(mine)]]
    begin, end = place % lanes * len(mine) // lanes, (place % lanes + 1) * len(mine) // lanes
    return mine[begin:end]
