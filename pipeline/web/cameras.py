"""The cameras of this machine, as the page offers them; what cannot be listed cannot be asked for."""

from __future__ import annotations

import asyncio
import sys
from contextlib import suppress
from pathlib import Path

from pipeline.web.settings import ServeSettings

TEST = {"address": "cam:test", "name": "Test picture"}
MOST = 64


async def cameras(settings: ServeSettings) -> list[dict[str, str]]:
    """Each with `address` and `name`; the drawn test picture comes first. None where cameras are not allowed."""
    if "cam" not in settings.schemes:
        return []
    return [TEST, *await asyncio.to_thread(_found)]


def _found() -> list[dict[str, str]]:
    from stages.ingest.camera import KINDS, SCHEME, names

    if not sys.platform.startswith("linux"):
        kind = "avfoundation" if sys.platform == "darwin" else "dshow"
        return [{"address": f"{SCHEME}{number}", "name": name} for number, name in enumerate(names(kind)[:MOST])]
    listed = []
    for folder in sorted(KINDS.glob("video*"), key=lambda path: (len(path.name), path.name))[:MOST]:
        number = folder.name.removeprefix("video")
        with suppress(OSError):  # it was unplugged just now
            if number.isdecimal() and _shows_pictures(folder):
                listed.append({"address": f"{SCHEME}{number}", "name": _name(folder) or f"Camera {number}"})
    return listed


def _shows_pictures(folder: Path) -> bool:
    """A camera has further devices, for what it says about its pictures: theirs is not the first index."""
    index = folder / "index"
    return not index.exists() or index.read_text().strip() == "0"


def _name(folder: Path) -> str:
    text = (folder / "name").read_text(errors="replace").strip()
    return "".join(char for char in text if char.isprintable())[:80]
