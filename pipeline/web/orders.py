"""Orders: what a session's own process is told, and the pipeline that it makes of a configuration by them."""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from pipeline.errors import ConfigError
from pipeline.reading import close_match

SINK = "stages.output:Auto"
BESIDE = ("subtitles", "data", "attachments", "chapters", "metadata")  # what a file may hold beside sound and pictures
KEPT_OF_SINK = ("codec", "hardware", "pixels", "profile", "crf", "preset", "audio", "quality", *BESIDE)
"""What a configuration says of its own sink that holds for the files of a session as well."""
LOGS = "log"
"""The field that names a folder of this machine in which a stage keeps a log: in a session it keeps none."""


class Outlet(BaseModel):
    """One sink of a session: its name, its address, and further fields of it."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str
    output: str
    fields: dict[str, Any] = {}
    as_configured: bool = False  # with what the configuration says of codec and sound


class Orders(BaseModel):
    """Sent by the web process on the child's stdin, in one line; the child's events follow on its stdout."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    parent: int = Field(description="the process with which it ends")
    name: str = Field(description="of the run")
    pipeline: str = Field(description="the name of a shipped configuration, or a path")
    input: str = Field(repr=False)
    settings: dict[str, Any] = Field(default={}, description="STAGE.FIELD: value")
    outlets: tuple[Outlet, ...]
    folder: str = Field(description="a private one, for what is only needed for a moment")
    report: str


def assembled(raw: Mapping[str, Any], settings: Mapping[str, Any], outlets: Sequence[Outlet]) -> dict[str, Any]:
    """A configuration with these settings, and with these sinks in the place of its own.

    What led to its last sink stays; further branches go with the sinks they led to. Raises ConfigError."""
    made = copy.deepcopy(dict(raw))
    listed = made.get("stages")
    if not isinstance(listed, list) or not all(isinstance(stage, dict) for stage in listed) or len(listed) < 2:
        return made  # whatever is wrong with it is said where it is checked
    for at, stage in enumerate(listed):
        if at:
            stage.setdefault("after", listed[at - 1].get("name"))
    last = listed[-1]
    by_name = {str(stage.get("name")): stage for stage in listed}
    chain: list[dict[str, Any]] = []
    above = last.get("after")
    while above in by_name and by_name[above] not in chain:
        chain.insert(0, by_name[above])
        above = by_name[above].get("after")
    for stage in chain:
        if LOGS in (stage.get("with") or {}):
            stage["with"][LOGS] = None
    own = (last.get("with") or {}) if last.get("uses") == SINK else {}
    if made.get("fail") == "closed":  # where it says nothing, what tells who, where and when stays behind
        own = {**dict.fromkeys(BESIDE, "drop"), **own}
    sinks = [_sink(outlet, own, str(last.get("after"))) for outlet in outlets]
    made["stages"] = [*chain, *sinks]
    _set(made["stages"], settings, str(last.get("name")))
    return made


def _sink(outlet: Outlet, own: Mapping[str, Any], after: str) -> dict[str, Any]:
    kept = {name: own[name] for name in KEPT_OF_SINK if name in own} if outlet.as_configured else {}
    return {
        "name": outlet.name,
        "uses": SINK,
        "after": after,
        "with": {**kept, **outlet.fields, "output": outlet.output},
    }


def _set(stages: Sequence[dict[str, Any]], settings: Mapping[str, Any], last: str) -> None:
    """Put values into them. What is for the configuration's last sink goes to the one that stands for it, if any."""
    by_name = {str(stage["name"]): stage for stage in stages}
    for path, value in settings.items():
        name, _, field = path.partition(".")
        if name == last and name not in by_name:
            continue
        if name not in by_name:
            raise ConfigError(f"{path}: there is no stage {name!r}{close_match(name, by_name)}")
        if field == "workers":
            by_name[name]["workers"] = value
        else:
            by_name[name]["with"] = {**(by_name[name].get("with") or {}), field: value}
