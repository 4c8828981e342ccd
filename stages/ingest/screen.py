"""Screen: what this machine's screen shows, or a part of it, as a source."""

from __future__ import annotations

import re
import sys
from typing import Any

from pydantic import Field

from pipeline.environment import x_display
from pipeline.errors import ConfigError, SetupError
from pipeline.frame import FrameSpec
from stages.ingest.feed import Feed
from stages.ingest.reader import QUICK, Line

SCHEME = "screen:"
_PART = re.compile(r"(\d{1,5}),(\d{1,5}),([1-9]\d{0,4})x([1-9]\d{0,4})")


class Screen(Feed):
    """`screen:` for the whole of it, `screen:X,Y,WxH` for a part that begins X, Y pixels from its upper left corner."""

    input: str = Field(default=SCHEME, description="screen: or screen:X,Y,WxH")
    rate: float = Field(default=30, gt=0, le=240, description="pictures a second")
    cursor: bool = Field(default=True, description="show the mouse's arrow")
    check: bool = Field(
        default=False, description="reject what is no picture; a screen may well be black, or half grey"
    )

    def open(self) -> FrameSpec:
        self._part()
        if sys.platform.startswith("linux") and not x_display():
            raise SetupError(
                f"{self.label}: no X display is known (DISPLAY is not set); Wayland alone cannot be grabbed"
            )
        return super().open()

    def _part(self) -> tuple[int, int, int, int] | None:
        """X, Y, width, height; None for the whole. Raises ConfigError."""
        place = self.input[len(SCHEME) :]
        match = _PART.fullmatch(place)
        if place and match is None:
            raise ConfigError(
                f"--input {self.label}: a part of the screen is written X,Y,WxH, as screen:100,50,640x360"
            )
        return None if match is None else (int(match[1]), int(match[2]), int(match[3]), int(match[4]))

    def connect(self) -> Line:
        import av

        kind, name, options = self._how()
        return Line(av.open(name, format=kind, options=options, timeout=(2 * self.silence, self.silence)))

    def _how(self) -> tuple[str, str, dict[str, str]]:
        """FFmpeg's input device, its name for the screen, and the options."""
        part: Any = self._part()
        cursor = str(int(self.cursor))
        options = {**QUICK, "framerate": f"{self.rate:g}"}
        if sys.platform == "darwin":
            return "avfoundation", "Capture screen 0:none", options | {"capture_cursor": cursor}
        at = ("offset_x", "offset_y") if sys.platform == "win32" else ("grab_x", "grab_y")
        if part is not None:
            options |= {at[0]: str(part[0]), at[1]: str(part[1]), "video_size": f"{part[2]}x{part[3]}"}
        options["draw_mouse"] = cursor
        return ("gdigrab", "desktop", options) if sys.platform == "win32" else ("x11grab", x_display(), options)
