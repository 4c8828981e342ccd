"""Running pipelines as other processes see them: one private folder each, alive as long as its lock is held.

The kernel lets go of a lock when its holder dies, however it dies; a pid file could lie.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import re
import secrets
import shutil
import struct
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import asdict, dataclass
from pathlib import Path

from pipeline.config import NAME
from pipeline.environment import state_dir
from pipeline.errors import ConfigError
from pipeline.masking import masked
from pipeline.outlets import SCHEME

OUTPUTS = "outputs"  # the folder of the locks of what is being written
LOGS = "logs"  # the folder of what runs said
SHARES = "shares"  # the folder of who shares a cap with others
GONE = ".gone-"  # what a folder is called while it is being removed


@dataclass(frozen=True)
class Instance:
    """What is told about a running pipeline."""

    name: str
    pid: int
    config: str
    input: str
    output: str
    started: str


def _flock(kind: int) -> bytes:
    """A `struct flock` over the whole file."""
    return struct.pack("hhqqi4x", kind, os.SEEK_SET, 0, 0, 0)


def lock(path: Path) -> int | None:
    """A descriptor that holds the lock of this file until it is closed; None where another holds it."""
    for _ in range(100):
        try:
            path.parent.mkdir(mode=0o700, exist_ok=True)
            fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except (FileNotFoundError, FileExistsError):  # its folder has just been removed, or was while we asked
            continue
        held = _try_lock(fd)
        if held and _is_same(fd, path):
            return fd
        os.close(fd)
        if not held:
            return None
    return None  # it is made and removed all the time: somebody else's


def _try_lock(fd: int) -> bool:
    try:
        fcntl.fcntl(fd, fcntl.F_OFD_SETLK, _flock(fcntl.F_WRLCK))
    except BlockingIOError:
        return False
    return True


def _is_same(fd: int, path: Path) -> bool:
    """Whether this file still stands there: its last holder may just have removed it."""
    try:
        return os.path.samestat(os.fstat(fd), path.stat())
    except FileNotFoundError:
        return False


def is_locked(path: Path) -> bool:
    """Whether somebody alive holds the lock. Asking takes nothing, so it can be in nobody's way."""
    try:
        fd = os.open(path, os.O_RDWR | os.O_CLOEXEC)
    except (FileNotFoundError, NotADirectoryError):
        return False
    try:
        answer = fcntl.fcntl(fd, fcntl.F_OFD_GETLK, _flock(fcntl.F_WRLCK))
    finally:
        os.close(fd)
    kind: int = struct.unpack_from("h", answer)[0]
    return kind != fcntl.F_UNLCK


def private_dir(path: Path) -> Path:
    """A folder that only this user can enter. Raises ConfigError where it belongs to somebody else."""
    path.mkdir(mode=0o700, parents=True, exist_ok=True)
    if not is_ours(path):
        raise ConfigError(f"{path} belongs to another user; set CLEANPLATE_STATE to a folder of your own")
    path.chmod(0o700)
    return path


def is_ours(path: Path) -> bool:
    """Whether a folder is this user's; where a link leads to it, that too: in /tmp anybody can lay one."""
    return all(status.st_uid == os.getuid() for status in (path.lstat(), path.stat()))


@contextmanager
def claim(
    config: str, given: str, outputs: Sequence[str], name: str | None, started: str
) -> Iterator[tuple[Instance, Path]]:
    """Be a running pipeline: its name, its folder, and its outputs are nobody else's until the end.

    Raises ConfigError where the wanted name or an output is in use."""
    if name is not None and not re.fullmatch(NAME, name):
        raise ConfigError(f"--name {name!r}: small letters, digits, - and _, at most 48")
    try:
        root = private_dir(state_dir())
    except OSError as error:
        raise ConfigError(f"{error.filename}: {error.strerror}; CLEANPLATE_STATE sets the folder") from error
    sweep(root)
    with ExitStack() as held:
        files = [output for output in outputs if not _is_address(output)]
        for output, place in zip(files, places := list(map(os.path.realpath, files)), strict=True):
            if places.count(place) > 1:
                raise ConfigError(f"{output}: is given for several outputs of this run; give each a name of its own")
            _claim_output(held, root, output)
        folder = _claim_name(held, root, name or config, exact=name is not None)
        shown = masked(given), ", ".join(map(masked, outputs))
        instance = Instance(folder.name, os.getpid(), config, *shown, started)
        fresh = folder / "info"
        fresh.write_text(json.dumps(asdict(instance)))
        fresh.replace(folder / "info.json")
        yield instance, folder


def _is_address(output: str) -> bool:
    """A scheme alone, such as `null:`, is one too: a place of nobody's own."""
    return "://" in output or SCHEME.fullmatch(output) is not None


def _claim_output(held: ExitStack, root: Path, output: str) -> None:
    digest = hashlib.sha256(os.path.realpath(output).encode(errors="surrogateescape")).hexdigest()[:24]
    path = private_dir(root / OUTPUTS) / digest
    fd = lock(path)
    if fd is None:
        raise ConfigError(f"another run is writing {output}")
    held.callback(os.close, fd)
    held.callback(path.unlink, missing_ok=True)


def _claim_name(held: ExitStack, root: Path, name: str, *, exact: bool) -> Path:
    if name in (OUTPUTS, LOGS, SHARES):
        raise ConfigError(f"a run cannot be called {name!r}")
    for number in range(1, 1000):
        folder = root / (name if number == 1 else f"{name}-{number}")
        fd = lock(folder / "lock")
        if fd is not None:
            held.callback(os.close, fd)
            held.callback(_remove, folder)
            return folder
        if exact:
            raise ConfigError(f"--name {name}: a run of that name is going on; see `cleanplate ps`")
    raise ConfigError(f"a thousand runs are called {name!r}")


def running() -> list[Instance]:
    """Every pipeline of this user that runs now."""
    root = state_dir()
    found: list[Instance] = []
    for folder in sorted(root.iterdir()) if root.is_dir() and is_ours(root) else []:
        if is_locked(folder / "lock"):
            with suppress(FileNotFoundError):  # it has only just begun, or ended
                found.append(Instance(**json.loads((folder / "info.json").read_text())))
    return found


def lock_of(name: str) -> Path:
    return state_dir() / name / "lock"


def sweep(root: Path) -> None:
    """Remove the folders of runs that were killed."""
    for folder in root.iterdir():
        if folder.name.startswith(GONE):
            shutil.rmtree(folder, ignore_errors=True)
        elif (folder / "lock").exists() and (fd := lock(folder / "lock")) is not None:
            _remove(folder)
            os.close(fd)


def _remove(folder: Path) -> None:
    """Remove a folder whose lock is held; whoever wants its name makes a new one meanwhile."""
    gone = folder.with_name(GONE + secrets.token_hex(8))
    with suppress(FileNotFoundError):
        folder.rename(gone)
    shutil.rmtree(gone, ignore_errors=True)
