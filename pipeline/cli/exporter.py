"""The Prometheus endpoint of `run --metrics`: on loopback only, asks the run's own socket as any other process would.

A scrape takes one request to the run, and never more than one at a time: it cannot hold up frames, and a run that hangs
makes it wait for its time-out only. What comes out then is `cleanplate_up 0` and the reason.
"""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Iterator
from socketserver import ThreadingMixIn
from types import TracebackType
from typing import Any, Self
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer, make_server

from prometheus_client import CollectorRegistry
from prometheus_client.core import Metric
from prometheus_client.exposition import make_wsgi_app
from prometheus_client.registry import Collector

from pipeline.cli import live
from pipeline.cli.series import families, unanswered
from pipeline.cli.usage import Meter
from pipeline.errors import CleanplateError, SetupError
from pipeline.instances import running

LOOPBACK = "127.0.0.1"
PATIENCE_S = 2.0  # for the run's answer; Prometheus itself waits for 10
FRESH_S = 0.5  # for which an answer serves further scrapes
IDLE_S = 10.0  # for a client that says nothing
MOST_CLIENTS = 8  # at a time
LOOK_S = 0.1  # until the server notices that it is to end


class RunCollector(Collector):
    """Turns the status of the run of this process into metrics, whichever run that is now."""

    def __init__(self) -> None:
        self._meter = Meter()
        self._one_at_a_time = threading.Lock()
        self._fresh: list[Metric] = []
        self._until = 0.0
        self._closed = False

    def describe(self) -> Iterator[Metric]:
        """Nothing beforehand: registering must not ask a run that has not begun."""
        return iter(())

    def collect(self) -> Iterator[Metric]:
        with self._one_at_a_time:
            if time.monotonic() >= self._until and not self._closed:
                self._fresh = self._ask()
                self._until = time.monotonic() + FRESH_S
            found = self._fresh
        yield from found

    def close(self) -> None:
        """Ask nothing any more; returns when no request is under way: the process may end."""
        self._closed = True
        with self._one_at_a_time:
            self._fresh = []

    def _ask(self) -> list[Metric]:
        name = own_run()
        if name is None:
            return list(unanswered("", "no run goes on in this process at this moment"))
        try:
            answer = live.status(name, PATIENCE_S)
            pids = [worker["pid"] for stage in answer["stages"].values() for worker in stage["workers"]]
            return list(families(answer, self._meter.read(pids), self._meter.devices()))
        except CleanplateError as error:
            return list(unanswered(name, str(error)))
        except Exception as error:  # noqa: BLE001 - whatever is wrong here is told to who scrapes, with its reason
            return list(unanswered(name, f"{type(error).__name__}: {error}"))


def own_run() -> str | None:
    """The name of the run that this process supervises now."""
    return next((instance.name for instance in running() if instance.pid == os.getpid()), None)


class _Quiet(WSGIRequestHandler):
    """Logs no request, and waits for no client for ever."""

    timeout = IDLE_S

    def log_message(self, format: str, *args: Any) -> None:
        """Nothing: a line for each scrape would bury what a run has to say."""


class _Server(ThreadingMixIn, WSGIServer):
    """A thread for each client, of a bounded number of them."""

    daemon_threads = True

    def __init__(self, *args: Any, **rest: Any) -> None:
        self._places = threading.BoundedSemaphore(MOST_CLIENTS)
        super().__init__(*args, **rest)

    def process_request(self, request: Any, client_address: Any) -> None:
        if self._places.acquire(blocking=False):
            super().process_request(request, client_address)
        else:
            self.shutdown_request(request)

    def process_request_thread(self, request: Any, client_address: Any) -> None:
        try:
            super().process_request_thread(request, client_address)
        finally:
            self._places.release()


class Exporter:
    """Serves `http://127.0.0.1:PORT/metrics` while it is entered. Port 0: a free one, see `port`."""

    def __init__(self, port: int) -> None:
        """Raises SetupError where the port cannot be had."""
        registry = CollectorRegistry()
        self._collector = RunCollector()
        registry.register(self._collector)
        try:
            self._server = make_server(LOOPBACK, port, make_wsgi_app(registry), _Server, _Quiet)
        except OSError as error:
            why = os.strerror(error.errno or 0).lower()
            raise SetupError(f"--metrics {port}: {LOOPBACK}:{port}: {why}; 0 takes a free port") from error
        self.port: int = self._server.server_port
        self._thread = threading.Thread(target=self._server.serve_forever, args=(LOOK_S,), name="metrics", daemon=True)

    @property
    def address(self) -> str:
        return f"http://{LOOPBACK}:{self.port}/metrics"

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._collector.close()
        self._thread.join()
