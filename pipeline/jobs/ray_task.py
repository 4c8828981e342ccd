"""A segment done on a machine of a Ray cluster, in place where the job's folder is seen there, else on copies."""

from __future__ import annotations

import os
import secrets
import shutil
import socket
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

import pipeline
from pipeline.environment import cores
from pipeline.instances import lock, private_dir
from pipeline.jobs.engine import MOST_LANES, share
from pipeline.jobs.work import Order, Outcome, perform
from pipeline.remote_lane import RemoteLane

TELL_S = 0.5  # between two words about how far it is
Bytes = NDArray[np.uint8]


@dataclass(frozen=True)
class Errand:
    """A segment for a machine of the cluster. `token` is a file of the job in which `secret` stands, by which a machine
    knows that it sees the job's folder; `cpus`: its share of the machine; `version`: ours; `folder`: the working folder
    of whoever wants it."""

    order: Order
    token: str
    secret: str
    cpus: float
    version: str
    folder: str


@dataclass(frozen=True)
class Return:
    """What comes back: no outcome where the machine does not see the job's folder and was given no copies; and the
    bytes of the results where it worked on copies."""

    outcome: Outcome | None
    results: tuple[Bytes, ...] = ()


Told = Callable[[int, int], None]


def do(errand: Errand, copies: Callable[[], tuple[Bytes, ...]] | None, told: Told) -> Return:
    """Do it on this machine. `copies`: the bytes of the cut and of the configuration, if any were sent; `told` gets the
    segment's index and how many of its frames are out."""
    order, here = errand.order, socket.gethostname()
    if errand.version != pipeline.__version__:
        found = f"machine {here} has cleanplate {pipeline.__version__}, not {errand.version}"
        return Return(Outcome(order.index, found))
    try:
        with _place(errand.cpus) as (scratch, processors), _on(processors):
            if sees(errand):
                return Return(_named(_in_place(errand, told), here))
            if copies is None:
                return Return(None)
            outcome, results = _on_copies(order, copies(), scratch, told)
            return Return(_named(outcome, here), results)
    except OSError as error:
        return Return(Outcome(order.index, f"machine {here}: {error}"))


def sees(errand: Errand) -> bool:
    """Whether the job's folder is this machine's as well, and can be written."""
    try:
        found = Path(errand.token).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError):
        return False
    return found == errand.secret and all(os.access(Path(path).parent, os.W_OK) for path in errand.order.outputs)


def _in_place(errand: Errand, told: Told) -> Outcome:
    """On shared storage. Under names of its own until all is well: a machine that was given up may still be writing."""
    order = errand.order
    folder = Path(order.outputs[0]).parent / f"try-{secrets.token_hex(8)}"
    folder.mkdir()
    try:
        with _in_folder(errand.folder):
            outputs = tuple(str(folder / Path(path).name) for path in order.outputs)
            outcome = perform(replace(order, outputs=outputs), _listener(order.index, told), _lane())
        if not outcome.error:
            for made, path in zip(outputs, order.outputs, strict=True):
                os.replace(made, path)
        return outcome
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _on_copies(order: Order, copies: tuple[Bytes, ...], scratch: Path, told: Told) -> tuple[Outcome, tuple[Bytes, ...]]:
    """In this machine's own folder. Where that is full, other machines have room."""
    cut, config = scratch / Path(order.cut).name, scratch / Path(order.config).name
    for path, content in zip((cut, config), copies, strict=True):
        content.tofile(path)
    outputs = tuple(str(scratch / f"out-{Path(path).name}") for path in order.outputs)
    outcome = perform(
        replace(order, cut=str(cut), config=str(config), outputs=outputs), _listener(order.index, told), _lane()
    )  # fmt: skip
    return replace(outcome, full=False), () if outcome.error else tuple(map(bytes_of, outputs))


_kept: dict[tuple[str, ...], RemoteLane] = {}  # of this process: one at most


def _lane() -> RemoteLane:
    """What the last segment of this process has loaded serves the next one, on the same processors and in the same
    folder."""
    key = (os.getcwd(), *map(str, sorted(os.sched_getaffinity(0))))
    if key not in _kept:
        let_go()
        _kept[key] = RemoteLane()
    return _kept[key]


def let_go() -> None:
    """End what is kept for a next segment."""
    for lane in _kept.values():
        lane.close()
    _kept.clear()


def bytes_of(path: str) -> Bytes:
    """The bytes of a file, uint8 [N], read as they are needed. Raises OSError."""
    if not os.path.getsize(path):
        return np.empty(0, np.uint8)
    return np.asarray(np.memmap(path, np.uint8, "r"))


def _named(outcome: Outcome, machine: str) -> Outcome:
    """With the machine in its error. Nobody interrupts a run here: one that is killed has failed."""
    if not outcome.error:
        return outcome
    return replace(outcome, error=f"machine {machine}: {outcome.error}", interrupted=False)


def _listener(index: int, told: Told) -> Callable[[dict[str, Any]], None]:
    """Passes on how far a run is, now and then."""
    last = 0.0

    def heard(event: dict[str, Any]) -> None:
        nonlocal last
        if event["event"] == "frames" and time.monotonic() - last >= TELL_S:
            last = time.monotonic()
            told(index, event["done"])

    return heard


@contextmanager
def _place(cpus: float) -> Iterator[tuple[Path, list[int]]]:
    """A place on this machine that nobody else has meanwhile: a folder, and a share of the processors. What an earlier
    holder left that was killed goes."""
    lanes = max(1, round(cores() / cpus))
    root = private_dir(Path(tempfile.gettempdir()) / f"cleanplate-lanes-{os.getuid()}")
    for number in range(MOST_LANES * 16):
        held = lock(root / f"{number}.lock")
        if held is not None:
            break
    else:
        raise OSError(f"{root}: all places are taken")
    scratch = root / str(number)
    try:
        shutil.rmtree(scratch, ignore_errors=True)
        scratch.mkdir(mode=0o700)
        yield scratch, share(number, lanes)
    finally:
        shutil.rmtree(scratch, ignore_errors=True)
        os.close(held)


@contextmanager
def _on(processors: list[int]) -> Iterator[None]:
    """What this thread starts runs on these."""
    before = os.sched_getaffinity(0)
    try:
        os.sched_setaffinity(0, processors)
        yield
    finally:
        os.sched_setaffinity(0, before)


@contextmanager
def _in_folder(folder: str) -> Iterator[None]:
    """In the same working folder as who wants it, where that is seen here: configurations name files from there."""
    before = os.getcwd()
    if os.path.isdir(folder):
        os.chdir(folder)
    try:
        yield
    finally:
        os.chdir(before)
