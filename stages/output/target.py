"""Target: what must hold of a file's name before work for it begins; knows nothing of what will be in it."""

from __future__ import annotations

import os

from pipeline.errors import SetupError
from stages.media import shown

NAME_MAX = 255  # bytes; of every file system in use


def check_target(output: str, source: str, beside: str) -> None:
    """Refuse what could not be finished, or must not be. Raises SetupError.

    `source` is what is read ("": nothing), `beside` the longest ending of the names that are needed until the end.
    """
    folder, name = os.path.split(output)
    if (over := len(os.fsencode(name + beside)) - NAME_MAX) > 0:
        raise SetupError(f"{shown(output)}: the name is too long, by {over} bytes: {name}{beside} is needed meanwhile")
    if not os.path.isdir(folder or "."):
        raise SetupError(f"{shown(output)}: there is no folder {shown(folder)}")
    if os.path.exists(output) and not os.path.isfile(output):
        raise SetupError(f"{shown(output)}: is not a file that could be replaced")
    if is_same(output, source):
        raise SetupError(f"{shown(output)}: is the input itself")


def is_same(output: str, source: str) -> bool:
    """Whether both names stand for one file or folder that exists."""
    return bool(source) and os.path.exists(output) and os.path.exists(source) and os.path.samefile(output, source)
