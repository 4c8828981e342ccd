"""Garbage, dawdlers and floods on the sockets of a running pipeline: its memory stays flat and its frames flow on."""

from __future__ import annotations

import os
import resource
import signal
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import psutil
import pytest
import zmq

from pipeline.messages import Heartbeat, Note
from pipeline.requests import Status
from tests.faults.intruder import ATTACKS, GREETING, HANDSHAKE, Intruder, frame, rss, sockets_of
from tests.runs import Run, toy
from tests.waiting import wait_until

pytestmark = pytest.mark.real
MOST_GROWTH = 24 << 20  # bytes: what a flood may fill in queues and buffers
LONGEST_GAP = 3.0  # seconds without a frame, on a machine that does other things besides
CROWD = 2000


class Target:
    """A run that never ends by itself, with what it must not lose."""

    def __init__(self, folder: Path) -> None:
        self.run = Run(folder, toy(folder), "--set", "ingest.count=100000000")
        wait_until(lambda: self.size > 1000)
        self.pid = self.run.process.pid
        self.sockets = sockets_of(folder / "state" / "toy")
        self.workers = {worker.pid for worker in psutil.Process(self.pid).children()}

    @property
    def size(self) -> int:
        return self.run.output.stat().st_size if self.run.output.exists() else 0

    @property
    def files(self) -> int:
        return len(os.listdir(f"/proc/{self.pid}/fd"))

    @contextmanager
    def unmoved(self, growth: int = MOST_GROWTH) -> Iterator[None]:
        """Whatever happens meanwhile: frames flow on, memory stays flat, nobody is killed, and no file stays open."""
        memory, files, stop = rss(self.pid), self.files, threading.Event()
        gaps = [0.0]

        def watch() -> None:
            size, since = self.size, time.monotonic()
            while not stop.wait(0.02):
                now = time.monotonic()
                gaps.append(now - since)
                if self.size != size:
                    size, since = self.size, now

        watching = threading.Thread(target=watch)
        watching.start()
        try:
            yield
        finally:
            stop.set()
            watching.join()
        assert max(gaps) < LONGEST_GAP
        assert rss(self.pid) - memory < growth
        assert {worker.pid for worker in psutil.Process(self.pid).children()} == self.workers
        wait_until(lambda: self.files <= files)


@pytest.fixture(scope="module")
def target(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Target]:
    """Frames come and go all the while; in the end it must end as if nothing had been."""
    found = Target(tmp_path_factory.mktemp("target"))
    try:
        yield found
        found.run.process.send_signal(signal.SIGINT)
        ended = found.run.end()
        assert ended.code == 130, ended.stderr
        assert ended.report["ledger_balanced"]
        assert ended.report["runtime"]["deaths"] == []
        assert ended.frames["output"] == ended.frames["accepted"]
    finally:
        if found.run.process.poll() is None:
            found.run.kill()


@pytest.mark.fault("H1")
@pytest.mark.parametrize("attack", ATTACKS)
def test_what_breaks_the_protocol_is_cut_off_at_once(target: Target, attack: str) -> None:
    with target.unmoved():
        for path in target.sockets:
            intruder = Intruder(path)
            intruder.say(ATTACKS[attack])
            assert intruder.is_cut(), path.name
            intruder.close()


@pytest.mark.fault("H1")
def test_who_speaks_another_language_is_not_heard(target: Target) -> None:
    """ZeroMQ takes them for peers of its first version, which said no more than a length and a name."""
    words = [b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n" * 50, bytes.fromhex("16030100c8010000c40303") + bytes(9000)]
    with target.unmoved():
        for path in target.sockets:
            for word in words:
                intruder = Intruder(path, timeout=0.2)
                intruder.say(word)
                intruder.is_cut()
                intruder.close()


@pytest.mark.fault("H1")
def test_who_does_not_say_in_seconds_who_he_is_is_cut_off(target: Target) -> None:
    with target.unmoved(), ExitStack() as opened:
        dawdlers = []
        for path in target.sockets:
            for begun in (b"", GREETING[:1], GREETING[:30], GREETING, HANDSHAKE[:-5]):
                dawdler = Intruder(path)
                opened.callback(dawdler.close)
                dawdler.say(begun)
                dawdlers.append(dawdler)
        assert all(dawdler.is_cut() for dawdler in dawdlers)


@pytest.mark.fault("H1")
@pytest.mark.parametrize("word", [b"", HANDSHAKE], ids=["silent", "after a handshake"])
def test_two_thousand_connections_hold_up_nothing_and_leave_nothing_open(target: Target, word: bytes) -> None:
    """ZeroMQ takes some 20 kB for each, and keeps most of it for the next ones."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard < CROWD + 500:
        pytest.skip(f"only {hard} open files are allowed here")
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, CROWD + 500), hard))
    with target.unmoved(growth=40_000 * CROWD):
        crowd(target, word)
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def crowd(target: Target, word: bytes) -> None:
    files = target.files
    with ExitStack() as opened:
        for number in range(CROWD):
            one = Intruder(target.sockets[number % len(target.sockets)])
            opened.callback(one.close)
            one.say(word)
        wait_until(lambda: target.files > files + CROWD - 100)
        before = target.size
        wait_until(lambda: target.size > before)
    wait_until(lambda: target.files <= files)


@pytest.mark.fault("H1")
def test_a_flood_of_well_formed_messages_from_nobody_is_read_and_forgotten(target: Target) -> None:
    floods = [Heartbeat().pack(), Note(text="x" * 60_000).pack(), Status().model_dump_json().encode(), b"\x02" * 60_000]
    with target.unmoved():
        for path in target.sockets:
            for flood in floods:
                intruder = Intruder(path, timeout=1.0)
                intruder.say(HANDSHAKE + frame(flood) * (20_000_000 // max(len(flood), 1000)))
                intruder.close()


@pytest.mark.fault("H1", "H4")
def test_who_takes_a_name_by_itself_gets_nothing_that_is_meant_for_workers(target: Target) -> None:
    """Nothing is ever sent to who is not known: an intruder on the workers' socket hears nothing at all."""
    control = next(path for path in target.sockets if path.name == "control")
    with target.unmoved(), zmq.Context() as context, context.socket(zmq.DEALER) as socket:
        socket.setsockopt(zmq.LINGER, 0)
        socket.setsockopt(zmq.IDENTITY, b"invert-0-" + b"0" * 24)
        socket.connect(f"ipc://{control}")
        socket.send(b'{"type":"hello","pid":1}')
        assert not socket.poll(500)
