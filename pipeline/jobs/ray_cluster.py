"""A Ray cluster: connected to, or started on this machine for one job and ended with it."""

from __future__ import annotations

import os
import re
import secrets
import shutil
import signal
import socket
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from pipeline.environment import cores
from pipeline.errors import CleanplateError, SetupError
from pipeline.jobs.ray_needs import Machine
from pipeline.reading import printable

QUIET = {"RAY_USAGE_STATS_ENABLED": "0", "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "0"}
_HOST_PORT = re.compile(r"(?:ray://)?\[?(.+?)\]?:(\d{1,5})")
ANSWER_S = 10.0
# Ray's own name for "this machine only": then it listens on the loopback interface, on Linux as well.
LOOPBACK = {"RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER": "0", "RAY_AUTH_MODE": "token"}


@dataclass(frozen=True)
class Cluster:
    """A connection; `folder`: where a Ray of our own keeps what it needs, None where it is not ours."""

    folder: str | None

    def machines(self) -> list[Machine]:
        """Those that are alive now."""
        import ray

        offers = [found["Resources"] for found in ray.nodes() if found["Alive"]]
        return [Machine(offer.get("CPU", 0.0), offer.get("GPU", 0.0)) for offer in offers]

    def close(self) -> None:
        """Leave it; where it is ours, end it."""
        import ray

        ray.shutdown()
        if self.folder is not None:
            shutil.rmtree(self.folder, ignore_errors=True)


def open_cluster(address: str | None) -> Cluster:
    """Connect to the cluster at `address` (`auto`, `HOST:PORT`, `ray://HOST:PORT`); None: start one here. Raises
    SetupError."""
    os.environ.update(QUIET)
    if address is None:
        _keep_to_this_machine()
    try:
        import ray
    except ImportError as error:
        raise SetupError(f"--engine ray: {error}; pip install 'cleanplate[cluster]'") from error
    if ray.is_initialized():
        raise SetupError("--engine ray: this process is connected to a Ray cluster already")
    with _signals_kept():
        return _connect(address) if address is not None else _start()


def _check_answer(address: str) -> None:
    """Ray itself would ask for minutes. Raises SetupError where nothing answers."""
    match = _HOST_PORT.fullmatch(address)
    if match is None:
        return
    try:
        socket.create_connection((match[1], int(match[2])), ANSWER_S).close()
    except (OSError, OverflowError) as error:
        said = getattr(error, "strerror", None) or error
        raise SetupError(f"--address {printable(address)}: cannot be reached: {said}") from error


def _connect(address: str) -> Cluster:
    import ray

    _check_answer(address)
    try:
        with signals_pass():
            ray.init(address=address, log_to_driver=False, logging_level="ERROR")
    except CleanplateError:  # what a signal raises
        raise
    except Exception as error:  # Ray has a dozen kinds, of the built-in ones too
        said = (str(error).strip().splitlines() or [type(error).__name__])[0]
        raise SetupError(f"--address {printable(address)}: {printable(said)}") from error
    return Cluster(None)


def _start() -> Cluster:
    import ray

    folder = tempfile.mkdtemp(prefix="cleanplate-ray-")  # ours alone; and short, for it holds sockets
    try:
        with signals_pass():
            ray.init(
                address="local", num_cpus=cores(), include_dashboard=False, log_to_driver=False, logging_level="ERROR",
                _temp_dir=folder,
            )  # fmt: skip
    except BaseException as error:
        ray.shutdown()
        shutil.rmtree(folder, ignore_errors=True)
        if isinstance(error, Exception) and not isinstance(error, CleanplateError):
            raise SetupError(f"--engine ray: Ray does not start: {printable(str(error))}") from error
        raise
    return Cluster(folder)


def _keep_to_this_machine() -> None:
    """Who listens on a port runs what it is told: nobody else may connect, and no other user of this machine. The token
    is the same for all that this process starts: Ray reads it once."""
    os.environ.update(LOOPBACK)
    os.environ.setdefault("RAY_AUTH_TOKEN", secrets.token_hex(32))


@contextmanager
def signals_pass() -> Iterator[None]:
    """What a signal raises inside of a call of Ray's comes out of it wrapped; here it is itself again."""
    try:
        yield
    except SystemError as error:
        if error.__cause__ is None:
            raise
        raise error.__cause__ from None


@contextmanager
def _signals_kept() -> Iterator[None]:
    """Ray takes SIGTERM for itself."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.getsignal(signal.SIGTERM)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)
