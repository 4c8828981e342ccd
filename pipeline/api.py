"""What programs and notebooks call: a whole run in one line. For single pictures see `pipeline.inline.Inline`."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from pipeline.config import load_config
from pipeline.errors import CleanplateError, ConfigError
from pipeline.run import run_plan
from pipeline.supervisor import Supervisor


class RunFailed(CleanplateError):
    """A run did not end well. `code` is the exit code that the command line would give, `report` says all."""

    def __init__(self, text: str, code: int, report: dict[str, Any]) -> None:
        super().__init__(text)
        self.code = self.exit_code = code
        self.report = report


def process_video(
    source: str | os.PathLike[str],
    target: str | os.PathLike[str],
    *,
    config: str = "remove-people",
    sets: Sequence[str] = (),
    frames: int | None = None,
    report: str | os.PathLike[str] | None = None,
    told: Callable[[str], None] = lambda _: None,
    on_frame: Callable[[int], None] = lambda _: None,
) -> dict[str, Any]:
    """Run a configuration (a path or a shipped name) from `source` to `target`; returns the run report.

        process_video("street.mp4", "clean.mp4", sets=["segmentation.classes=[dog]"], frames=100)

    `told` gets what a user should know, `on_frame` how many frames are out, each time it is more. Must be called in the
    main thread, which it keeps until the end. Raises ConfigError for what is wrong beforehand, RunFailed for what
    went wrong on the way: frames that could be done are in the target all the same.
    """
    if frames is not None and frames < 1:
        raise ConfigError(f"{frames = }: at least 1")
    seen = 0

    def tick(supervisor: Supervisor) -> None:
        nonlocal seen
        done = supervisor.ledger.fates["output"] + supervisor.ledger.fates["blanked"]
        if done > seen:
            seen = done
            on_frame(done)

    plan = load_config(config, sets=sets, given=os.fspath(source), wanted=os.fspath(target))
    result = run_plan(plan, limit=frames, report=Path(report) if report else None, told=told, tick=tick)
    if result.code:
        raise RunFailed(result.error or result.report["result"].replace("_", " "), result.code, result.report)
    return result.report
