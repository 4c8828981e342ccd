"""One file from the web: resumed, bounded, hashed as it is read, and there at once or not at all; knows no model.

1. The `.part` file beside the target is opened and locked. Whoever waited for it finds the target there, or a part to
   go on with: a killed owner lets go of it.
2. What it already holds is hashed; the rest is asked for, after a cut again and again with growing pauses.
3. A hash that is wrong after a resumption condemns the part, and the file is fetched once more from its start.
4. The part is written through to the disk and renamed.
"""

from __future__ import annotations

import errno
import hashlib
import shutil
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from http import HTTPStatus
from http.client import HTTPResponse
from pathlib import Path

from models.base import ModelError
from models.part import PIECE, Part
from models.web import Cut, Unfit, ask, check_address, pieces

MAX_BYTES = 4 << 30  # where nobody said how large the file is
PROGRESS = 1 << 20  # bytes: a try that brought fewer brought nothing

Progress = Callable[[int, int], None]
"""Told how many bytes are there, and how many there will be (0: not known)."""


@dataclass(frozen=True, slots=True)
class Patience:
    """How long a server is borne with; seconds. `clock` and `wait` are there for the tests."""

    silence: float = 30.0
    tries: int = 5  # in a row that bring nothing
    pause: float = 1.0  # after the first of them; doubled after each further one
    longest: float = 30.0
    locked: float = 3600.0  # for another process that is fetching the same file
    clock: Callable[[], float] = time.monotonic
    wait: Callable[[float], None] = time.sleep


PATIENCE = Patience()


def download(
    url: str,
    target: Path,
    *,
    checksum: str = "",
    size: int = 0,
    limit: int = MAX_BYTES,
    progress: Progress | None = None,
    patience: Patience = PATIENCE,
) -> str:
    """Bring `url` (https) to `target`, replacing what is there; return its digest, in hexadecimal.

    `checksum` is `sha256:...` or `md5:...`, or empty; `size` in bytes, or 0: then `limit` bounds it. Raises ModelError,
    one line; what has come until then stays as `TARGET.part`, and the next call goes on from there.
    """
    check_address(url)
    algorithm, _, wanted = (checksum or "sha256:").partition(":")
    job = _Job(url, size, limit, progress or (lambda done, whole: None), patience)
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        with Part(target, url, algorithm) as part:
            part.lock(patience.locked, patience.clock, patience.wait)
            if found := _brought_meanwhile(part, target, algorithm, wanted):
                part.remove()
                return found
            found = _fetch(job, part, wanted)
            part.finish(target)
            return found
    except OSError as error:
        raise ModelError(explain(error, target.parent)) from error


def copy(source: Path, target: Path, checksum: str = "", patience: Patience = PATIENCE) -> str:
    """Copy a file so that the copy appears at once and whole; return its digest, in hexadecimal.

    Raises ModelError where what was read is not what `checksum` says, OSError."""
    algorithm, _, wanted = (checksum or "sha256:").partition(":")
    target.parent.mkdir(parents=True, exist_ok=True)
    with source.open("rb") as stream, Part(target, str(source), algorithm) as part:
        part.lock(patience.locked, patience.clock, patience.wait)
        part.begin("")
        while piece := stream.read(PIECE):
            part.write(piece)
        found = part.digest()
        if found != (wanted or found):
            part.begin("")
            raise ModelError(f"{source} has {algorithm} {found}, not {wanted}")
        part.finish(target)
    return found


