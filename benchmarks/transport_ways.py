"""How long does the same frame take by other ways between two processes? Microseconds from send to receipt."""

from __future__ import annotations

import multiprocessing
import os
import signal
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import zmq

from pipeline.frame import Image

PACE_S = 0.03  # between two frames: a way must have time to empty, or its backlog would be measured
PATIENCE_S = 60.0

Send = Callable[[Image], None]


def queue(width: int, height: int, count: int) -> float:
    """A multiprocessing.Queue: the frame is pickled, piped and unpickled."""
    spawn = multiprocessing.get_context("spawn")
    frames, answers = spawn.Queue(4), spawn.Queue()
    frames.cancel_join_thread()  # what an interrupted child has not taken is waited for by nobody
    child = spawn.Process(target=_take_from_queue, args=(frames, answers, count))
    return _paced(child, answers, lambda picture: frames.put((time.monotonic_ns(), picture)), width, height, count)


def pipe(width: int, height: int, count: int) -> float:
    """A multiprocessing.Pipe."""
    spawn = multiprocessing.get_context("spawn")
    near, far = spawn.Pipe()
    answers = spawn.Queue()
    child = spawn.Process(target=_take_from_pipe, args=(far, answers, count))
    return _paced(child, answers, lambda picture: near.send((time.monotonic_ns(), picture)), width, height, count)


def zeromq(width: int, height: int, count: int, *, copy: bool) -> float:
    """ZeroMQ PUSH to PULL over ipc, the frame as bytes of a message; `copy` as pyzmq means it, at both ends."""
    spawn = multiprocessing.get_context("spawn")
    answers = spawn.Queue()
    with (
        tempfile.TemporaryDirectory() as folder,
        _pushing(f"ipc://{os.path.join(folder, 'frames')}") as (address, socket),
    ):
        child = spawn.Process(target=_take_from_socket, args=(address, answers, count, copy))

        def send(picture: Image) -> None:
            socket.send(time.monotonic_ns().to_bytes(8, "little"), zmq.SNDMORE)
            socket.send(picture.data, 0, copy)

        return _paced(child, answers, send, width, height, count)


@contextmanager
def _pushing(address: str) -> Iterator[tuple[str, zmq.Socket[bytes]]]:
    with zmq.Context() as context, context.socket(zmq.PUSH) as socket:
        socket.linger = 0
        socket.bind(address)
        yield address, socket


def _paced(child: Any, answers: Any, send: Send, width: int, height: int, count: int) -> float:
    held = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})  # handed down: Ctrl-C is for this process alone
    try:
        child.start()
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, held)
    try:
        picture = np.zeros((height, width, 3), np.uint8)
        for _ in range(count):
            send(picture)
            time.sleep(PACE_S)
        median: float = answers.get(timeout=PATIENCE_S)
    except BaseException:  # interrupted, or it has died: nobody else ends it
        child.kill()
        raise
    finally:
        child.join()
    return median


def _take_from_queue(frames: Any, answers: Any, count: int) -> None:
    answers.put(_median_us(lambda: frames.get()[0], count))


def _take_from_pipe(frames: Any, answers: Any, count: int) -> None:
    answers.put(_median_us(lambda: frames.recv()[0], count))


def _take_from_socket(address: str, answers: Any, count: int, copy: bool) -> None:
    with zmq.Context() as context, context.socket(zmq.PULL) as socket:
        socket.connect(address)

        def take() -> int:
            stamp = int.from_bytes(socket.recv(), "little")
            socket.recv(copy=copy)
            return stamp

        answers.put(_median_us(take, count))


def _median_us(take: Callable[[], int], count: int) -> float:
    """`take` waits for a frame and returns when it was sent; the first tenth is for warming up."""
    late = []
    for _ in range(count):
        stamp = take()
        late.append((time.monotonic_ns() - stamp) / 1e3)
    return statistics.median(late[count // 10 :])
