"""Hub: where the pictures of one session come in, and go out to all who watch it, each at its own pace.

A sink of the pipeline (`page:SOCKET`) sends a picture only when it is asked for one, and it is asked only while
somebody waits: a session that nobody looks at encodes nothing. Who is slow gets fewer pictures, each the newest.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable, Collection, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from stages.output.page_wire import PAGE_VIEWS, Record, Unpacker, WireError, Wish, wish_line

PIECE = 1 << 20  # bytes that are read at a time
FRESH_S = 0.5  # a picture that came longer ago is passed only where no newer one comes
PATIENCE_S = 1.0  # within that time


@dataclass(frozen=True)
class Picture:
    """One frame: what is told of it, its views as JPEG, and when it came (the loop's clock, in seconds).

    `width` (None: the stream's own) and `quality` are those that were asked for."""

    head: dict[str, Any]
    jpegs: dict[str, bytes]
    number: int
    came: float
    width: int | None = None
    quality: int = 0


class Hub:
    """Listens on a Unix socket in `folder` for the pipeline's sink, again for each run. `views`: what may be shown."""

    def __init__(self, folder: Path, views: Sequence[str] = PAGE_VIEWS) -> None:
        self.latest: Picture | None = None
        self.views = tuple(views)
        self.changed: Callable[[], None] = lambda: None  # told when somebody begins or ends to watch
        self._path = folder / "pictures"
        self._server: asyncio.Server | None = None
        self._watchers: set[Watcher] = set()
        self._sink: asyncio.StreamWriter | None = None
        self._due = 0  # pictures that were asked for and have not come
        self._asked: tuple[Any, ...] = ()
        self._number = 0
        self.closed = False

    @property
    def address(self) -> str:
        """What the pipeline's sink is told."""
        return f"page:{self._path}"

    @property
    def watched(self) -> bool:
        """Whether anybody looks."""
        return bool(self._watchers)

    async def start(self) -> None:
        """Listen. Raises OSError."""
        self._server = await asyncio.start_unix_server(self._serve, path=self._path, limit=PIECE)
        os.chmod(self._path, 0o600)

    def watch(self, views: Collection[str], width: int | None = None, quality: int = 80) -> Watcher:
        """Enter it (`async with`) to look. `width` of the pictures in pixels, None: the stream's own."""
        return Watcher(self, views, width, quality)

    def renew(self, views: Sequence[str]) -> None:
        """Another run begins, which may show these: of the former one nothing is passed any more."""
        self._hang_up()
        self.views, self.latest = tuple(views), None
        for watcher in self._watchers:
            watcher.wake()

    async def close(self) -> None:
        """Nobody gets a picture any more; `next()` raises EOFError."""
        self.closed = True
        for watcher in self._watchers:
            watcher.wake()
        self._hang_up()
        if self._server is not None:
            self._server.close()
            self._server = None
        self._path.unlink(missing_ok=True)

    # Who watches

    def enter(self, watcher: Watcher) -> None:
        self._watchers.add(watcher)
        self.changed()

    def leave(self, watcher: Watcher) -> None:
        self._watchers.discard(watcher)
        self.changed()

    def ask(self) -> None:
        """Ask the sink for a picture, where somebody waits for one and none is due."""
        hungry = [watcher for watcher in self._watchers if watcher.hungry]
        if self._sink is None or not hungry:
            return
        wanted = self._union()
        if self._due and wanted == self._asked:
            return
        views, width, quality = self._asked = wanted
        line = wish_line(Wish(views, width, quality), 0 if self._due else 1)
        self._due = 1
        self._sink.write(line)

    def _union(self) -> tuple[Any, ...]:
        """What serves all who watch: all their views, the largest width and the best quality."""
        watchers = [watcher for watcher in self._watchers if watcher.views]
        views = [view for view in self.views if any(view in watcher.views for watcher in watchers)]
        widths = [watcher.width for watcher in watchers]
        known = [width for width in widths if width is not None]
        width = max(known) if len(known) == len(widths) else None
        return tuple(views), width, max(watcher.quality for watcher in watchers)

    # The sink

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._hang_up()
        if self.closed:
            writer.close()
            return
        self._sink, self._due, self._asked = writer, 0, ()
        self.ask()
        try:
            unpacker = Unpacker()
            while data := await reader.read(PIECE):
                for record in unpacker.feed(data):
                    if self._sink is not writer:  # another has taken its place: this is an old picture
                        return
                    self._take(record)
        except (OSError, WireError):  # it has gone, or it is none: the run's own end says why
            return
        finally:
            if self._sink is writer:
                self._hang_up()
            else:
                writer.close()

    def _take(self, record: Record) -> None:
        self._number += 1
        self._due = 0
        _, width, quality = self._asked or ((), None, 0)
        now = asyncio.get_running_loop().time()
        self.latest = Picture(record.head, record.jpegs, self._number, now, width, quality)
        for watcher in self._watchers:
            watcher.wake()

    def _hang_up(self) -> None:
        if self._sink is not None:
            with suppress(OSError):
                self._sink.close()
        self._sink, self._due = None, 0


class Watcher:
    """Somebody who looks. What is wanted may change at any time."""

    def __init__(self, hub: Hub, views: Collection[str], width: int | None, quality: int) -> None:
        self._hub = hub
        self._had = 0
        self._news = asyncio.Event()
        self.hungry = False
        self.want(views, width, quality)

    def want(self, views: Collection[str], width: int | None = None, quality: int = 80) -> None:
        """From now on these views; none of them: nothing comes."""
        self._wanted = frozenset(views)
        self.width, self.quality = width, quality
        self._news.set()

    @property
    def views(self) -> frozenset[str]:
        """Those of the wanted ones that may be shown: another run may show others."""
        return self._wanted & frozenset(self._hub.views)

    async def next(self) -> Picture:
        """The newest picture with the wanted views that has not been had; where no such one comes, as of a session that
        is over, one with some of them. Raises EOFError when there will be none."""
        try:
            while True:
                self._news.clear()
                if self._hub.closed:
                    raise EOFError("the session is over")
                picture = self._fit()
                if picture is not None and self.views <= picture.jpegs.keys() and self._age(picture) < FRESH_S:
                    return self._take(picture)
                self.hungry = bool(self.views)
                self._hub.ask()
                if not await self._wait(None if picture is None else PATIENCE_S) and picture is not None:
                    return self._take(picture)
        finally:
            self.hungry = False

    def wake(self) -> None:
        """There is something new."""
        self._news.set()

    def _fit(self) -> Picture | None:
        latest = self._hub.latest
        return latest if latest and latest.number > self._had and self.views & latest.jpegs.keys() else None

    def _age(self, picture: Picture) -> float:
        return asyncio.get_running_loop().time() - picture.came

    def _take(self, picture: Picture) -> Picture:
        self._had = picture.number
        return picture

    async def _wait(self, seconds: float | None) -> bool:
        """False where nothing has happened within so many seconds."""
        try:
            async with asyncio.timeout(seconds):
                await self._news.wait()
        except TimeoutError:
            return False
        return True

    async def __aenter__(self) -> Self:
        self._hub.enter(self)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._hub.leave(self)