def digest(path: Path, algorithm: str = "sha256") -> str:
    """The digest of a file, in hexadecimal. Raises OSError."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, algorithm).hexdigest()


def explain(error: OSError, folder: Path) -> str:
    """One line on a file that could not be written, with the way out."""
    said = error.strerror or str(error)
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        with suppress(OSError):  # the disk that is full may be gone as well
            said += f" ({shutil.disk_usage(folder).free / 1e6:.0f} MB free)"
        return f"{folder}: {said}; next: make room, or set CLEANPLATE_CACHE to a folder on another disk"
    if error.errno in (errno.EACCES, errno.EPERM, errno.EROFS):
        return f"{error.filename or folder}: {said}; next: set CLEANPLATE_CACHE to a folder you may write to"
    return f"{error.filename or folder}: {said}"


@dataclass(frozen=True, slots=True)
class _Job:
    url: str
    size: int
    limit: int
    progress: Progress
    patience: Patience


def _brought_meanwhile(part: Part, target: Path, algorithm: str, wanted: str) -> str:
    """The digest of a target that is right; without a checksum, of one that another process has just brought."""
    if not target.is_file() or not (wanted or part.waited):
        return ""
    found = digest(target, algorithm)
    return found if found == (wanted or found) else ""


def _fetch(job: _Job, part: Part, wanted: str) -> str:
    """Fill the part; return its digest, which is the wanted one."""
    part.recall()
    if part.size and not (wanted or part.tag):
        part.begin("")  # neither a tag nor a hash could tell whether the two halves are of one file
    _fill(job, part)
    if part.joined and part.digest() != (wanted or part.digest()):
        part.begin("")
        _fill(job, part)
    found, size = part.digest(), part.size
    if found != (wanted or found):
        part.begin("")
        raise ModelError(f"{job.url}: what came ({size} bytes) has the digest {found}, not {wanted}: another file")
    return found


def _fill(job: _Job, part: Part) -> None:
    """Ask until the whole file is there, or nothing comes any more."""
    patience, failures = job.patience, 0
    while True:
        before = part.size
        try:
            return _try(job, part)
        except Cut as cut:
            failures = 1 if part.size - before >= PROGRESS else failures + 1
            if failures >= patience.tries:
                kept = f"; the {part.size} bytes that came are kept, to go on from" if part.size else ""
                raise ModelError(f"{job.url}: {cut}, {failures} times in a row{kept}") from cut
            pause = min(patience.longest, patience.pause * 2 ** (failures - 1))
            patience.wait(max(cut.after, pause))


def _try(job: _Job, part: Part) -> None:
    if job.size and part.size == job.size:
        return
    if job.size and part.size > job.size:
        part.begin("")
    try:
        answer = ask(job.url, part.size, part.tag, job.patience.silence)
    except Unfit:
        part.begin("")
        raise Cut("the part was longer than the file") from None
    with answer:
        whole = _place(job, part, answer)
        job.progress(part.size, whole)
        for piece in pieces(answer, job.patience.silence, job.patience.clock):
            if part.size + len(piece) > (whole or job.limit):
                raise ModelError(f"{job.url}: larger than {whole or job.limit} bytes, so not the file that is wanted")
            part.write(piece)
            job.progress(part.size, whole)
    if part.size < whole:
        raise Cut(f"the connection ended after {part.size} of {whole} bytes")


def _place(job: _Job, part: Part, answer: HTTPResponse) -> int:
    """Set the part to where the answer begins; return how long the whole file is, 0 where nobody says."""
    tag = answer.headers.get("ETag", "")
    tag = "" if tag.startswith("W/") else tag  # a weak one does not promise the same bytes
    length = answer.length or 0
    if answer.status == HTTPStatus.PARTIAL_CONTENT:
        said = answer.headers.get("Content-Range", "")
        if not said.startswith(f"bytes {part.size}-") or (tag and part.tag and tag != part.tag):
            part.begin("")
            raise Cut(f"the server went on with something else ({said or 'no range'})")
        part.joined = True
    else:
        part.begin(tag)
    whole = part.size + length if length else job.size
    if (job.size and whole != job.size) or whole > max(job.size, job.limit):
        part.begin("")
        wanted = f"the {job.size} bytes of the file that is wanted" if job.size else f"at most {job.limit} bytes"
        raise ModelError(f"{job.url}: the server sends {whole} bytes, not {wanted}: another file, or a log-in page")
    if shutil.disk_usage(part.path.parent).free < whole - part.size:
        raise OSError(errno.ENOSPC, f"no room for {whole / 1e6:.1f} MB")
    return whole
