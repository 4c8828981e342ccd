"""Where weights lie and whether they are what they should be; the only place in `models` that asks the environment.

Environment: CLEANPLATE_CACHE moves the cache folder; CLEANPLATE_OFFLINE=1 forbids downloads; LAMA_MODEL names a LaMa
file of one's own.
"""

from __future__ import annotations

import importlib.metadata
import os
import shlex
from contextlib import suppress
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Literal

import platformdirs

from models.base import ModelError
from models.download import PATIENCE, Patience, Progress, copy, digest, download, explain
from models.known import KNOWN, Weights
from models.own import read_own, remote_weights

__all__ = [
    "KNOWN",
    "Status",
    "Weights",
    "adopt",
    "cache_folder",
    "described",
    "expected_place",
    "fetch",
    "locate",
    "status",
]

Trust = Literal["published", "recorded", ""]


@dataclass(frozen=True, slots=True)
class Status:
    """`state`: `present`, `missing` or `damaged`; `detail` says where it lies or what is wrong."""

    state: Literal["present", "missing", "damaged"]
    detail: str


def cache_folder() -> Path:
    """Where downloads lie; it need not exist."""
    return Path(os.environ.get("CLEANPLATE_CACHE") or platformdirs.user_cache_dir("cleanplate"))


def weights_folder() -> Path:
    """Where downloaded weights lie; it need not exist."""
    return cache_folder() / "models"


def offline() -> bool:
    """Has the user forbidden downloads?"""
    return os.environ.get("CLEANPLATE_OFFLINE", "").lower() not in ("", "0", "false", "no", "off")


def forbid_downloads() -> None:
    """For this process and those that it starts."""
    os.environ["CLEANPLATE_OFFLINE"] = "1"


def described(name: str) -> Weights:
    """Known weights by name, or those of a `models.own` that lies on the web. Raises KeyError, and ModelError for an
    address that nothing may be fetched from."""
    weights = KNOWN.get(name) or remote_weights(name)
    if weights is None:
        raise KeyError(name)
    return weights


def locate(name_or_path: str) -> Path:
    """The file of known weights or of an address, checked against its checksum; or a path as given (see `models.own`),
    which is the user's own choice.

    Never downloads. Raises ModelError with one line: what is missing, where it was looked for, what to do next.
    """
    weights = KNOWN.get(name_or_path) or remote_weights(name_or_path)
    if weights is None:
        return _own(name_or_path)
    if chosen := _chosen(weights):
        return _readable(Path(chosen).expanduser(), weights.env)
    place = expected_place(weights)
    if not place.is_file():
        raise ModelError(_missing(weights, place))
    _verify(weights, place)
    return place


def status(name: str, *, hashed: bool = True) -> Status:
    """How known weights stand on this machine; without `hashed` only their size is looked at, which takes no time.

    Raises KeyError for an unknown name."""
    weights = described(name)
    place = expected_place(weights)
    if not hashed and not _chosen(weights) and place.is_file() and place.stat().st_size == weights.size:
        return Status("present", str(place))
    try:
        return Status("present", str(locate(name)))
    except ModelError as error:
        return Status("damaged" if place.is_file() else "missing", str(error))


def expected_place(weights: Weights) -> Path:
    """Where the file of known weights should lie: in its package if that is installed, here if it is shipped, else in
    the weights folder."""
    if weights.kind == "shipped" and (shipped := Path(__file__).with_name(weights.file)).is_file():
        return shipped
    if weights.kind == "package":
        for file in _files(weights.source):
            if str(file) == weights.file:
                return Path(str(file.locate()))
    return weights_folder() / weights.basename


def fetch(name: str, progress: Progress | None = None, patience: Patience = PATIENCE) -> Path:
    """The file of weights that have an address, downloaded if it is not here or not right. Raises ModelError."""
    weights = described(name)
    place = weights_folder() / weights.basename
    if place.is_file() and not _fault(weights, place):
        return place
    if offline():
        raise ModelError(_missing(weights, place))
    checksum = weights.checksum or _recorded(place)
    found = download(weights.source, place, checksum=checksum, size=weights.size, progress=progress, patience=patience)
    if not checksum:
        _record(place, found)
    return place


