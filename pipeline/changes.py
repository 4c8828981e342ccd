"""Changes: new values for live fields of a stage, taken over between two frames by all of its workers, or by none.

The stage is granted nothing for a moment; when nobody holds a frame of it, each worker is told, and when all have
answered it goes on: every frame is done with the old values or with the new ones, and all later ones with the new.
What no worker has taken over is no option of the stage yet: whoever is set up meanwhile begins with the old values.
"""

from __future__ import annotations

import itertools
import json
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from pydantic import ValidationError

from pipeline.config import MAX_OPTIONS, Plan
from pipeline.crew import Crew, Member
from pipeline.errors import ConfigError
from pipeline.ledger import Ledger
from pipeline.messages import Changed, Set
from pipeline.reading import close_match, explain
from pipeline.traffic import Traffic

MOST = 20  # changes that wait


@dataclass
class Wish:
    """One change, from its request to its answer."""

    stage: int
    values: Mapping[str, Any]
    answer: Callable[[str, Mapping[str, Any]], None]  # gets the reason of a refusal, or nothing; and the former values
    former: dict[str, Any] = field(default_factory=dict)
    revision: int = 0  # with which its workers were told
    told: set[int] = field(default_factory=set)  # incarnations that have not answered
    begun: bool = False
    taken: bool = False  # by one worker at least
    undoing: bool = False
    refusal: str = ""


class Changes:
    """The live settings of all stages, and the changes under way. One at a time: they are rare."""

    def __init__(self, plan: Plan, ledger: Ledger, crew: Crew, traffic: Traffic) -> None:
        self.options = [dict(built.options) for built in plan.stages]
        self.revisions = [0] * len(plan.stages)
        self._plan = plan
        self._ledger = ledger
        self._crew = crew
        self._traffic = traffic
        self._wishes: deque[Wish] = deque()
        self._numbers = itertools.count(1)

    def live(self, stage: int) -> dict[str, Any]:
        """The fields of a stage that can be set now, with their values."""
        cls = type(self._plan.stages[stage].stage)
        made = cls.model_validate(self.options[stage])
        return {name: getattr(made, name) for name in cls.live_fields()}

    def wish(self, stage: int, name: str, value: Any, answer: Callable[[str, Mapping[str, Any]], None]) -> None:
        """Ask for a change; `answer` is called when it is done or refused. Raises ConfigError for what cannot be."""
        built = self._plan.stages[stage]
        cls = type(built.stage)
        if name not in cls.live_fields():
            known = cls.live_fields()
            why = "cannot be changed while it runs" if name in cls.model_fields else "there is no such field"
            listed = f" (what can: {', '.join(known)})" if known else ""
            raise ConfigError(f"{built.name}.{name}: {why}{close_match(name, known)}{listed}")
        options = {**self.options[stage], name: value}
        try:
            cls.model_validate(options)
        except ValidationError as error:
            raise ConfigError(f"{built.name}: {explain(error, cls, options)}") from error
        except Exception as error:  # a validator of its author's broke: that must not end the run
            raise ConfigError(f"{built.name}.{name}: it cannot be checked ({type(error).__name__})") from error
        if len(json.dumps(options, default=str)) > MAX_OPTIONS:  # a successor could not be told
            raise ConfigError(f"{built.name}.{name}: with it its options are more than {MAX_OPTIONS} bytes")
        if len(self._wishes) >= MOST:
            raise ConfigError(f"{MOST} changes are waiting already")
        self._wishes.append(Wish(stage, {name: value}, answer))
        if len(self._wishes) == 1:
            self._ledger.hold(stage)

    def advance(self) -> None:
        """Tell the workers as soon as nobody holds a frame; conclude as soon as all have answered.

        Where nobody works just now, the first one that comes is waited for: what nobody has tried is no good value."""
        if not self._wishes:
            return
        wish = self._wishes[0]
        if not wish.begun and self._ledger.at_rest(wish.stage) and not self._crew.awaits(wish.stage):
            wish.begun = True
            made = self.live(wish.stage)
            wish.former = {name: made[name] for name in wish.values}
            self._tell(wish, wish.values)
        members = self._crew.members  # the dead do not answer, nor who cannot die
        wish.told = {one for one in wish.told if one in members and members[one].state != "undead"}
        if wish.begun and not wish.told:
            self._conclude(wish)

    def heard(self, member: Member, answer: Changed) -> None:
        """A worker has taken over new values, or refused them."""
        wish = self._wishes[0] if self._wishes else None
        if wish is None or member.incarnation not in wish.told or answer.revision != wish.revision:
            if answer.error:
                self._end(member)
            return
        wish.told.discard(member.incarnation)
        if not answer.error:
            wish.taken = True
            member.revision = self.revisions[wish.stage] if wish.undoing else answer.revision
        elif wish.undoing:
            self._end(member)
        else:
            wish.refusal = answer.error

    def catch_up(self, member: Member) -> None:
        """Tell a worker that has just been set up what has changed since it was started."""
        if member.revision != self.revisions[member.stage]:
            member.revision = self.revisions[member.stage]
            self._traffic.send(member, Set(revision=member.revision, values=self.live(member.stage)))

    def abandon(self) -> None:
        """The run has ended: nothing that still waits will be done."""
        if self._wishes:
            self._ledger.release(self._wishes[0].stage)
        while self._wishes:
            wish = self._wishes.popleft()
            wish.answer("the run has come to its end", wish.former)

    # Inside

    def _tell(self, wish: Wish, values: Mapping[str, Any]) -> None:
        wish.revision = next(self._numbers)
        message = Set(revision=wish.revision, values=dict(values))
        for member in self._crew.of(wish.stage):
            if member.state == "ready" and not member.process.kill_sent:
                wish.told.add(member.incarnation)
                self._traffic.send(member, message)

    def _conclude(self, wish: Wish) -> None:
        if not wish.taken and not wish.refusal:
            wish.refusal = "no worker has taken it over"
        if wish.refusal and not wish.undoing:
            wish.undoing = True
            self._tell(wish, wish.former)
            if wish.told:
                return
        if not wish.refusal:
            self.options[wish.stage].update(wish.values)
            self.revisions[wish.stage] = wish.revision
        self._wishes.popleft()
        self._ledger.release(wish.stage)
        if self._wishes:
            self._ledger.hold(self._wishes[0].stage)
        for member in self._crew.of(wish.stage):
            if member.state == "ready":  # it has come while the others were asked
                self.catch_up(member)
        wish.answer(wish.refusal, wish.former)

    def _end(self, member: Member) -> None:
        """It works with values that hold no more; its successor will not. No frame is to be blamed for its death."""
        self._ledger.leave(member.incarnation)
        member.process.kill()
