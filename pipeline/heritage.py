"""Heritage: what a run leaves to the next one of its process: the control socket, and workers with what they loaded."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from pipeline.control import ControlServer
from pipeline.process import Process

ABLE = ("ready", "done")  # states of workers that hold no frame


@dataclass(frozen=True)
class Heir:
    """A worker without a run: who it was, and how many threads it was given."""

    stage: str
    uses: str
    number: int
    threads: int
    identity: bytes
    process: Process


class Heritage:
    """A run's own, which ends with it, or with `lasting` one for a row of runs, one at a time: then workers are handed
    on. Each is set up again by its next run: a stage of which nothing is kept is made anew."""

    def __init__(self, folder: Path, *, lasting: bool = False) -> None:
        self.server = ControlServer(folder)
        self.lasting = lasting
        self._heirs: list[Heir] = []

    def keep(self, heir: Heir, state: str) -> bool:
        """Take over a worker of a run that has ended well; False where it is to end."""
        if not self.lasting or state not in ABLE or heir.process.kill_sent or heir.process.dead:
            return False
        self._heirs.append(heir)
        return True

    def take(self, stage: str, uses: str, number: int, threads: int) -> Heir | None:
        """A worker that is as one that would be started, and lives."""
        for heir in self._heirs:
            if (heir.stage, heir.uses, heir.number, heir.threads) == (stage, uses, number, threads):
                self._heirs.remove(heir)
                if not heir.process.dead:
                    return heir
                heir.process.bury()
                return None
        return None

    def release(self) -> None:
        """A run has ended: what nobody can take over ends too."""
        if not self.lasting:
            self.server.close()

    def close(self) -> None:
        """End every worker that is left."""
        for heir in self._heirs:
            heir.process.kill()
        for heir in self._heirs:
            heir.process.bury()
        self._heirs.clear()
        self.lasting = False
        self.release()
