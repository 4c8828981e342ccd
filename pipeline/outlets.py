"""Outlets: where the sinks of a pipeline put their results, and further sinks beside the last one. Opens nothing."""

from __future__ import annotations

import copy
import os
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

SCHEME = re.compile(r"([A-Za-z][A-Za-z0-9+.-]+):(?!\\)")  # two letters at least: `C:\clip.mp4` is a path

NOWHERE = "null:"


class Outlets:
    """The addresses that a user gave for the sinks of a pipeline: the first for its last one; for each of the others a
    sink like that is put beside it, `NAME-2`, `NAME-3`, ..."""

    def __init__(self, raw: dict[str, Any], wanted: str | Sequence[str] | None) -> None:
        """Adds those sinks to `raw`, the pipeline as it was read; whatever is wrong with that is found later."""
        given = [wanted] if isinstance(wanted, str) else list(wanted or ())
        self._first = given[0] if given else None
        self._of: dict[str, str] = {}
        stages = raw.get("stages")
        if not given or not isinstance(stages, list) or not stages or not isinstance(stages[-1], dict):
            return
        last = stages[-1]
        self._of[str(last.get("name"))] = given[0]
        before = stages[-2].get("name") if len(stages) > 1 and isinstance(stages[-2], dict) else None
        for number, address in enumerate(given[1:], 2):
            name = f"{last.get('name')}-{number}"
            stages.append({**copy.deepcopy(last), "name": name, "after": last.get("after", before)})
            self._of[name] = address

    def of(self, name: str, own: str | None) -> str | None:
        """Where the sink of that name puts its result: where the user wants it; else where the configuration says
        (`own`), or beside the first output, `clean.mp4` and `clean-NAME.mp4`. None where nobody knows."""
        if name in self._of:
            return self._of[name]
        if self._first == NOWHERE:
            return NOWHERE
        if self._first is None or own:
            return own
        if SCHEME.match(self._first):
            return self._first if self._first.endswith(":") else None
        path, is_folder = Path(self._first), self._first.endswith("/") or os.path.isdir(self._first)
        stem, suffix = (path.name, "/") if is_folder else (path.stem, path.suffix)
        return f"{path.parent / stem}-{name}{suffix}"
