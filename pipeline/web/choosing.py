"""Choosing: whom a click means, and having that one removed or kept."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from pipeline.requests import Change, Status
from pipeline.web.refusal import Refused
from pipeline.web.session import PATIENCE_S, Session
from pipeline.web.wishes import Choice

MOST = 256  # numbers that a stage takes in a list
NEAR = 0.02  # of the picture: a click so far beside a box still means it


def hit(objects: Sequence[Mapping[str, Any]], x: float, y: float) -> Mapping[str, Any] | None:
    """The smallest object whose box holds the point; else the nearest one that it hardly misses."""
    known = [one for one in objects if one["track"] >= 0]
    inside = [one for one in known if _distance(one["box"], x, y) == 0]
    if inside:
        return min(inside, key=lambda one: _area(one["box"]))
    near = [one for one in known if _distance(one["box"], x, y) <= NEAR]
    return min(near, key=lambda one: _distance(one["box"], x, y), default=None)


async def choose(session: Session, choice: Choice) -> dict[str, Any]:
    """Have it removed or kept. Raises Refused (422)."""
    stage = _stage(session)
    latest = session.hub.latest
    objects = latest.head.get("objects", []) if latest else []
    meant = hit(objects, choice.x, choice.y)
    if meant is None:
        raise Refused(422, "nothing that is known stands there; click on a person or thing that has a box")
    async with session.steering:
        live = await _live(session, stage)
        field = "kept" if live["remove"] == "all" else "chosen"
        former = list(live[field])
        removed = (meant["track"] in former) == (field == "chosen")
        wanted = {"remove": True, "keep": False, "toggle": not removed}[choice.do]
        others = _still_known([track for track in former if track != meant["track"]], objects)
        listed = wanted == (field == "chosen")
        await _change(session, stage, field, [*others, meant["track"]] if listed else others)
    await session.look()
    return {"track": meant["track"], "class": meant["name"], "state": "removed" if wanted else "kept"}


async def reset(session: Session) -> None:
    """Nobody is chosen any more. Raises Refused."""
    stage = _stage(session)
    async with session.steering:
        for field in ("kept", "chosen"):
            await _change(session, stage, field, [])
    await session.look()


def _still_known(tracks: Sequence[int], objects: Sequence[Mapping[str, Any]]) -> list[int]:
    """Where there are too many, those who have been out of sight for longest are left out: room for one is needed."""
    seen = {one["track"] for one in objects}
    gone = [track for track in tracks if track not in seen]
    left_out = set(gone[: max(0, len(tracks) - MOST + 1)])
    return [track for track in tracks if track not in left_out]


def _stage(session: Session) -> str:
    assert session.start is not None
    stage = session.start.offer.steer["choose"]
    if session.start.offer.privacy:  # who is seen is said in one place only
        raise Refused(422, "this pipeline protects everybody but whom a rule lets be seen: PUT rules")
    if stage is None:
        raise Refused(422, "nobody can be chosen in this pipeline; take one with a tracking stage")
    return stage


async def _live(session: Session, stage: str) -> dict[str, Any]:
    status = await session.ask(Status())
    live: dict[str, Any] = status["stages"][stage]["live"]
    return live


async def _change(session: Session, stage: str, field: str, tracks: list[int]) -> None:
    await session.ask(Change(stage=stage, field=field, value=tracks), PATIENCE_S)


def _distance(box: Sequence[float], x: float, y: float) -> float:
    """From a point to a box; 0 inside."""
    left, top, right, bottom = box
    aside, above = max(left - x, x - right, 0.0), max(top - y, y - bottom, 0.0)
    return float((aside**2 + above**2) ** 0.5)


def _area(box: Sequence[float]) -> float:
    left, top, right, bottom = box
    return float((right - left) * (bottom - top))
