"""A list of weights files that travels with them to a machine without a network: what each is, and its SHA-256."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from models import weights
from models.base import ModelError
from models.download import copy, digest
from models.known import KNOWN

NAME = "manifest.json"
MAX_BYTES = 1 << 20


class Line(BaseModel):
    """One file. `url` is empty where it comes out of a package."""

    model_config = ConfigDict(extra="ignore", frozen=True)

    name: str = Field(max_length=200)
    file: str = Field(pattern=r"^\w[\w.-]{0,199}$")  # a bare name: nothing leads out of the folder
    sha256: str = Field(pattern=r"^[0-9a-f]{64}$")
    size: int = Field(ge=0)
    url: str = Field(max_length=2000)
    licence: str = Field(max_length=200)


class Manifest(BaseModel):
    """All files of one folder."""

    model_config = ConfigDict(extra="ignore", frozen=True)

    version: int = Field(default=1, ge=1, le=1)
    weights: tuple[Line, ...] = Field(max_length=1000)


@dataclass(frozen=True, slots=True)
class Verdict:
    """Whether one file is what it should be, and why not."""

    good: bool
    name: str
    detail: str


def make(names: Sequence[str]) -> Manifest:
    """The manifest of weights that are here. Raises ModelError where one is missing or damaged."""
    return Manifest(weights=tuple(_line(name, weights.locate(name)) for name in names))


def pack(names: Sequence[str], folder: Path) -> Manifest:
    """Copy weights that are here into a folder, with the manifest beside them. Raises ModelError, OSError."""
    manifest = make(names)
    for line in manifest.weights:
        copy(weights.locate(line.name), folder / line.file)
    (folder / NAME).write_text(manifest.model_dump_json(indent=2) + "\n")
    return manifest


def read(path: Path) -> Manifest:
    """Read a manifest. Raises ModelError."""
    try:
        if path.stat().st_size > MAX_BYTES:
            raise ModelError(f"{path}: larger than {MAX_BYTES} bytes, so no manifest")
        return Manifest.model_validate_json(path.read_bytes())
    except OSError as error:
        raise ModelError(f"{path}: {error.strerror}") from error
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        where = ".".join(map(str, first["loc"])) or "content"
        raise ModelError(f"{path}: {where}: {first['msg'].splitlines()[0]}") from error


def check(manifest: Manifest, folder: Path) -> Iterator[Verdict]:
    """Hold the files of a folder against a manifest, one after the other."""
    for line in manifest.weights:
        place = folder / line.file
        try:
            found = digest(place)
        except OSError as error:
            yield Verdict(False, line.name, f"{place}: {error.strerror}")
            continue
        good = found == line.sha256
        yield Verdict(good, line.name, str(place) if good else f"{place} has sha256 {found}, not {line.sha256}")


def carried(folder: Path) -> dict[str, tuple[Path, str]]:
    """The known weights in a folder: file and, where a manifest states it, SHA-256. Raises ModelError."""
    stated: dict[str, str] = {}
    if (folder / NAME).exists():
        stated = {line.file: line.sha256 for line in read(folder / NAME).weights}
    return {
        name: (folder / known.basename, stated.get(known.basename, ""))
        for name, known in KNOWN.items()
        if (folder / known.basename).is_file()
    }


def _line(name: str, place: Path) -> Line:
    known = weights.described(name)
    return Line(
        name=name,
        file=known.basename,
        sha256=weights.sha256(place),
        size=place.stat().st_size,
        url=known.source if known.kind == "url" else "",
        licence=known.licence,
    )
