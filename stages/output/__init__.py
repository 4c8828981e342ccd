"""Where frames go: the class is picked by what the output's name looks like."""

from __future__ import annotations

from pipeline.errors import ConfigError
from pipeline.stage import Sink


class Auto(Sink):
    """Stands for the sink that fits the output: a file, or `null:`."""

    @classmethod
    def pick(cls, where: str | None) -> type[Sink]:
        """The class for an address (None: not known yet, a file is assumed). Raises ConfigError."""
        from stages.output.file import File
        from stages.output.null import Null

        if where == "null:":
            return Null
        if where is not None and "://" in where:
            raise ConfigError(f"--output {where}: outputs to the network come in a later version")
        return File

    @classmethod
    def kinds(cls) -> tuple[type[Sink], ...]:
        """All classes that it may stand for: what is configured for one of them is no mistake for another."""
        from stages.output.file import File
        from stages.output.null import Null

        return File, Null
