"""Closed: what the sinks of a pipeline that fails closed may see: the result, and what holds no picture."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

from pipeline.errors import ConfigError
from pipeline.frame import STANDARD_PLANES, Plane
from pipeline.plan import BuiltStage
from pipeline.stage import Sink

RESULT = "clean"


def closing(label: str, stages: Sequence[BuiltStage]) -> Iterator[BuiltStage]:
    """The stages, the sinks without what they only may read and shall not. They are never handed the descriptor of
    such a plane: what they cannot read they cannot show. Raises ConfigError where one needs it."""
    described: dict[str, Plane] = dict(STANDARD_PLANES)
    for built in stages:
        described.update(built.stage.planes)
    if RESULT in stages[0].stage.writes:
        raise ConfigError(
            f"{label}: fail: closed, but stages.{stages[0].name} writes {RESULT!r}, which no stage vouches for"
        )
    for built in stages:
        if not isinstance(built.stage, Sink):
            yield built
            continue
        for plane in built.stage.reads:
            if not _may_be_shown(described[plane]):
                raise ConfigError(
                    f"{label}: stages.{built.name} shows the plane {plane!r}, which with fail: closed nobody sees;"
                    f" let it show {RESULT!r} alone"
                )
        yield replace(built, extra=tuple(plane for plane in built.extra if _may_be_shown(described[plane])))


def _may_be_shown(plane: Plane) -> bool:
    return plane.name == RESULT or plane.kind in ("objects", "value")
