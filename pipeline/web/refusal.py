"""Refused: a request that is not granted, and how every error becomes one line of JSON that gives nothing away."""

from __future__ import annotations

import re
from collections.abc import Mapping

from starlette.responses import JSONResponse

from pipeline.masking import masked

LONGEST = 600
# An absolute path of this machine; what stands in an address, or after a word ("and/or"), is none.
_PATH = re.compile(r"(?<![\w/.~%*\]-])~?/(?!/|api/)(?:[^\s/'\",;:()]+/)*([^\s/'\",;:()]*)")


class Refused(Exception):
    """A request that is not granted. `text`: one line, what is wrong and the way out; `headers` go with the answer."""

    def __init__(self, status: int, text: str, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(text)
        self.status = status
        self.text = text
        self.headers = dict(headers or {})


def answer(status: int, text: str, headers: Mapping[str, str] | None = None) -> JSONResponse:
    """{"error": text}, without passwords, paths of this machine, and what follows the first line."""
    return JSONResponse({"error": presentable(text)}, status, headers)


def presentable(text: str) -> str:
    """One line for anybody's eyes: passwords as stars, of paths only the last part, control characters escaped."""
    line = next((line for line in text.splitlines() if line.strip()), "no reason is known").strip()
    line = _PATH.sub(lambda found: found[1] or "/", masked(line))
    line = "".join(char if char.isprintable() else ascii(char)[1:-1] for char in line)
    return line if len(line) <= LONGEST else line[: LONGEST - 3] + "..."