def adopt(name: str, source: Path, sha256: str = "") -> Path:
    """Copy a file that was brought here by other means to where it belongs, if it is the one. Raises ModelError.

    `sha256` is what whoever brought it says of it; it counts only where nobody has published a checksum."""
    weights = described(name)
    place = weights_folder() / weights.basename
    wanted = weights.checksum or _recorded(place) or (f"sha256:{sha256}" if sha256 else "")
    try:
        found = copy(_readable(source, name), place, wanted)
        if not weights.checksum:
            _record(place, found)
    except ModelError as error:
        raise ModelError(f"{name}: {error}; next: bring the file again") from error
    except OSError as error:
        raise ModelError(explain(error, place.parent)) from error
    return place


def replaced(name: str) -> bool:
    """Does the environment name a file of the user's own instead?"""
    return bool(_chosen(described(name)))


def trust(name: str) -> Trust:
    """Whose checksum the file is held against: a published one, or that of the first file that was brought here."""
    weights = described(name)
    if weights.checksum:
        return "published"
    return "recorded" if _recorded(weights_folder() / weights.basename) else ""


def sha256(path: Path) -> str:
    """SHA-256 of a file, in hexadecimal."""
    return _digest("sha256", path, path.stat().st_mtime_ns, path.stat().st_size)


def _own(text: str) -> Path:
    own = read_own(text)
    path = _readable(Path(own.place).expanduser(), "weights")
    if own.sha256 and (found := sha256(path)) != own.sha256:
        raise ModelError(f"{path} has sha256 {found}, not {own.sha256}: damaged, cut short, or another file")
    return path


def _chosen(weights: Weights) -> str:
    return os.environ.get(weights.env, "") if weights.env else ""


def _files(distribution: str) -> list[importlib.metadata.PackagePath]:
    """The files of an installed distribution, which is not imported; none where it is not installed."""
    try:
        return importlib.metadata.files(distribution) or []
    except importlib.metadata.PackageNotFoundError:
        return []


def _missing(weights: Weights, place: Path) -> str:
    what = f"{weights.name}: no file {place}"
    if weights.kind == "package":
        lacks = f"holds no {weights.file}" if _files(weights.source) else "is not installed"
        what += f", and package {weights.source!r} {lacks}"
    if weights.kind == "shipped":
        return f"{what}, and none beside {Path(__file__).parent}; next: pip install --force-reinstall {weights.source}"
    own = f", or set {weights.env} to a file" if weights.env else ""
    if not offline():
        return f"{what}; next: `cleanplate models fetch {shlex.quote(weights.name)}`{own}"
    origin = weights.source if weights.kind == "url" else f"pip install {weights.requirement}"
    forbidden = "it may not be fetched (--offline, CLEANPLATE_OFFLINE)"
    return f"{what}, and {forbidden}; next: copy it there from a machine with {origin}{own}"


def _verify(weights: Weights, place: Path) -> None:
    if fault := _fault(weights, place):
        ours = place.parent == weights_folder()
        again = f"cleanplate models fetch {shlex.quote(weights.name)}"
        mend = again if ours else f"pip install --force-reinstall {weights.source}"
        raise ModelError(f"{weights.name}: {place} {fault}: damaged, cut short, or another file; next: `{mend}`")
    if not weights.checksum and not _recorded(place):
        # Trust on first use. Where the folder may not be written to, nothing can be recorded, nor replaced from here.
        with suppress(OSError):
            _record(place, sha256(place))


def _fault(weights: Weights, place: Path) -> str:
    """What is wrong with the file; empty where nothing is, or nothing is known."""
    algorithm, _, wanted = (weights.checksum or _recorded(place)).partition(":")
    if not wanted:
        return ""
    found = _digest(algorithm, place, place.stat().st_mtime_ns, place.stat().st_size)
    return "" if found == wanted else f"has {algorithm} {found}, not {wanted}"


def _record_place(place: Path) -> Path:
    return place.with_name(f"{place.name}.sha256")


def _recorded(place: Path) -> str:
    """The checksum recorded when the file was first brought here, as `sha256sum --check` reads it."""
    record = _record_place(place)
    words = record.read_text().split() if record.is_file() else []
    return f"sha256:{words[0]}" if words else ""


def _record(place: Path, found: str) -> None:
    fresh = _record_place(place).with_suffix(f".{os.getpid()}")
    fresh.write_text(f"{found}  {place.name}\n")
    os.replace(fresh, _record_place(place))


@cache
def _digest(algorithm: str, path: Path, modified: int, size: int) -> str:
    return digest(path, algorithm)


def _readable(path: Path, what: str) -> Path:
    if not path.is_file() or not os.access(path, os.R_OK):
        raise ModelError(f"{what}: {path} is not a file that can be read")
    return path
