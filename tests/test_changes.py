"""Changes of live fields when workers come, hang, refuse and die meanwhile: all have the new value, or none."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import yaml

from pipeline.changes import Changes
from pipeline.config import load_config
from pipeline.crew import Crew, Member, State
from pipeline.errors import ConfigError
from pipeline.ledger import Ledger, StageRule
from pipeline.messages import Anything, Changed, Set
from pipeline.runlog import RunLog
from tests.runs import toy
from tests.toys_live import Dye

DYE = 1


class Play:
    """A stage `dye` whose workers do only what a test tells them."""

    def __init__(self, folder: Path) -> None:
        path = folder / "toy.yaml"
        middle = {"name": "dye", "uses": "tests.toys_live:Dye"}, {"name": "invert", "uses": "tests.toys:Invert"}
        path.write_text(yaml.safe_dump(toy(folder, *middle)))
        plan = load_config(str(path))
        self.ledger = Ledger([StageRule(built.name) for built in plan.stages], 5)
        self.crew = Crew(plan.stages, "ipc:///nowhere", RunLog())
        self.told: list[tuple[int, Set]] = []
        self.answers: list[tuple[str, Mapping[str, Any]]] = []
        self.changes = Changes(plan, self.ledger, self.crew, self)  # type: ignore[arg-type]

    def send(self, member: Member, message: Anything) -> None:
        """As the traffic does."""
        assert isinstance(message, Set)
        self.told.append((member.incarnation, message))

    def join(self, incarnation: int, state: State = "ready") -> Member:
        process: Any = SimpleNamespace(kill_sent=False)
        process.kill = lambda: setattr(process, "kill_sent", True)
        member = Member(DYE, 0, incarnation, b"%d" % incarnation, process, 0.0, state)
        self.crew.members[incarnation] = member
        if state == "ready":
            self.ready(member)
        return member

    def ready(self, member: Member) -> None:
        member.state = "ready"
        self.changes.catch_up(member)
        self.ledger.joined(DYE, member.incarnation)

    def die(self, member: Member) -> None:
        del self.crew.members[member.incarnation]
        self.ledger.died(member.incarnation)
        self.changes.advance()

    def wish(self, level: int) -> None:
        self.changes.wish(DYE, "level", level, lambda refusal, former: self.answers.append((refusal, former)))
        self.changes.advance()

    def answer(self, member: Member, error: str = "") -> None:
        """To what it was told last."""
        revision = [message.revision for who, message in self.told if who == member.incarnation][-1]
        self.changes.heard(member, Changed(revision=revision, error=error))
        self.changes.advance()

    @property
    def level(self) -> Any:
        return self.changes.options[DYE].get("level", 1)

    @property
    def held_up(self) -> bool:
        return bool(self.ledger.posts[DYE].holds)


@pytest.fixture
def play(tmp_path: Path) -> Play:
    return Play(tmp_path)


def test_a_worker_that_hangs_over_a_change_and_cannot_be_killed_holds_up_nobody(play: Play) -> None:
    first, second = play.join(1), play.join(2)
    play.wish(7)
    play.answer(first)
    assert play.held_up
    second.state = "undead"
    play.changes.advance()
    assert (play.answers, play.level, play.held_up) == ([("", {"level": 1})], 7, False)


def test_a_successor_born_while_others_are_asked_never_begins_with_what_they_refuse(play: Play) -> None:
    first, born = play.join(1), play.join(2, "setup")
    play.wish(7)
    assert play.level == 1, "nobody has tried it yet"
    play.ready(born)
    play.answer(first, "nobody likes it")
    assert [who for who, _ in play.told] == [1, 1, 2], "what was refused is undone"
    play.answer(first)
    play.answer(born)
    assert (play.answers[0][0], play.level, play.held_up) == ("nobody likes it", 1, False)


def test_who_was_set_up_while_others_were_asked_is_told_in_the_end(play: Play) -> None:
    first, born = play.join(1), play.join(2, "setup")
    play.wish(7)
    play.ready(born)
    play.answer(first)
    assert [(who, message.values) for who, message in play.told] == [(1, {"level": 7}), (2, {"level": 7})]
    assert born.revision == first.revision == play.changes.revisions[DYE]


def test_a_change_waits_for_a_worker_that_can_try_it(play: Play) -> None:
    loading = play.join(1, "setup")
    play.wish(7)
    assert (play.told, play.answers) == ([], [])
    play.ready(loading)
    play.changes.advance()
    play.answer(loading)
    assert (play.answers, play.level) == ([("", {"level": 1})], 7)


def test_a_value_over_which_the_only_worker_dies_is_refused(play: Play) -> None:
    only = play.join(1)
    play.wish(7)
    play.die(only)
    assert (play.answers[0][0], play.level, play.held_up) == ("no worker has taken it over", 1, False)


def test_who_cannot_go_back_is_ended_and_no_frame_is_granted_to_it_before_its_end(play: Play) -> None:
    first, second = play.join(1), play.join(2)
    play.wish(7)
    play.answer(first)
    play.answer(second, "nobody likes it")
    play.answer(first, "there is no way back")
    assert first.process.kill_sent
    assert play.ledger.posts[DYE].leaving == {1}


def test_each_of_several_changes_tells_the_value_that_it_replaced(play: Play) -> None:
    only = play.join(1)
    play.wish(7)
    play.wish(9)
    play.answer(only)
    play.changes.advance()
    play.answer(only)
    assert play.answers == [("", {"level": 1}), ("", {"level": 7})]


def test_what_still_waits_at_the_end_of_a_run_is_answered(play: Play) -> None:
    play.join(1)
    play.wish(7)
    play.wish(9)
    play.changes.abandon()
    assert [refusal for refusal, _ in play.answers] == ["the run has come to its end"] * 2
    assert not play.held_up


def test_a_validator_that_breaks_ends_no_run(play: Play, monkeypatch: pytest.MonkeyPatch) -> None:
    only = play.join(1)
    monkeypatch.setattr(Dye, "model_validate", {}.__getitem__)
    with pytest.raises(ConfigError, match=r"dye\.level: it cannot be checked \((KeyError|TypeError)\)"):
        play.wish(7)
    assert not play.held_up
    assert only.state == "ready"
