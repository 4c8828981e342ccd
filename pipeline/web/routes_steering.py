"""The routes that steer a session while it runs: settings, workers, who is removed, rules, zones, recording."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter

from pipeline.requests import Change, Scale
from pipeline.web.choosing import choose, reset
from pipeline.web.refusal import Refused
from pipeline.web.routes_sessions import One
from pipeline.web.ruling import rule
from pipeline.web.session import PATIENCE_S
from pipeline.web.wishes import Choice, Rules, Scaling, Setting, Switch, Zones

router = APIRouter(prefix="/api/sessions/{id}", tags=["steering"])


@router.post("/set")
async def set_field(session: One, setting: Setting) -> dict[str, Any]:
    """A new value for a live field; answered when it is in force."""
    assert session.start is not None
    path = f"{setting.stage}.{setting.field}"
    if not session.start.offer.live(setting.stage, setting.field):
        raise Refused(422, f"{path}: cannot be set while it runs; GET this session lists what can")
    session.start.offer.check({path: setting.value})
    async with session.steering:
        change = Change(stage=setting.stage, field=setting.field, value=setting.value)
        done = await session.ask(change, PATIENCE_S)
    session.values[path] = done["to"]
    await session.look()
    return {"from": done["from"], "to": done["to"]}


@router.post("/scale")
async def scale(session: One, scaling: Scaling) -> dict[str, Any]:
    """From now on so many workers for a stage."""
    done = await session.ask(Scale(stage=scaling.stage, workers=scaling.workers))
    session.values[f"{scaling.stage}.workers"] = scaling.workers
    await session.look()
    return {"from": done["from"], "to": done["to"]}


@router.post("/choose")
async def choose_one(session: One, choice: Choice) -> dict[str, Any]:
    """Have the person or thing at a point of the picture removed, or kept."""
    return await choose(session, choice)


@router.post("/choose/reset")
async def choose_none(session: One) -> dict[str, Any]:
    """Forget who was chosen."""
    await reset(session)
    return session.describe()


@router.put("/rules")
async def put_rules(session: One, rules: Rules) -> list[dict[str, Any]]:
    """Who is covered with what, and who is seen; answered when it is in force. What is refused changes nothing."""
    return await rule(session, rules)


@router.put("/zones")
async def put_zones(session: One, zones: Zones) -> dict[str, Any]:
    """What is always hidden, and what is never touched."""
    assert session.start is not None
    stage = session.start.offer.steer["zones"]
    if stage is None:
        raise Refused(422, "zones: no stage of this pipeline takes any; choose another pipeline")
    wanted = zones.model_dump(mode="json")
    async with session.steering:
        for name, value in wanted.items():
            await session.ask(Change(stage=stage, field=name, value=value), PATIENCE_S)
            session.values[f"{stage}.{name}"] = value
    await session.look()
    return wanted


@router.post("/record")
async def record(session: One, switch: Switch) -> dict[str, bool]:
    """Begin or end a recording."""
    assert session.start is not None
    if session.start.wish.source.kind == "upload":
        raise Refused(422, "an upload needs no recording: its whole result is kept; see its files")
    await session.record(switch.on)
    return {"on": switch.on}
