"""Where frames go: the class is picked by what the output's name looks like."""

from __future__ import annotations

from pipeline.errors import ConfigError
from pipeline.stage import Sink


class Auto(Sink):
    """Stands for the sink that fits the output: a video file, a picture, a folder of pictures, or `null:`."""

    @classmethod
    def pick(cls, where: str | None) -> type[Sink]:
        """The class for an address (None: not known yet, a file is assumed). Raises ConfigError."""
        from stages.output.file import File
        from stages.output.images import Images, is_folder, is_image_name
        from stages.output.null import Null

        if where == "null:":
            return Null
        if where is not None and "://" in where:
            raise ConfigError(f"--output {where}: outputs to the network come in a later version")
        if where and (is_folder(where) or is_image_name(where)):
            return Images
        return File

    @classmethod
    def kinds(cls) -> tuple[type[Sink], ...]:
        """All classes that it may stand for: what is configured for one of them is no mistake for another."""
        from stages.output.file import File
        from stages.output.images import Images
        from stages.output.null import Null

        return File, Images, Null
