"""The process that looks at what a stranger sent or named: what is it, and a small picture of it.

`python -m pipeline.web.looking` reads an order from stdin, one JSON object, and writes what it found on stdout. The web
process itself decodes nothing: a decoder that crashes, hangs, or is turned against its user does so in here.
"""

from __future__ import annotations

import base64
import importlib
import json
import os
import sys
from fractions import Fraction
from typing import TYPE_CHECKING, Any

from pipeline.errors import CleanplateError, SetupError
from pipeline.lifeline import die_with_parent
from pipeline.web import sandbox

if TYPE_CHECKING:
    from pipeline.frame import FrameSpec, Image
    from pipeline.stage import Source

MEMORY = 4 << 30
NEEDED = (
    "av.video.reformatter", "numpy", "stages.ingest.camera", "stages.ingest.file", "stages.ingest.images",
    "stages.ingest.stream", "stages.output.still",
)  # fmt: skip
STILL_WIDTH, STILL_QUALITY = 320, 75
MAX_SECONDS = 10_000_000.0


def main() -> None:
    """Exit code 0 with {"ok": true, ...} or {"ok": false, "error"}; another one where it broke."""
    order = json.loads(sys.stdin.buffer.read(1 << 16))
    die_with_parent(int(order["parent"]))
    os.nice(5)
    try:
        found = {"ok": True, **look(order)}
    except CleanplateError as error:
        found = {"ok": False, "error": str(error)}
    except MemoryError:
        found = {"ok": False, "error": "its pictures are too large to look at"}
    sys.stdout.write(json.dumps(found))
    sys.stdout.flush()
    os._exit(0)  # threads of libraries that still wait for somebody are not waited for


def look(order: dict[str, Any]) -> dict[str, Any]:
    """At a file (`path`), or at what comes from an address (`address`, `timeout`). Raises CleanplateError."""
    for name in NEEDED:
        importlib.import_module(name)
    sandbox.limit(MEMORY, int(order["seconds"]) + 1)
    if "path" in order:
        path = str(order["path"])
        sandbox.only_file(path, _libraries())
        return _file(path)
    sandbox.no_writing()
    return _source(str(order["address"]), {"timeout": float(order["timeout"]), "direct": True})


def _libraries() -> list[str]:
    """Where Python may still find what a library imports late: of this package nothing but its code."""
    found = [importlib.import_module(name).__file__ or "" for name in ("pipeline", "stages", "models")]
    found += [os.__file__, os.path.dirname(importlib.import_module("av").__file__ or "")]
    return sorted({os.path.dirname(path) for path in found})


def _file(path: str) -> dict[str, Any]:
    from stages.ingest.still import is_still
    from stages.media import open_media

    still = is_still(path)
    seconds = None
    if not still:
        with open_media(path) as container:
            if container.duration is not None and container.duration > 0:
                seconds = min(container.duration / 1e6, MAX_SECONDS)
    found = _source(path, {})
    frames = 1 if still else found["frames"]
    if seconds is None and not still and frames and found["rate"]:
        seconds = frames / found["rate"]
    return {**found, "kind": "image" if still else "video", "seconds": seconds, "frames": frames}


def _source(where: str, fields: dict[str, Any]) -> dict[str, Any]:
    """Opened as a run opens it, and its first picture taken."""
    import numpy as np

    from pipeline.frame import Frame
    from pipeline.stage import Context
    from stages.ingest import Auto

    kind = Auto.pick(where)
    given = {"input": where, **{name: value for name, value in fields.items() if name in kind.model_fields}}
    source = kind.model_validate(given)
    source._context = Context()
    try:
        spec = source.open()
        source._frame = Frame({"image": np.empty((spec.height, spec.width, 3), np.uint8)})
        still = _still(_first(source), spec)
    finally:
        source.close()
    return {
        "width": spec.width,
        "height": spec.height,
        "rate": round(float(spec.rate), 3),
        "seconds": None,
        "frames": spec.declared_frames or None,
        "still": "data:image/jpeg;base64," + base64.b64encode(still).decode(),
    }


def _first(source: Source) -> Image:
    for _ in source.frames():
        if not source.frame.rejected:
            return source.frame.image
        source.frame.rejected = ""
    raise SetupError("no picture in it can be decoded; is the file damaged?")


def _still(image: Image, spec: FrameSpec) -> bytes:
    """A small JPEG."""
    from pipeline.frame import FrameSpec
    from stages.output.still import Still

    width = min(STILL_WIDTH, spec.width)
    height = max(1, round(spec.height * width / spec.width))
    small = FrameSpec(width=width, height=height, rate=Fraction(1))
    return Still("jpg", small, STILL_QUALITY).encode(image)


if __name__ == "__main__":
    main()
