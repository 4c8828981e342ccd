"""Where frames go: the class is picked by what the output's name looks like."""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module

from pipeline.errors import ConfigError
from pipeline.masking import masked
from pipeline.outlets import SCHEME
from pipeline.reading import close_match
from pipeline.stage import Sink

SCHEMES: Mapping[str, str] = {
    "frames": "frames:Frames",
    "http": "mjpeg:Mjpeg",
    "null": "null:Null",
    "page": "page:Page",
    "recording": "recording:Recording",
    "rtsp": "push:Push",
    "srt": "push:Push",
    "tcp": "tcp:Tcp",
    "window": "display:Window",
}
"""By the scheme of an address its module and class, in this package."""


class Auto(Sink):
    """Stands for the sink that fits the output: a video file, a picture, a folder of pictures, or what its scheme says
    (SCHEMES)."""

    @classmethod
    def pick(cls, where: str | None) -> type[Sink]:
        """The class for an address (None: not known yet, a file is assumed). Raises ConfigError."""
        from stages.output.images import is_folder, is_image_name

        match = SCHEME.match(where or "")
        scheme = match[1].lower() if match else ""
        if scheme in SCHEMES:
            return _load(SCHEMES[scheme])
        if where is not None and "://" in where:
            raise ConfigError(f"--output {masked(where)}: no output of this kind{close_match(scheme, SCHEMES)}")
        return _load("images:Images" if where and (is_folder(where) or is_image_name(where)) else "file:File")

    @classmethod
    def kinds(cls) -> tuple[type[Sink], ...]:
        """All classes that it may stand for: what is configured for one of them is no mistake for another."""
        return tuple(_load(name) for name in dict.fromkeys(("file:File", "images:Images", *SCHEMES.values())))


def _load(name: str) -> type[Sink]:
    module, _, kind = name.partition(":")
    found: type[Sink] = getattr(import_module(f"stages.output.{module}"), kind)
    return found
