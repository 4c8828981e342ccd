"""Running pipelines as other processes see them: one private folder each, alive as long as its lock is held.

The kernel lets go of a lock when its holder dies, however it dies; a pid file could lie.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import shutil
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

from pipeline.config import state_dir
from pipeline.errors import ConfigError


@dataclass(frozen=True)
class Instance:
    """What is told about a running pipeline."""

    name: str
    pid: int
    config: str
    input: str
    output: str
    started: str


def _lock(path: Path) -> int | None:
    """A descriptor that holds the lock of this file until it is closed; None where another holds it."""
    fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(fd)
        return None
    return fd


def is_locked(path: Path) -> bool:
    """Whether somebody alive holds the lock."""
    if not path.exists():
        return False
    fd = _lock(path)
    if fd is None:
        return True
    os.close(fd)
    return False


def private_dir(path: Path) -> Path:
    """A folder that only this user can enter. Raises ConfigError where it belongs to somebody else."""
    path.mkdir(mode=0o700, parents=True, exist_ok=True)
    if path.stat().st_uid != os.getuid():
        raise ConfigError(f"{path} belongs to another user; set CLEANPLATE_STATE to a folder of your own")
    path.chmod(0o700)
    return path


@contextmanager
def claim(
    config: str, given: str, outputs: Sequence[str], name: str | None, started: str
) -> Iterator[tuple[Instance, Path]]:
    """Be a running pipeline: its name, its folder, and its outputs are nobody else's until the end.

    Raises ConfigError where the wanted name or an output is in use."""
    root = private_dir(state_dir())
    sweep(root)
    with ExitStack() as held:
        for output in outputs:
            _claim_output(held, root, output)
        folder = _claim_name(held, root, name or config, exact=name is not None)
        instance = Instance(folder.name, os.getpid(), config, given, ", ".join(outputs), started)
        (folder / "info.json").write_text(json.dumps(asdict(instance)))
        yield instance, folder


def _claim_output(held: ExitStack, root: Path, output: str) -> None:
    if "://" in output:
        return
    digest = hashlib.sha256(os.path.realpath(output).encode(errors="surrogateescape")).hexdigest()[:24]
    path = private_dir(root / "outputs") / digest
    fd = _lock(path)
    if fd is None:
        raise ConfigError(f"another run is writing {output}")
    held.callback(os.close, fd)
    held.callback(path.unlink, missing_ok=True)


def _claim_name(held: ExitStack, root: Path, name: str, *, exact: bool) -> Path:
    for number in range(1, 1000):
        folder = root / (name if number == 1 else f"{name}-{number}")
        folder.mkdir(mode=0o700, exist_ok=True)
        fd = _lock(folder / "lock")
        if fd is not None:
            held.callback(os.close, fd)
            held.callback(shutil.rmtree, folder, ignore_errors=True)
            return folder
        if exact:
            raise ConfigError(f"--name {name}: a run of that name is going on; see `cleanplate ps`")
    raise ConfigError(f"a thousand runs are called {name!r}")


def running() -> list[Instance]:
    """Every pipeline of this user that runs now."""
    root = state_dir()
    found: list[Instance] = []
    for folder in sorted(root.iterdir()) if root.is_dir() else []:
        info = folder / "info.json"
        if info.is_file() and is_locked(folder / "lock"):
            found.append(Instance(**json.loads(info.read_text())))
    return found


def lock_of(name: str) -> Path:
    return state_dir() / name / "lock"


def sweep(root: Path) -> None:
    """Remove the folders of runs that were killed."""
    for folder in root.iterdir():
        lock = folder / "lock"
        if folder.is_dir() and lock.exists() and not is_locked(lock):
            shutil.rmtree(folder, ignore_errors=True)
