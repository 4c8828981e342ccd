"""Where frames come from: the class is picked by the input's address, and by what a file holds, not by its ending."""

from __future__ import annotations

import os
from collections.abc import Mapping
from importlib import import_module

from pipeline.errors import ConfigError
from pipeline.masking import masked
from pipeline.outlets import SCHEME
from pipeline.reading import close_match
from pipeline.stage import Source
from stages.codec.records import is_recorded
from stages.ingest.still import is_still

SCHEMES: Mapping[str, str] = {
    "lavfi": "lavfi:Lavfi",
    "rtsp": "stream:Stream",
    "rtsps": "stream:Stream",
    "http": "stream:Stream",
    "https": "stream:Stream",
    "srt": "stream:Stream",
    "cam": "camera:Camera",
    "screen": "screen:Screen",
    "tcp": "tcp:Tcp",
    "relay": "relay:Relay",
}
"""By the scheme of an address its module and class, in this package."""

FILES = ("file:File", "images:Images", "semantic:Semantic")


class Auto(Source):
    """Stands for the source that fits the input: a file, of coded pictures too; a folder of pictures; or what a scheme
    says (SCHEMES)."""

    @classmethod
    def pick(cls, where: str | None) -> type[Source]:
        """The class for an address (None: not known yet, a file is assumed). Raises ConfigError."""
        match = SCHEME.match(where or "")
        if match is None or os.path.exists(where or ""):
            if where and is_recorded(where):
                return _load("semantic:Semantic")
            return _load("images:Images" if where and (os.path.isdir(where) or is_still(where)) else "file:File")
        scheme = match[1].lower()
        if scheme in SCHEMES:
            return _load(SCHEMES[scheme])
        if "://" in (where or ""):
            raise ConfigError(f"--input {masked(where or '')}: no input of this kind{close_match(scheme, SCHEMES)}")
        return _load("file:File")

    @classmethod
    def kinds(cls) -> tuple[type[Source], ...]:
        """All classes that it may stand for: what is configured for one of them is no mistake for another."""
        return tuple(_load(name) for name in dict.fromkeys((*FILES, *SCHEMES.values())))


def _load(name: str) -> type[Source]:
    module, _, kind = name.partition(":")
    found: type[Source] = getattr(import_module(f"stages.ingest.{module}"), kind)
    return found
