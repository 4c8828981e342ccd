"""Present: what is known of a session's run at this moment, and what that is called."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from pipeline.web.refusal import presentable
from pipeline.web.spawned import End
from pipeline.web.stats import Statistics

LASTING = ("running", "reconnecting", "waiting", "paused")
SOURCE = ("reconnecting", "waiting")  # what a source says of itself


@dataclass
class Present:
    """`began`: on the loop's clock, in seconds; `name`: of the run, which is nobody's business."""

    name: str
    began: float
    stopping: bool = False
    why: str | None = None  # it was this server that ended it
    recording: bool = False
    end: End | None = None
    statistics: Statistics = field(default_factory=Statistics)

    @property
    def state(self) -> str:
        """starting, running, reconnecting, waiting, paused, stopping, ended or failed."""
        if self.end is not None:
            return "ended" if self._ended_well(self.end) else "failed"
        newest = self.statistics.newest
        if self.stopping or (newest is not None and newest["phase"] == "finishing"):
            return "stopping"
        source = next((str(stage["state"]) for stage in newest["stages"].values()), "") if newest else ""
        said = next((word for word in SOURCE if source.startswith(word)), "")
        if newest is None or newest["phase"] == "starting":
            return said if said == "waiting" else "starting"
        return "paused" if newest["phase"] == "paused" else said or "running"

    def _ended_well(self, end: End) -> bool:
        """By itself, or because it was asked to: not by force, and not for want of anything."""
        return end.code == 0 or end.code > 128 or (self.stopping and end.code >= 0)

    @property
    def error(self) -> str | None:
        """Why it failed, or was ended by this server."""
        if self.why is not None or self.end is None or self.state == "ended":
            return self.why
        said = self.end.error or f"it ended with exit code {self.end.code}; its log and its report say more"
        return presentable(said.replace(f"{self.name}: ", ""))

    def live(self, stage: str | None) -> Mapping[str, Any]:
        """The live fields of a stage with their values, as far as they are known."""
        found: Mapping[str, Any] = self._stages.get(stage or "", {}).get("live", {})
        return found

    def values(self) -> dict[str, Any]:
        """The same of all stages, and how many workers each has, as STAGE.FIELD."""
        made: dict[str, Any] = {}
        for name, stage in self._stages.items():
            made |= {f"{name}.{field}": value for field, value in stage["live"].items()}
            made[f"{name}.workers"] = stage["wanted"]
        return made

    @property
    def _stages(self) -> Mapping[str, Any]:
        newest = self.statistics.newest
        return newest["stages"] if newest is not None else {}
