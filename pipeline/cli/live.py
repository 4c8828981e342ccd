"""A run that goes on, as the commands ask it: found by its name, and answered over its own socket."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from pipeline.errors import ConfigError
from pipeline.instances import Instance, running
from pipeline.masking import masked
from pipeline.plan import MOST_WORKERS
from pipeline.reading import close_match, escaped

if TYPE_CHECKING:
    from pipeline.requests import Request


def find(name: str) -> Instance:
    """The run of this name. Raises ConfigError."""
    found = {instance.name: instance for instance in running()}
    if name not in found:
        raise ConfigError(f"no run called {name!r}{close_match(name, found)}; see `cleanplate ps`")
    return found[name]


def ask(name: str, request: Request, timeout_s: float = 5.0) -> dict[str, Any]:
    """What the run answers. Raises ConfigError where it is none, or refuses; RunError where it does not answer."""
    from pipeline import admin

    return admin.ask(name, request, timeout_s)


def status(name: str, timeout_s: float = 5.0) -> dict[str, Any]:
    """How the run is (see pipeline.requests.Status). Raises ConfigError, RunError."""
    from pipeline.requests import Status

    return ask(name, Status(), timeout_s)


def stage_of(answer: Mapping[str, Any], name: str) -> dict[str, Any]:
    """What a status says of one stage. Raises ConfigError."""
    stages: dict[str, dict[str, Any]] = answer["stages"]
    if name not in stages:
        raise ConfigError(f"{answer['name']} has no stage {name!r}{close_match(name, stages)}")
    return stages[name]


def finished(answer: Mapping[str, Any]) -> int:
    """Frames that are out, blank or not."""
    frames = answer["frames"]
    return int(frames["output"] + frames["blanked"])


def dropped(answer: Mapping[str, Any]) -> int:
    return int(sum(answer["frames"]["dropped"].values()))


def scale(name: str, stage: str, workers: int) -> str:
    """Have a stage get so many workers; what became of it in one line. Raises ConfigError, RunError."""
    from pipeline.requests import Scale

    done = ask(name, Scale(stage=stage, workers=workers))
    return f"{stage}: {done['from']} -> {done['to']} {'worker' if workers == 1 else 'workers'}"


def scale_by(name: str, stage: str, by: int) -> str:
    """Have a stage get so many workers more than it has now. Raises ConfigError, RunError."""
    told = stage_of(status(name), stage)
    if by > 0 and not told["scalable"]:
        raise ConfigError(f"{stage}: keeps state, so it has one worker")
    if not 1 <= told["wanted"] + by <= MOST_WORKERS:
        raise ConfigError(f"{stage}: has {told['wanted']}; 1 to {MOST_WORKERS} are possible")
    return scale(name, stage, told["wanted"] + by)


def pause(name: str) -> str:
    """Have a run bring in no more frames until `resume`; in one line. Raises ConfigError, RunError."""
    from pipeline.requests import Pause

    return f"{name}: paused at frame {ask(name, Pause())['frame']}"


def resume(name: str) -> str:
    """Have a paused run go on; in one line. Raises ConfigError, RunError."""
    from pipeline.requests import Resume

    return f"{name}: goes on at frame {ask(name, Resume())['frame']}"


def shown(value: Any) -> str:
    """A value as it would be written on the command line."""
    text = value if isinstance(value, str) and value else json.dumps(value, default=str, ensure_ascii=False)
    return escaped(masked(text))
