"""Toy stages that remember: pictures in a pool, frames that come back finished, frames that come later."""

from __future__ import annotations

import itertools
import os
import signal
import time

from pipeline.frame import Frame, FrameSpec
from pipeline.stage import Transform, live
from tests.toys import picture

SHELVES = 3


class Shelves(Transform):
    """Keeps the last pictures in a pool, and writes of the one two frames ago its first byte into the mask.

    Frame `kill_at` kills its worker once (the file `once` is made), when half of a picture is on its shelf."""

    writes = ("mask",)
    stateful = True

    kill_at: int = -1
    once: str = ""

    def memory(self, spec: FrameSpec) -> dict[str, tuple[tuple[int, ...], str]]:
        return {"kept": ((), "<i8")}  # so many pictures: the last ones lie on the shelves kept - 1, kept - 2

    def pool(self, spec: FrameSpec) -> dict[str, tuple[tuple[int, ...], str]]:
        return {"pictures": ((SHELVES, spec.height, spec.width, 3), "|u1")}

    def process(self, frame: Frame) -> None:
        kept, pictures = int(frame.before["kept"][()]), frame.pool["pictures"]
        frame.mask[:] = pictures[(kept - 2) % SHELVES, 0, 0, 0] if kept >= 2 else 0
        half = len(frame.image) // 2
        pictures[kept % SHELVES, :half] = frame.image[:half]
        if frame.index == self.kill_at and not os.path.exists(self.once):
            pictures[kept % SHELVES, 0] = 255
            os.close(os.open(self.once, os.O_CREAT, 0o600))
            signal.raise_signal(signal.SIGKILL)
        pictures[kept % SHELVES, half:] = frame.image[half:]
        frame.after["kept"][()] = kept + 1


class ShelvesWithoutState(Shelves):
    stateful = False


class ShelvesOfOneName(Shelves):
    def memory(self, spec: FrameSpec) -> dict[str, tuple[tuple[int, ...], str]]:
        return super().memory(spec) | {"pictures": ((1,), "<i8")}


def inverted(frame: Frame) -> bool:
    """Whether a finished frame is whole, and as Invert left it."""
    shape = frame.image.shape[:2]
    whole = (frame.image == picture(frame.index, *shape)).all() and frame.pts == frame.index
    return bool(whole and (frame.clean == 255 - frame.image).all())


class Learn(Transform):
    """Adds up the numbers of the finished frames that it has seen, each plus one, and writes the sum into the mask."""

    reads = ("image",)
    writes = ("mask",)
    recalls = ("clean",)
    stateful = True

    lag: int = 3

    def memory(self, spec: FrameSpec) -> dict[str, tuple[tuple[int, ...], str]]:
        return {"sum": ((), "<i8"), "sums": ((1000,), "<i8")}

    def process(self, frame: Frame) -> None:
        done, now, seen = frame.finished, frame.after, 0
        if done is not None:
            assert done.index == frame.index - self.lag
            assert inverted(done)
            assert (done.mask == frame.before["sums"][done.index] % 251).all(), "its own plane, as it left it"
            assert not any(plane.flags.writeable for plane in done.planes.values())
            seen = done.index + 1
        now["sum"][()] = frame.before["sum"] + seen
        now["sums"][:] = frame.before["sums"]
        now["sums"][frame.index] = now["sum"]
        frame.mask[:] = int(now["sum"][()]) % 251


class LearnLive(Learn):
    """Writes 1 into the mask where it was lent a finished frame: always whole, always a newer one, else 0."""

    def process(self, frame: Frame) -> None:
        done, last = frame.finished, int(frame.before["sum"][()])
        frame.after["sum"][()] = last if done is None else done.index
        if done is not None:
            assert last < done.index < frame.index or last == done.index == 0
            assert inverted(done)
        frame.mask[:] = done is not None


class Ahead(Transform):
    """Writes into the mask how many later frames it sees; they must be those that follow."""

    writes = ("mask",)
    looks_ahead = True
    stateful = True

    skips: int = 0  # numbers that may be missing between them

    def process(self, frame: Frame) -> None:
        numbers = [frame.index, *(one.index for one in frame.later)]
        gaps = [two - one for one, two in itertools.pairwise(numbers)]
        assert all(1 <= gap <= 1 + self.skips for gap in gaps), numbers
        for one in frame.later:
            assert set(one.planes) == {"image"}
            assert one.pts == one.index
            assert (one.image == picture(one.index, *one.image.shape[:2])).all()
        frame.mask[:] = len(frame.later)


class Slow(Transform):
    """Holds everybody up for a moment."""

    writes = ("rest",)

    def process(self, frame: Frame) -> None:
        time.sleep(0.004)


class LearnAhead(Learn):
    """Both: the same sum, and each frame with as many later ones as there are."""

    looks_ahead = True

    later: int = 2
    count: int = 60

    def process(self, frame: Frame) -> None:
        assert len(frame.later) == min(self.later, self.count - 1 - frame.index)
        assert all((one.image == picture(one.index, *one.image.shape[:2])).all() for one in frame.later)
        super().process(frame)


class LearnMore(Learn):
    recalls = ("clean", "rest")


class LearnLively(Learn):
    lag: int = live(default=3)


class AheadWithoutState(Ahead):
    stateful = False


class RestAhead(Slow):
    """Looks ahead between a stage that learns and the one that it learns from."""

    looks_ahead = True
    stateful = True
