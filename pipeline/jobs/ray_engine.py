"""Ray: segments done on the machines of a Ray cluster; the extra `cluster`."""

from __future__ import annotations

import importlib.util
import os
import secrets
import time
from collections import deque
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import pipeline
from pipeline.errors import ConfigError, SetupError
from pipeline.jobs.durable import store, write_durably
from pipeline.jobs.engine import Engine, Event, Progress
from pipeline.jobs.ray_cluster import Cluster, open_cluster, signals_pass
from pipeline.jobs.ray_needs import Needs, lanes_of, needs_of, read_needs
from pipeline.jobs.ray_task import Errand, Return, bytes_of
from pipeline.jobs.ray_travel import arrive
from pipeline.jobs.work import NO_ROOM, Order, Outcome

MOST_LANES = 1024
TRIES = 3  # of one task by Ray, on other machines, before the job hears of it
ASK_S = 1.0  # between two questions how far everything is
END_S = 10.0


class Ray:
    """Runs on the machines of a cluster: a task for each segment, so that one which is lost is done on another.

    Nothing is connected to or started before the first question how many lanes there are."""

    name = "ray"
    measures = False

    def __init__(self, address: str | None, workers: int | None, needs: Needs | None) -> None:
        self._address, self._workers, self._wanted = address, workers, needs
        self._cluster: Cluster | None = None
        self._lanes = 0
        self._needs = needs or Needs(1)
        self._task: Any = None
        self._board: Any = None
        self._said: Any = None  # what the board will answer
        self._ask_again = 0.0
        self._is_shared = True  # until a machine does not see the job's folder
        self._token: Path | None = None
        self._secret = secrets.token_hex(16)
        self._under_way: dict[Any, Order] = {}
        self._events: deque[Event] = deque()

    @property
    def lanes(self) -> int:
        self._open()
        return self._lanes

    @lanes.setter
    def lanes(self, number: int) -> None:
        if not 1 <= number <= MOST_LANES:
            raise ValueError(f"{number = } must be 1 to {MOST_LANES}")
        self._open()
        self._lanes = number

    def _open(self) -> None:
        """Raises SetupError."""
        if self._cluster is not None:
            return
        cluster = open_cluster(self._address)
        try:
            machines = cluster.machines()
            self._needs = self._wanted or needs_of(machines, self._workers)
            self._lanes = min(MOST_LANES, self._workers or max(1, lanes_of(machines, self._needs)))
            self._task, self._board = arrive(self._needs, TRIES)
        except BaseException:
            cluster.close()
            raise
        self._cluster = cluster

    def submit(self, order: Order) -> None:
        self._open()
        order = replace(
            order,
            cut=os.path.abspath(order.cut),
            config=os.path.abspath(order.config),
            outputs=tuple(map(os.path.abspath, order.outputs)),
        )
        try:
            errand = Errand(
                order, self._token_in(Path(order.config).parent), self._secret, self._needs.cpus,
                pipeline.__version__, os.getcwd(),
            )  # fmt: skip
            with signals_pass():
                copies = None if self._is_shared else self._copies(order)
                self._under_way[self._task.remote(errand, copies, self._board)] = order
        except OSError as error:
            self._events.append(_unwritten(order, error))

    def _token_in(self, folder: Path) -> str:
        if self._token is None:
            self._token = folder / f".seen-{self._secret[:8]}"
            write_durably(self._token, self._secret)
        return str(self._token)

    def _copies(self, order: Order) -> tuple[Any, ...]:
        import ray

        return tuple(ray.put(bytes_of(path)) for path in (order.cut, order.config))

    def wait(self, timeout: float) -> Event | None:
        import ray
        from ray.exceptions import RayError

        if not self._events and self._under_way:
            with signals_pass():
                try:
                    ready, _ = ray.wait(list(self._under_way), timeout=timeout)
                except (RayError, ConnectionError) as error:
                    self._lose(list(self._under_way), error)
                else:
                    self._take_in(ready)
                    self._ask()
        return self._events.popleft() if self._events else None

    def _take_in(self, ready: Iterable[Any]) -> None:
        import ray
        from ray.exceptions import RayError, RayTaskError

        for task in ready:
            try:
                found: Return = ray.get(task)
            except RayTaskError as error:
                order = self._under_way.pop(task)
                self._events.append(Outcome(order.index, _last_line(error)))
                continue
            except (RayError, ConnectionError) as error:
                self._lose([task], error)
                continue
            order = self._under_way.pop(task)
            if found.outcome is None:
                self._is_shared = False
                self.submit(order)
            else:
                self._events.append(_brought(order, found.outcome, found))

    def _lose(self, tasks: Iterable[Any], error: Exception) -> None:
        for task in tasks:
            order = self._under_way.pop(task)
            self._events.append(Outcome(order.index, f"machine lost: {type(error).__name__}: {_first_line(error)}"))

    def _ask(self) -> None:
        """How far everything is; an answer that does not come is waited for by nobody."""
        import ray
        from ray.exceptions import RayError

        now = time.monotonic()
        try:
            if self._said is None and now >= self._ask_again:
                self._said, self._ask_again = self._board.take.remote(), now + ASK_S
            if self._said is None or not ray.wait([self._said], timeout=0)[0]:
                return
            said, self._said = self._said, None
            known = {order.index for order in self._under_way.values()}
            self._events.extend(Progress(index, frames) for index, frames in ray.get(said) if index in known)
        except (RayError, ConnectionError):
            self._said = None  # it is started again elsewhere

    def close(self) -> None:
        if self._token is not None:
            self._token.unlink(missing_ok=True)
            self._token = None
        cluster, self._cluster = self._cluster, None
        if cluster is None:
            return
        try:
            with signals_pass():
                self._cancel()
        finally:
            self._under_way.clear()
            self._events.clear()
            self._board = self._said = self._task = None
            cluster.close()

    def _cancel(self) -> None:
        """Have every task killed, and with it its run."""
        import ray
        from ray.exceptions import RayError

        tasks = list(self._under_way)
        with suppress(RayError, ConnectionError):  # it is gone already
            for task in tasks:
                ray.cancel(task, force=True)
            if tasks:
                ray.wait(tasks, num_returns=len(tasks), timeout=END_S)


def _brought(order: Order, outcome: Outcome, found: Return) -> Outcome:
    """An outcome, when the results that came with it are on the disk."""
    if outcome.error or not found.results:
        return outcome
    try:
        for path, content, sha256 in zip(order.outputs, found.results, outcome.results, strict=True):
            store(Path(path), content.data, sha256)
    except OSError as error:
        return _unwritten(order, error)
    return outcome


def _unwritten(order: Order, error: OSError) -> Outcome:
    return Outcome(order.index, str(error), full=any(text in str(error) for text in NO_ROOM))


def _first_line(error: Exception) -> str:
    return (str(error).strip().splitlines() or [""])[0]


def _last_line(error: Exception) -> str:
    """A traceback's own last word."""
    return (str(error).strip().splitlines() or [type(error).__name__])[-1]


def open_ray(address: str | None, workers: int | None, needs: str | None = None) -> Engine:
    """Raises ConfigError, SetupError."""
    if importlib.util.find_spec("ray") is None:
        raise SetupError("--engine ray: Ray is not installed; pip install 'cleanplate[cluster]'")
    if workers is not None and workers > MOST_LANES:
        raise ConfigError(f"--workers {workers}: more than {MOST_LANES}")
    return Ray(address, workers, read_needs(needs) if needs is not None else None)
