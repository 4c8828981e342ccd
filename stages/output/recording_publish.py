"""Publisher: turns the parts of a recording into finished segments, one after the other, while it goes on."""

from __future__ import annotations

import itertools
import os
import threading
from collections import deque
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pipeline.errors import RunError, SetupError
from stages.media import reason, shown, stamp
from stages.output.part import count_packets, read_packets
from stages.output.publish import lengthen, sync
from stages.output.recording_index import ENDINGS
from stages.output.wishes import CONTAINERS

if TYPE_CHECKING:
    from collections.abc import Iterator

    from av.packet import Packet
    from av.video.stream import VideoStream


@dataclass(frozen=True)
class Outcome:
    """What became of a part: how many frames and bytes the finished file holds (0: there was none), or what failed."""

    name: str
    frames: int = 0
    size: int = 0
    trouble: str = ""


class Publisher:
    """A thread that publishes what it is given, in order. A part that cannot be published stays, and is tried again
    with the next one."""

    def __init__(self) -> None:
        self._todo: deque[tuple[Path, Fraction]] = deque()
        self._failed: list[tuple[Path, Fraction]] = []
        self._done: deque[Outcome] = deque()
        self._turn = threading.Condition()
        self._busy = self._over = False
        self._thread = threading.Thread(target=self._work, name="publisher", daemon=True)
        self._thread.start()

    @property
    def backlog(self) -> int:
        """Parts that wait, the one at work included."""
        with self._turn:
            return len(self._todo) + self._busy

    def submit(self, path: Path, step: Fraction) -> None:
        """Publish what lies in the part of `path`; its last frame lasts `step` seconds."""
        with self._turn:
            self._todo.extend([*self._failed, (path, step)])
            self._failed.clear()
            self._turn.notify()

    def outcomes(self) -> list[Outcome]:
        """What was done since the last time."""
        return [self._done.popleft() for _ in range(len(self._done))]

    def close(self) -> None:
        """After the one at work. May be called again."""
        with self._turn:
            self._over = True
            self._turn.notify()
        self._thread.join()

    def _work(self) -> None:
        while (given := self._next()) is not None:
            path, step = given
            try:
                frames = publish(path, step)
                self._done.append(Outcome(path.name, frames, path.stat().st_size if frames else 0))
            except (RunError, SetupError, OSError) as error:
                self._failed.append(given)
                self._done.append(Outcome(path.name, trouble=str(error)))
            with self._turn:
                self._busy = False

    def _next(self) -> tuple[Path, Fraction] | None:
        with self._turn:
            self._turn.wait_for(lambda: self._todo or self._over)
            if self._over:
                return None
            self._busy = True
            return self._todo.popleft()


def publish(path: Path, step: Fraction) -> int:
    """Make `path` of its part, which then goes; the file appears at once and whole. How many frames it holds; without
    a single one there is no file. Raises RunError, SetupError, and the part stays."""
    import av

    part, made, torn = (Path(f"{path}{ending}") for ending in ENDINGS)
    try:
        torn.unlink(missing_ok=True)
        frames = _mux(part, made, CONTAINERS[path.suffix], step)
        if frames:
            sync(os.fspath(made))
            found = count_packets(os.fspath(made), _nobody)
            if found != frames:
                raise RunError(f"{shown(path)}: {found} of {frames} frames can be read back; see {shown(part)}")
            os.replace(made, path)
            sync(os.fspath(path.parent))
        part.unlink()
    except (RunError, SetupError):
        made.unlink(missing_ok=True)
        raise
    except (av.FFmpegError, OSError, ValueError) as error:
        made.unlink(missing_ok=True)  # on a full disk its room is needed
        raise RunError(f"{shown(path)}: cannot be written ({reason(error)}); see {shown(part)}") from error
    return frames


def _mux(part: Path, made: Path, form: str, step: Fraction) -> int:
    """All whole packets, from time 0 on. AVI has no time stamps: there each is put at the nearest nominal frame."""
    import av

    packets = _whole(part)
    first = next(packets, None)
    if first is None:
        return 0
    origin, given, last, frames = stamp(first), first.time_base, -1, 0
    base = step if form == "avi" else given
    with av.open(f"file:{made}", "w", format=form) as container:
        video = container.add_stream_from_template(first.stream, opaque=True)
        video.time_base = base
        for packet in lengthen(itertools.chain((first,), packets), step):
            last = max(last + 1, round((stamp(packet) - origin) * given / base))
            packet.duration = max(1, round((packet.duration or 0) * given / base))
            packet.pts = packet.dts = last
            packet.time_base, packet.stream = base, video
            container.mux_one(packet)
            frames += 1
    return frames


def _whole(part: Path) -> Iterator[Packet[VideoStream]]:
    """The packets of a part; none where it holds a header at most."""
    try:
        yield from read_packets(os.fspath(part), _nobody)
    except SetupError:
        if part.stat().st_size > 1 << 16:
            raise  # more than a header: something is wrong with it


def _nobody(*_: Any) -> None:
    """Of a thread nobody expects a sign of life."""
