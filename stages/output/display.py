"""Display: the window of a run, in the sink's own process; what its keys do, and what it shows while nothing comes."""

from __future__ import annotations

import os
import time
from contextlib import suppress
from pathlib import Path
from typing import Any, ClassVar, Literal

import numpy as np
from pydantic import Field, PrivateAttr, field_validator
from pydantic_core import PydanticCustomError

from pipeline.frame import Frame, FrameSpec
from pipeline.masking import masked
from pipeline.reading import printable
from stages.media import reason, shown
from stages.output.hud import AMBER, WHITE, Hud, Word, notice, write
from stages.output.png import png
from stages.output.screen import Screen
from stages.output.views import VIEWS, Canvas, Viewing, ViewName, shows_alpha

ADDRESS = "window:"
SILENCE_S = 2.0  # without a frame, after which its picture is no longer shown: it would pass for the present
SAID_S = 2.0  # for which a word on what was done stands there
STEP_S = 0.02  # between two looks at the keys while a file is held back
LONGEST_S = 1.0  # that a frame is held back; a longer gap in the file is skipped
KEYS = "q quit   s save   space pause   v view   h line   f full screen"


class Window(Viewing):
    """Shows each frame as it comes. Keys: `q`, Esc or closing it end the run, `s` saves the picture that is shown,
    space holds it, `v` takes the next view, `h` shows or hides the line, `f` fills the screen."""

    pulse: ClassVar[float | None] = 0.03
    deadline: ClassVar[float] = 10.0  # a window that is being dragged may hold its process

    output: str = Field(default=ADDRESS, description="always this: there is one window")
    hud: bool = Field(
        default=True, description="begin with the line on frames/s, latency and what was dropped; `h` hides it"
    )
    views: list[ViewName] = Field(
        default=[], description="those that `v` goes through, the first one first; none: `view`, and what it has beside"
    )
    scale: Literal["auto"] | float = Field(
        default="auto", description="size of the window to that of the picture; auto: 1, or what fits the screen"
    )
    title: str = Field(default="Cleanplate", description="of the window, before the name of the source")
    snapshots: str = Field(default=".", description="the folder into which `s` saves")
    paced: bool = Field(default=True, description="show a file no faster than it plays")

    _spec: FrameSpec = PrivateAttr()
    _screen: Screen | None = PrivateAttr(default=None)
    _hud: Hud = PrivateAttr()
    _views: list[ViewName] = PrivateAttr()  # those that can be shown, the present one first
    _canvas: Canvas = PrivateAttr()
    _last: Frame | None = PrivateAttr(default=None)  # a copy
    _words: list[Word] = PrivateAttr(default_factory=list)
    _line: bool = PrivateAttr(default=True)
    _held: bool = PrivateAttr(default=False)
    _said: tuple[str, float] = PrivateAttr(default=("", 0.0))  # and until when
    _came: float = PrivateAttr(default=0.0)  # when the last frame did
    _zero: float = PrivateAttr(default=-np.inf)  # when the file's clock stood at 0
    _drawn: Any = PrivateAttr(default=None)  # what the screen shows
    _frames: int = PrivateAttr(default=0)

    @field_validator("output")
    @classmethod
    def _plain(cls, value: str) -> str:
        if value != ADDRESS:
            raise PydanticCustomError("address", "a window has no further address: just {plain}", {"plain": ADDRESS})
        return value

    @field_validator("views")
    @classmethod
    def _flat(cls, value: list[ViewName]) -> list[ViewName]:
        return [cls._can_be_held(view) for view in value]

    @field_validator("scale")
    @classmethod
    def _sane(cls, value: str | float) -> str | float:
        if not isinstance(value, str) and not 0.05 <= value <= 16:
            raise PydanticCustomError("scale", "auto, or 0.05 to 16")
        return value

    @property
    def reads(self) -> tuple[str, ...]:  # type: ignore[override] # what it reads depends on what it may show
        return tuple(dict.fromkeys(plane for name in self._wanted for plane in VIEWS[name].planes))

    @property
    def _wanted(self) -> list[ViewName]:
        """The views that are asked for, the first one first: `view` goes before `views` where it was set by hand."""
        own = [self.view] if "view" in self.model_fields_set or not self.views else []
        return list(dict.fromkeys([*own, *self.views]))

    @property
    def wants_news(self) -> bool:  # type: ignore[override] # also to say what the source is doing
        return True

    def resume(self, frames: int) -> None:
        self._frames = frames

    def setup(self, spec: FrameSpec) -> None:
        self._spec, self._came, self._line = spec, time.monotonic(), self.hud
        self._hud = Hud(news=lambda: self.context.news)
        self._views = self._choose_views()
        self._canvas = Canvas(self._views[0], spec)
        source = f": {printable(masked(spec.source))}" if spec.source else ""
        scale = None if self.scale == "auto" else float(self.scale)
        self._screen = Screen(f"{self.title}{source}", self._size, scale)
        self._turn()

    def _choose_views(self) -> list[ViewName]:
        """What can be shown, in the order in which it will be."""
        if self.views:
            return self._wanted
        names = [name for name, view in VIEWS.items() if set(view.planes) <= set(self.reads) and not shows_alpha(name)]
        at = names.index(self.view)
        return names[at:] + names[:at]

    # Frames

    def write(self, frame: Frame) -> None:
        self._frames += 1
        self._hold_back(frame)
        self._came = time.monotonic()
        self._hud.count()
        if not self._held:
            self._keep(frame)
        self._turn()

    def idle(self) -> None:
        self._turn()

    def _keep(self, frame: Frame) -> None:
        """Copy what may be looked at: a frame is gone when `write()` returns, and views change while it is held."""
        if self._last is None:
            self._last = Frame({name: np.empty_like(frame.planes[name]) for name in self.reads})
        for name, plane in self._last.planes.items():
            np.copyto(plane, frame.planes[name])
        self._last.index = frame.index
        self._words = self._hud.words(frame)

    def _hold_back(self, frame: Frame) -> None:
        """Until it is time for a file's frame; where it comes late, the ones after it are late as well."""
        if self._spec.live or not self.paced:
            return
        place, now = float(frame.pts * self._spec.time_base), time.monotonic()
        if not 0 <= self._zero + place - now <= LONGEST_S:
            self._zero = now - place
        while (left := self._zero + place - time.monotonic()) > 0 and self._open:
            self._turn(min(left, STEP_S))
            self.context.progress()

    # The window

    @property
    def _size(self) -> tuple[int, int]:
        return self._canvas.spec.width, self._canvas.spec.height

    @property
    def _open(self) -> bool:
        return self._screen is not None and self._screen.open

    def _turn(self, wait_s: float = 0.001) -> None:
        """Draw what is new, and do what a key wants."""
        if self._screen is None or not self._screen.open:
            return
        self._draw(self._screen)
        key = self._screen.key(wait_s)
        if key in ("q", "esc") or not self._screen.open:
            self._screen.close()
            self.context.end()
        elif key:
            self._obey(self._screen, key)
            self._draw(self._screen)

    def _obey(self, screen: Screen, key: str) -> None:
        match key:
            case "s":
                self._save()
            case "space":
                self._held = not self._held
            case "v":
                self._views.append(self._views.pop(0))
                self._canvas = Canvas(self._views[0], self._spec)
                screen.resize(self._size)
            case "h":
                self._line = not self._line
            case "f":
                screen.fill()

    def _draw(self, screen: Screen) -> None:
        missing, words = self._missing(), self._shown_words()
        scene = (screen.size, missing, words, self._views[0], self._line, self._frames if not self._held else 0)
        if scene == self._drawn:
            return
        self._drawn = scene
        if missing or self._last is None:
            notice(screen.blank(), missing)
        else:
            out = screen.fit(self._canvas.of(self._last))
            if self._line:
                VIEWS[self._views[0]].label(out)
            if words:
                write(out, words)
        screen.show()

    def _shown_words(self) -> list[Word]:
        text, until = self._said
        said = [(text, AMBER)] if time.monotonic() < until else []
        return [*(self._words if self._line else ()), *([("held", AMBER)] if self._held else ()), *said]

    def _missing(self) -> list[Word]:
        """What is said in place of a picture; nothing where there is one."""
        silence, state = time.monotonic() - self._came, self.context.news.source
        if self._last is None:
            return [(state or "waiting for the first picture", WHITE), (KEYS, WHITE)]
        if self._held or silence < SILENCE_S:
            return []
        return [(f"no signal: {state}" if state else "no picture", AMBER), (f"for {silence:.0f} s", WHITE)]

    def _save(self) -> None:
        """The picture that is shown, in its full size and without the line."""
        if self._last is None or self._missing():
            self._say("nothing to save")
            return
        stamp = time.strftime("%Y%m%d-%H%M%S")
        path = Path(self.snapshots, f"cleanplate-{stamp}-{self._last.index:06d}-{self._views[0]}.png")
        part = path.with_name(f"{path.name}.part")
        try:
            part.write_bytes(png(self._canvas.of(self._last)))
            os.replace(part, path)
        except OSError as error:
            with suppress(OSError):
                part.unlink()
            self._say("not saved")
            self.context.note(f"{shown(path)}: cannot be written ({reason(error)})")
            return
        self._say(f"saved {path.name}")
        self.context.count("pictures saved")

    def _say(self, text: str) -> None:
        self._said = text, time.monotonic() + SAID_S

    def finish(self) -> dict[str, Any]:
        self.close()
        return {"output": "window", "frames": self._frames}

    def close(self) -> None:
        if self._screen is not None and self._screen.open:
            self._screen.close()
