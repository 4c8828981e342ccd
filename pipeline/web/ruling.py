"""Ruling: who is covered with what and who is seen, as a list of rules that a run takes whole, or not at all."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from pipeline.requests import Change, Status
from pipeline.web.refusal import Refused
from pipeline.web.session import PATIENCE_S, Session
from pipeline.web.wishes import Rule, Rules

Plain = dict[str, Any]


async def rule(session: Session, wanted: Rules) -> list[Plain]:
    """Have these rules hold in the place of the former ones; returned when they do. What is refused, here or by the
    run, changes nothing. Raises Refused: 409, 422."""
    assert session.start is not None
    offer = session.start.offer
    stage, told = offer.steer["rules"], offer.told["rules"]
    if stage is None or told is None:
        raise Refused(422, "rules: no stage of this pipeline takes any; take one with a tracking stage")
    for number, one in enumerate(wanted.rules, 1):
        if one.do != "keep" and one.do not in told["effects"]:
            able = ", ".join(["keep", *told["effects"]])
            raise Refused(422, f"rule {number}: this pipeline cannot {one.do!r}; it can {able}")
    async with session.steering:
        if wanted.former is not None:
            status = await session.ask(Status())
            present = status["stages"][stage]["live"]["rules"]
            if plain(wanted.former) != plain([Rule.model_validate(one) for one in present]):
                raise Refused(409, "the rules have been changed meanwhile; look at them again")
        done = await session.ask(Change(stage=stage, field="rules", value=plain(wanted.rules)), PATIENCE_S)
        session.values[f"{stage}.rules"] = done["to"]
    await session.look()
    return list(done["to"])


def plain(rules: Sequence[Rule]) -> list[Plain]:
    """As a run takes them, and a configuration holds them: conditions that are not given are not there."""
    return [one.model_dump(mode="json", by_alias=True, exclude_none=True) for one in rules]


def lasting(rules: Sequence[Mapping[str, Any]], *, same_source: bool) -> list[Mapping[str, Any]]:
    """Those that mean in a further run what they meant before: numbers of tracks are given anew, and whoever stood
    somewhere in one place is not who stands there in another; to cover too many does no harm."""
    known = [one for one in rules if not (one.get("when") or {}).get("track")]
    return known if same_source else [one for one in known if one["do"] != "keep"]
