"""The source of what is running, as the licence promises it to whoever uses it over a network: one ZIP file."""

from __future__ import annotations

import asyncio
import io
import threading
import zipfile
from collections.abc import Iterator
from functools import cache
from importlib import import_module
from pathlib import Path

from fastapi import APIRouter
from starlette.responses import Response

from pipeline.masking import masked

PACKAGES = ("pipeline", "stages", "models", "configs", "benchmarks")
BESIDE = ("pyproject.toml", "constraints.txt", "Makefile", "README.md", "LICENSE", "CHANGELOG.md")  # in a checkout
KINDS = frozenset({".py", ".yaml", ".html", ".css", ".js", ".svg", ".json"})
ADDRESS = "/source.zip"
_packing = threading.Lock()

router = APIRouter(tags=["about"])


@router.get(ADDRESS, response_class=Response, responses={200: {"content": {"application/zip": {}}}})
async def source() -> Response:
    """All of this program that is not a library of somebody else's."""
    data = await asyncio.to_thread(packed)
    name = {"Content-Disposition": 'attachment; filename="cleanplate-source.zip"', "Cache-Control": "max-age=3600"}
    return Response(data, media_type="application/zip", headers=name)


def packed() -> bytes:
    """The ZIP file; made once, however many ask for it at first."""
    with _packing:
        return _packed()


@cache
def _packed() -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as made:
        for name, path in sorted(_files()):
            made.writestr(zipfile.ZipInfo(f"cleanplate/{name}"), path.read_bytes(), zipfile.ZIP_DEFLATED)
    return out.getvalue()


def _is_private(path: Path) -> bool:
    """Whether it is somebody's own configuration, with a password in it: that lies among ours, but is no source."""
    text = path.read_text() if path.suffix == ".yaml" else ""
    return masked(text) != text


def _files() -> Iterator[tuple[str, Path]]:
    """Names within the archive, and what they are of."""
    for package in PACKAGES:
        root = Path(str(import_module(package).__file__)).parent
        for path in root.rglob("*"):
            if path.suffix in KINDS and path.is_file() and "results" not in path.parts and not _is_private(path):
                yield f"{package}/{path.relative_to(root)}", path
    above = Path(str(import_module("pipeline").__file__)).parent.parent
    yield from ((name, above / name) for name in BESIDE if (above / name).is_file() and (above / "pipeline").is_dir())
