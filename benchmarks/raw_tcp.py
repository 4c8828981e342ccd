"""What does it cost to receive a raw frame over TCP? In memcpys of that frame, measured in the same thread, in turns.

FFmpeg sends drawn 720p pictures to a run of the real runtime, which receives them with `stages.ingest.tcp`. After each
frame the worker copies as much memory within itself, for comparison: another piece each time, as frames go into other
slots. `recv_per_memcpy`: processor time of the worker's thread, user and system, from asking for a picture to having it
in its slot, by that of a copy; medians, and of means beside it. `paced`: 30 frames/s, as a camera sends; `flat_out`: as
fast as they are taken. `arrived`: frames, of those `sent`. What the system does on the sender's behalf is his, but for
what it does when the receiver acknowledges, which nobody can tell apart.

    python -m benchmarks.raw_tcp
"""

from __future__ import annotations

import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import yaml

from benchmarks.results import FOLDER, complete, of_run, save
from pipeline.config import load_config
from pipeline.frame import Frame
from pipeline.stage import Sink
from stages.ingest.tcp import Tcp
from stages.ingest.tcp_address import Address
from stages.ingest.tcp_listener import Listener
from stages.ingest.tcp_sender import Sender

WIDTH, HEIGHT = 1280, 720
BYTES = WIDTH * HEIGHT * 3
FRAMES = 200
WARM = 10
ROUNDS = 3
GOAL = 1.5
PIECES = 16  # of memory that are copied from and to, in turn: as cold as the slots of a ring

Figures = dict[str, float]


class Meter:
    """Notes how much processor time receiving takes, and copying as much."""

    def __init__(self) -> None:
        self.receiving: list[int] = []
        self.copying: list[int] = []
        self._source = np.ones((PIECES, BYTES), np.uint8)
        self._target = np.zeros((PIECES, BYTES), np.uint8)

    def received(self, ns: int) -> None:
        """So much for one frame; copies one, in turn."""
        at = len(self.receiving) % PIECES
        begun = time.thread_time_ns()
        np.copyto(self._target[at], self._source[at])
        self.copying.append(time.thread_time_ns() - begun)
        self.receiving.append(ns)

    def figures(self) -> Figures:
        """In microseconds, and in memcpys."""
        received, copied = self.receiving[WARM:], self.copying[WARM:]
        return {
            "recv_per_memcpy": statistics.median(received) / statistics.median(copied),
            "recv_per_memcpy_mean": statistics.mean(received) / statistics.mean(copied),
            "recv_us": statistics.median(received) / 1e3,
            "memcpy_us": statistics.median(copied) / 1e3,
        }


class MeteredSender(Sender):
    """A sender, its frames metered by the one meter of this process."""

    meter: ClassVar[Meter]

    def fill(self, view: memoryview) -> bool:
        begun = time.thread_time_ns()
        whole = super().fill(view)
        if whole:
            self.meter.received(time.thread_time_ns() - begun)
        return whole


class Take(Sink):
    """Is lent each picture, and touches nothing."""

    reads: ClassVar[tuple[str, ...]] = ("image",)

    def write(self, frame: Frame) -> None:
        """It has come."""


class MeteredTcp(Tcp):
    """The source itself, with that sender; what it found is among its counts, in nanoseconds and thousandths."""

    sender_kind: ClassVar[type[Sender]] = MeteredSender

    def frames(self) -> Iterator[None]:
        MeteredSender.meter = Meter()
        yield from super().frames()
        for name, value in MeteredSender.meter.figures().items():
            self.context.count(name, round(1000 * value))


def run(port: int, *, paced: bool) -> tuple[Figures, int]:
    """One run of the runtime: its figures, and how many frames came. Raises RunFailed."""
    address = f"tcp://127.0.0.1:{port}?width={WIDTH}&height={HEIGHT}&rate=30"
    config = {
        "name": "raw-tcp",
        "on_full": "block",
        "stages": [
            {"name": "ingest", "uses": "benchmarks.raw_tcp:MeteredTcp", "with": {"input": address, "give_up": 1}},
            {"name": "output", "uses": "benchmarks.raw_tcp:Take"},
        ],
    }
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "raw-tcp.yaml"
        path.write_text(yaml.safe_dump(config, sort_keys=False))
        sender = _sender(port, paced=paced)
        try:
            report = of_run(load_config(str(path), environment={}))
        finally:
            sender.terminate()
            sender.wait()
    counts = report["stages"]["ingest"]["counts"]
    names = ("recv_per_memcpy", "recv_per_memcpy_mean", "recv_us", "memcpy_us")
    return {name: counts[name] / 1000 for name in names}, report["frames"]["output"]


def _sender(port: int, *, paced: bool) -> subprocess.Popen[bytes]:
    """FFmpeg, as a user starts it; it waits until somebody listens, for half a minute at most."""
    import imageio_ffmpeg

    drawn = ["-f", "lavfi", "-i", f"testsrc2=size={WIDTH}x{HEIGHT}:rate=30", "-frames:v", str(FRAMES)]
    pace = ["-re"] if paced else []
    out = ["-pix_fmt", "bgr24", "-f", "rawvideo", f"tcp://127.0.0.1:{port}"]
    again = 'for _ in $(seq 150); do "$@" && exit; sleep 0.2; done'
    return subprocess.Popen(
        ["/bin/sh", "-c", again, "sh", imageio_ffmpeg.get_ffmpeg_exe(), "-v", "quiet", *pace, *drawn, *out],
        stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip


def _free_port() -> int:
    listener = Listener(Address("127.0.0.1", 0))
    port = listener.port
    listener.close()
    return port


def measure() -> dict[str, Any]:
    """All of it, in ROUNDS rounds: medians of rounds. Raises RunFailed, RunError."""
    found: dict[str, list[Figures]] = {"paced": [], "flat_out": []}
    arrived = []
    for _ in range(ROUNDS):
        for name, rounds in found.items():
            figures, frames = run(_free_port(), paced=name == "paced")
            rounds.append(figures)
            arrived.append(frames)
    made = {name: _medians(rounds) for name, rounds in found.items()}
    worst = max(figures["recv_per_memcpy"] for figures in made.values())
    return {
        **made,
        "goal": {"recv_per_memcpy": worst, "goal": GOAL, "met": worst <= GOAL},
        "sent": FRAMES,
        "arrived": min(arrived),
        "rounds": ROUNDS,
        "size": f"{WIDTH}x{HEIGHT}",
    }


def _medians(rounds: Sequence[Figures]) -> Figures:
    return {name: round(statistics.median(one[name] for one in rounds), 3) for name in rounds[0]}


def main() -> int:
    """1 where the goal was missed."""
    made = complete("raw-tcp", measure())
    save(FOLDER / "raw-tcp.json", made)
    for name in ("paced", "flat_out"):
        figures = made[name]
        print(f"{name}: {figures['recv_per_memcpy']:.2f} memcpys ({figures['recv_us']:.0f} us) a frame")
    print(f"{made['arrived']} of {made['sent']} frames arrived")
    return 0 if made["goal"]["met"] and made["arrived"] == made["sent"] else 1


if __name__ == "__main__":
    sys.exit(main())
