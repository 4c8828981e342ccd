"""Page: gives the web process the pictures that somebody looks at; a frame that nobody looks at passes."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import replace
from typing import Any, ClassVar

import numpy as np
from pydantic import Field, PrivateAttr

from models.classes import NAMES
from pipeline.errors import SetupError
from pipeline.frame import Frame, FrameSpec
from pipeline.stage import Sink
from stages.output.page_link import Link
from stages.output.page_pictures import Pictures, head_of
from stages.output.page_wire import PageView, Wish, pack
from stages.output.views import VIEWS

SCHEME = "page:"
LONGEST_PATH = 107  # bytes of a Unix socket's address
UNWATCHED_S = 0.25  # between two copies while nobody looks
LAST_WISH = Wish(width=960)  # in which the last frame of a run goes out, where nobody says otherwise
LAST_WORDS_S = 1.0


class Page(Sink):
    """Connects to the Unix socket of a web process, which says what its pages wish to see and for how many more frames.
    Without a connection, without a wish, while a picture is still on its way, frames pass unseen: nobody is waited for.

    A frame is copied while somebody watches, and now and then while nobody does: so who comes while none flows, as in
    a pause, sees the last one. The last frame of a run goes out in all its views, asked for or not."""

    pulse: ClassVar[float | None] = 0.1
    deadline: ClassVar[float] = 10.0  # four views of 8K take longer than a frame of anything else
    wants_news: ClassVar[bool] = True
    # where something is, also where only the result may be seen; and how good a decoded picture is
    may_read: ClassVar[tuple[str, ...]] = ("objects", "readings")

    output: str = Field(default="", description="page:PATH of the Unix socket on which a web process listens")
    views: list[PageView] = Field(
        default=["input", "result"], min_length=1, description="what may ever be shown; nothing else is read"
    )
    names: list[str] | None = Field(default=None, description="of the classes, by number; none: COCO, face, plate")

    _link: Link | None = PrivateAttr(default=None)
    _spec: FrameSpec = PrivateAttr()
    _names: Sequence[str] = PrivateAttr(default=NAMES)
    _pictures: Pictures = PrivateAttr()
    _last: Frame | None = PrivateAttr(default=None)  # a copy
    _copied: float = PrivateAttr(default=0.0)
    _shown: tuple[int, Wish, int] | None = PrivateAttr(default=None)  # index, wish and connection of the last record
    _frames: int = PrivateAttr(default=0)
    _records: int = PrivateAttr(default=0)

    @property
    def reads(self) -> tuple[str, ...]:  # type: ignore[override] # what it reads depends on what it shows
        return tuple(dict.fromkeys(plane for view in self.views for plane in VIEWS[view].planes))

    def resume(self, frames: int) -> None:
        self._frames = frames

    def setup(self, spec: FrameSpec) -> None:
        path = self.output.removeprefix(SCHEME)
        if not path or not self.output.startswith(SCHEME):
            raise SetupError("no output is given: --output page:PATH of the socket of a web process")
        if len(path.encode()) > LONGEST_PATH:
            raise SetupError(f"{self.output}: a socket's path has at most {LONGEST_PATH} bytes; take a shorter folder")
        self._spec, self._pictures = spec, Pictures(spec)
        self._names = NAMES if self.names is None else self.names
        self._link = Link(path, self.views)

    def write(self, frame: Frame) -> None:
        assert self._link is not None
        self._frames += 1
        now, wanted = time.monotonic(), self._link.ready
        if wanted:
            self._show(self._link, frame, self.context.news.latency_ms)
        if wanted or self._link.watched or now - self._copied >= UNWATCHED_S:  # nothing older than what was shown
            self._copied = now
            self._copy(frame)

    def idle(self) -> None:
        """The last frame for who has not seen it, or wishes to see it otherwise."""
        if self._link is None or self._last is None or not self._link.ready:
            return
        if self._shown != (self._last.index, *self._link.wanted):
            self._show(self._link, self._last, self._age_ms)

    @property
    def _age_ms(self) -> float:
        """Of the last frame: how long frames were under way lately, and since when it is here."""
        return self.context.news.latency_ms + 1000 * (time.monotonic() - self._copied)

    def _show(self, link: Link, frame: Frame, age_ms: float) -> None:
        wish, life = link.wanted
        if self._send(link, frame, wish, age_ms):
            self._shown = frame.index, wish, life

    def _send(self, link: Link, frame: Frame, wish: Wish, age_ms: float) -> bool:
        if link.trouble:
            self.context.note(f"{SCHEME} the web process was left and called anew: {link.trouble}")
        jpegs = self._pictures.of(frame, wish)
        sent = bool(jpegs) and link.send(pack(head_of(frame, self._spec, age_ms, self._names), jpegs))
        self._records += sent
        return sent

    def _copy(self, frame: Frame) -> None:
        """A frame is lent: what is to outlive it is copied, into the same memory each time."""
        if self._last is None:
            self._last = Frame({name: np.empty_like(plane) for name, plane in frame.planes.items()})
        for name, plane in frame.planes.items():
            np.copyto(self._last.planes[name], plane)
        self._last.index, self._last.pts, self._last.blank = frame.index, frame.pts, frame.blank

    def finish(self) -> dict[str, Any]:
        if self._link is not None and self._last is not None:
            self._link.flush(LAST_WORDS_S, self.context.progress)
            if self._link.free:
                wish, _ = self._link.wanted
                known = wish if wish.views else LAST_WISH
                self._send(self._link, self._last, replace(known, views=tuple(self.views)), self._age_ms)
                self._link.flush(LAST_WORDS_S, self.context.progress)
        self.close()
        return {"output": SCHEME, "frames": self._frames, "pictures": self._records}

    def close(self) -> None:
        if self._link is not None:
            self._link.close()
