"""Where frames come from: the class is picked by the input's address, and by what a file holds, not by its ending."""

from __future__ import annotations

import os
import re

from pipeline.errors import ConfigError
from pipeline.stage import Source
from stages.ingest.still import is_still

# Two letters at least: `C:\clip.mp4` is a path.
_SCHEME = re.compile(r"([A-Za-z][A-Za-z0-9+.-]+):(?!\\)")


class Auto(Source):
    """Stands for the source that fits the input: a file, a folder of pictures, or `lavfi:GRAPH`, a test picture."""

    @classmethod
    def pick(cls, where: str | None) -> type[Source]:
        """The class for an address (None: not known yet, a file is assumed). Raises ConfigError."""
        from stages.ingest.file import File
        from stages.ingest.images import Images
        from stages.ingest.lavfi import Lavfi

        match = _SCHEME.match(where or "")
        if match is None or os.path.exists(where or ""):
            return Images if where and (os.path.isdir(where) or is_still(where)) else File
        scheme = match[1].lower()
        if scheme == "lavfi":
            return Lavfi
        if "://" in (where or "") or scheme == "cam":
            raise ConfigError(f"--input {where}: live inputs ({scheme}:) come in a later version; give a file")
        return File

    @classmethod
    def kinds(cls) -> tuple[type[Source], ...]:
        """All classes that it may stand for: what is configured for one of them is no mistake for another."""
        from stages.ingest.file import File
        from stages.ingest.images import Images
        from stages.ingest.lavfi import Lavfi

        return File, Images, Lavfi
