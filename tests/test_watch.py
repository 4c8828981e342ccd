"""What follows from deaths: who is replaced, who is done without, and when the run ends."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from pipeline.books import Books
from pipeline.config import load_config
from pipeline.crew import Crew, Member, State
from pipeline.ledger import Ledger, StageRule
from pipeline.process import LONGEST_DEATH
from pipeline.runlog import RunLog
from pipeline.steering import Steering
from pipeline.watch import SETUP_FAILED, Watch
from tests.runs import toy

MIDDLE = 1


class Body:
    """A process that ended, or does not end, as a test wants."""

    pid, pidfd, kill_sent, code = 7, 7, False, 0

    def kill(self) -> None:
        self.kill_sent = True

    def bury(self) -> int:
        return self.code


class Play:
    """Watches over the workers of the first stage behind the source: none is really started, nothing really told."""

    def __init__(self, folder: Path, *middle: dict[str, Any]) -> None:
        path = folder / "toy.yaml"
        path.write_text(yaml.safe_dump(toy(folder, *middle)))
        plan = load_config(str(path))
        self.ledger = Ledger([StageRule(built.name) for built in plan.stages], plan.slots)
        log = RunLog()
        self.crew = Crew(plan.stages, "ipc:///nowhere", log)
        self.books = Books(plan, log)
        self.ends: list[tuple[int, str]] = []
        nowhere: Any = self
        steering = Steering(plan, self.ledger, self.crew, nowhere, self.books, nowhere)
        self.watch = Watch(
            plan, self.ledger, self.crew, self.books, nowhere, lambda *end: self.ends.append(end), steering.scale
        )

    def send(self, member: Member, message: Any) -> None:
        """As the traffic does."""

    def remove(self, fd: int) -> None:
        """As the wait does."""

    def join(self, number: int, state: State = "ready") -> Member:
        body: Any = Body()
        incarnation = 10 + number
        member = Member(MIDDLE, number, incarnation, b"%d" % incarnation, body, 0.0, state)
        self.crew.members[incarnation] = self.crew.by_identity[member.identity] = member
        if state == "ready":
            self.ledger.joined(MIDDLE, incarnation)
        return member

    def die(self, member: Member, code: int) -> None:
        member.process.code = code  # type: ignore[attr-defined]
        self.watch.mourn(member, 0.0, needed=True)

    @property
    def staying(self) -> list[int]:
        return [member.number for member in self.crew.of(MIDDLE) if member.state == "ready"]


@pytest.fixture
def play(tmp_path: Path) -> Play:
    return Play(tmp_path)


def test_where_one_more_cannot_be_set_up_as_many_work_as_are_said_to(play: Play) -> None:
    play.crew.scale(MIDDLE, 4, 0.0)
    for number in (0, 1, 3):
        play.join(number)
    failing = play.join(2, "setup")
    play.die(failing, SETUP_FAILED)
    assert play.crew.wanted[MIDDLE] == 3
    assert play.staying == [0, 1], "another try for 2, in the place of 3"
    play.die(play.join(2, "setup"), SETUP_FAILED)
    assert (play.crew.wanted[MIDDLE], play.staying, play.ends) == (2, [0, 1], [])


def test_one_more_that_the_system_kills_again_and_again_ends_no_run_in_which_others_work(play: Play) -> None:
    play.crew.scale(MIDDLE, 2, 0.0)
    play.join(0)
    for _ in range(4):
        play.die(play.join(1, "setup"), -9)
    assert (play.crew.wanted[MIDDLE], play.staying, play.ends) == (1, [0], [])


def test_the_only_one_that_is_killed_again_and_again_ends_the_run(play: Play) -> None:
    play.crew.scale(MIDDLE, 1, 0.0)
    for _ in range(4):
        play.die(play.join(0, "setup"), -9)
    assert [code for code, _ in play.ends] == [4]


def test_who_is_silent_is_granted_no_more_frames_while_it_dies(play: Play) -> None:
    silent = play.join(0)
    play.crew.scale(MIDDLE, 1, 0.0)
    play.watch.look_after(silent.deadline + 0.1)
    assert silent.process.kill_sent
    assert play.ledger.posts[MIDDLE].idle() is None


def test_who_is_not_missed_need_not_die(tmp_path: Path) -> None:
    """A stage with lasting memory, given up after an interrupt: its frames go out blank, and the file is finished."""
    play = Play(tmp_path, {"name": "sum", "uses": "tests.toys:Sum"}, {"name": "invert", "uses": "tests.toys:Invert"})
    given_up = play.join(0, "done")
    given_up.process.kill()
    play.watch.look_after(0.0)
    play.watch.look_after(LONGEST_DEATH + 0.1)
    assert (given_up.state, play.ends) == ("undead", [])
