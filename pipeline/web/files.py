"""Files that are handed out: found by their name in one folder, opened without following links, sent in parts."""

from __future__ import annotations

import asyncio
import os
import re
import stat
from pathlib import Path
from typing import IO

from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from pipeline.web.names import disposition
from pipeline.web.refusal import Refused

NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,127}")
RANGE = re.compile(r"bytes=(\d{0,18})-(\d{0,18})")
PIECE = 1 << 18
PATIENCE_S = 60.0  # for a piece to be taken
KINDS = {
    ".mp4": "video/mp4", ".mkv": "video/x-matroska", ".webm": "video/webm", ".mov": "video/quicktime",
    ".png": "image/png", ".jpg": "image/jpeg", ".json": "application/json",
}  # fmt: skip
MISSING = "there is no such file"


def open_file(folder: Path, name: str) -> IO[bytes]:
    """A regular file that lies in the folder itself. Raises Refused (404). Blocks for as long as a disk takes."""
    if not NAME.fullmatch(name):
        raise Refused(404, MISSING)
    try:
        inside = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
        try:
            handle = os.open(name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC, dir_fd=inside)
        finally:
            os.close(inside)
    except OSError as error:
        raise Refused(404, MISSING) from error
    if not stat.S_ISREG(os.fstat(handle).st_mode):
        os.close(handle)
        raise Refused(404, MISSING)
    return open(handle, "rb", buffering=0)


def delete_file(folder: Path, name: str) -> None:
    """Raises Refused (404)."""
    open_file(folder, name).close()
    try:
        (folder / name).unlink()
    except OSError as error:
        raise Refused(404, MISSING) from error


def range_of(header: str, size: int) -> tuple[int, int] | None:
    """First byte and the one after the last, of a Range header; None for all: no range, several, or nonsense.

    Raises Refused (416) for one beyond the end. Several ranges could ask for one byte ten thousand times."""
    found = RANGE.fullmatch(header.strip()) if len(header) < 64 else None
    if found is None or not (found[1] or found[2]):
        return None
    if not found[1]:
        first, last = max(0, size - int(found[2])), size - 1
        if not int(found[2]):
            first = size
    else:
        first, last = int(found[1]), min(int(found[2]) if found[2] else size - 1, size - 1)
        if found[2] and int(found[2]) < first:
            return None
    if first >= size:
        raise Refused(416, f"the file has {size} bytes", {"Content-Range": f"bytes */{size}"})
    return first, last + 1


async def download(request: Request, folder: Path, name: str, shown: str | None = None) -> Response:
    """The answer to GET and HEAD for a file; `shown`: what it is called there. Raises Refused: 404, 416."""
    file = await asyncio.to_thread(open_file, folder, name)
    try:
        facts = os.fstat(file.fileno())
        tag = f'"{facts.st_mtime_ns:x}-{facts.st_size:x}"'
        wanted = request.headers.get("range", "")
        if request.headers.get("if-range", tag) != tag:
            wanted = ""  # it has changed since: all of it
        part = range_of(wanted, facts.st_size)
        first, end = part or (0, facts.st_size)
        headers = {
            "Content-Length": str(end - first),
            "Content-Disposition": disposition(shown or name),
            "Accept-Ranges": "bytes",
            "ETag": tag,
        }
        if part:
            headers["Content-Range"] = f"bytes {first}-{end - 1}/{facts.st_size}"
        kind = KINDS.get(Path(name).suffix, "application/octet-stream")
        return FilePart(file, first, end, 206 if part else 200, headers, kind)
    except BaseException:
        file.close()
        raise


class FilePart(Response):
    """Bytes of an open file, from `first` to before `end`; closes it. Who takes nothing for a minute is let go."""

    def __init__(
        self, file: IO[bytes], first: int, end: int, status: int, headers: dict[str, str], media_type: str
    ) -> None:
        super().__init__(None, status, headers, media_type)
        self._file, self._first, self._end = file, first, end

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            await send({"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers})
            at = self._first
            while at < self._end and scope["method"] != "HEAD":
                data = await asyncio.to_thread(os.pread, self._file.fileno(), min(PIECE, self._end - at), at)
                if not data:
                    raise ConnectionAbortedError("the file has become shorter")
                at += len(data)
                async with asyncio.timeout(PATIENCE_S):
                    await send({"type": "http.response.body", "body": data, "more_body": at < self._end})
            if at == self._first or scope["method"] == "HEAD":
                await send({"type": "http.response.body", "body": b"", "more_body": False})
        finally:
            self._file.close()
