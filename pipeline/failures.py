"""How a run that did not end well is told to the program that began it: as an exception, by the exit code."""

from __future__ import annotations

from typing import Any

from pipeline.errors import CleanplateError, ConfigError, SetupError
from pipeline.remote import Ending


class RunFailed(CleanplateError):
    """A run did not end well. `code` is the exit code that the command line would give, `report` says all."""

    def __init__(self, text: str, code: int, report: dict[str, Any]) -> None:
        super().__init__(text)
        self.code = self.exit_code = code
        self.report = report


class SetupFailed(RunFailed, SetupError):
    """A stage could not be set up: no such input, missing weights."""


def failure(ending: Ending) -> CleanplateError:
    """What to raise for a run that did not end well."""
    word = str(ending.report.get("result", {})).replace("_", " ") if ending.report else ""
    text = ending.error or word or f"the run ended with {ending.code}"
    if ending.code == ConfigError.exit_code and not ending.report:
        return ConfigError(text)
    return (SetupFailed if ending.code == SetupError.exit_code else RunFailed)(text, ending.code, ending.report)
