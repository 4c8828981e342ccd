"""Mps: NVIDIA's control daemon for one run, by which workers that share a GPU overlap; knows no stage and no frame.

Without it two processes on one GPU take turns. It is started for this run alone, in the run's own folder, and ended by
a keeper: a shell that waits for the end of a pipe. That pipe ends when the run does, in whatever way.
"""

from __future__ import annotations

import ctypes
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path

from pipeline.environment import cuda_variables
from pipeline.errors import SetupError
from pipeline.plan import Plan
from pipeline.runlog import RunLog

CONTROL = "nvidia-cuda-mps-control"
DEVICE = Path("/dev/nvidiactl")  # there where NVIDIA's driver is
START_S = 2.0  # for the daemon
TRIAL_S = 5.0  # for the first client: it has the daemon start a server
END_S = 3.0
LONGEST_PATH = 90  # characters of a folder in which a socket can still be made
NONE = ("", "-1", "NoDevFiles")  # values of CUDA_VISIBLE_DEVICES that hide every GPU
NO_LIBRARY = 127  # exit code of the first client where there is no driver to ask
TRIAL = [sys.executable, "-P", "-m", "pipeline.mps"]
KEEP = 'cat >/dev/null; echo quit | exec "$0"'


class _Unavailable(Exception):
    """MPS cannot be had: why."""


class Mps:
    """The daemon of one run. `environment` is what its clients must find in theirs; empty while it does not run."""

    def __init__(self, folder: Path) -> None:
        """`folder`: where its pipes and logs go; it is made when the daemon is."""
        self._folder = folder
        self._keeper: subprocess.Popen[bytes] | None = None
        self.environment: Mapping[str, str] = {}

    def share(self, plan: Plan, log: RunLog) -> None:
        """Start it where the plan wants it and has use for it. Raises SetupError where it must be had and cannot."""
        wish = plan.config.gpu.mps
        if wish == "off" or (wish == "auto" and clients(plan) < 2):
            return
        try:
            self._start()
        except _Unavailable as reason:
            self.close()
            if wish == "on":
                raise SetupError(f"gpu.mps: on, but {reason}; next: gpu.mps: auto") from reason
            log.event("mps", f"not used: {reason}")
        else:
            log.event("mps", f"started in {self._folder}")

    def close(self) -> None:
        """End it, after its clients."""
        self.environment = {}
        if self._keeper is None:
            return
        assert self._keeper.stdin is not None
        self._keeper.stdin.close()
        try:
            self._keeper.wait(END_S)
        except subprocess.TimeoutExpired:
            self._keeper.kill()
            self._keeper.wait()
        self._keeper = None

    def _start(self) -> None:
        control = _control(self._folder)
        self._folder.mkdir(mode=0o700, exist_ok=True)
        places = {"CUDA_MPS_PIPE_DIRECTORY": str(self._folder), "CUDA_MPS_LOG_DIRECTORY": str(self._folder)}
        environment = {**os.environ, **places}
        # The keeper first: it ends a daemon that comes up too late as well.
        self._keeper = subprocess.Popen(
            ["/bin/sh", "-c", KEEP, control],
            env=environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,  # a Ctrl-C in the terminal is not for it
        )
        until = time.monotonic() + START_S
        _run([control, "-d"], environment, START_S, "did not start")
        _run([control], environment, until - time.monotonic(), "does not answer", b"get_server_list\n")
        # A client that cannot connect has no GPU at all: better to know before the workers are such clients.
        _run(TRIAL, environment, TRIAL_S, "lets nobody use the GPU")
        self.environment = places


def clients(plan: Plan) -> int:
    """How many workers may share a GPU: those that hold a model, but for what is told to stay on the processor."""
    heavy = [built for built in plan.stages if built.stage.heavy and built.options.get("device") != "cpu"]
    return sum(built.most_workers for built in heavy)


def _control(folder: Path) -> str:
    """The path of the daemon's program. Raises _Unavailable."""
    given = cuda_variables()
    if pipes := given.get("CUDA_MPS_PIPE_DIRECTORY"):
        raise _Unavailable(f"CUDA_MPS_PIPE_DIRECTORY is {pipes!r}: one of your own serves, or none is wanted")
    if not DEVICE.exists() or given.get("CUDA_VISIBLE_DEVICES", "0") in NONE:
        raise _Unavailable("no NVIDIA GPU is here")
    control = shutil.which(CONTROL)
    if control is None:
        raise _Unavailable(f"{CONTROL} is not on the PATH (it comes with NVIDIA's driver)")
    if len(str(folder)) > LONGEST_PATH:
        raise _Unavailable(f"{folder} is too long a path for its sockets; CLEANPLATE_STATE sets the folder")
    return control


def _run(command: list[str], environment: Mapping[str, str], seconds: float, failed: str, said: bytes = b"") -> None:
    """Raises _Unavailable."""
    try:
        # Nobody reads what it says: a daemon keeps what it was given open, and the pipe would have no end.
        done = subprocess.run(
            command,
            env=dict(environment),
            input=said,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            timeout=max(0.1, seconds),
            check=False,
        )
    except subprocess.TimeoutExpired as error:
        raise _Unavailable(f"{CONTROL} {failed} within {error.timeout:.0f} s") from error
    except OSError as error:
        raise _Unavailable(f"{CONTROL} {failed} ({error.strerror})") from error
    if done.returncode:
        raise _Unavailable(f"{CONTROL} {failed} (exit code {done.returncode})")


def try_client() -> int:
    """Use the first GPU as a worker would, in this process; 0, or CUDA's number for what went wrong."""
    context, device = ctypes.c_void_p(), ctypes.c_int()
    try:
        cuda = ctypes.CDLL("libcuda.so.1")
    except OSError:
        return NO_LIBRARY
    return int(
        cuda.cuInit(0)
        or cuda.cuDeviceGet(ctypes.byref(device), 0)
        or cuda.cuDevicePrimaryCtxRetain(ctypes.byref(context), device)
    )


if __name__ == "__main__":
    sys.exit(min(255, try_client()))
