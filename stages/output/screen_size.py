"""Screen size: whether a window can be opened at all, and how large it may be; opens none itself.

OpenCV's Qt ends the whole process where it finds no X display: so that is looked for first.
"""

from __future__ import annotations

import ctypes
import sys
from collections.abc import Iterator
from contextlib import contextmanager

from pipeline.environment import display_name
from pipeline.errors import SetupError

WIDEST = 2.0  # widths of a height: what is wider is several screens side by side
UNKNOWN = (1600, 900)  # of systems that have other ways to ask; windows can be made larger there by hand
NEXT = "next: run it where there is a screen, `ssh -X`, or --output FILE or http://127.0.0.1:8080/"


@contextmanager
def screen_size() -> Iterator[tuple[int, int]]:
    """Width and height of the screen, pixels; it stays connected meanwhile, so that it cannot go before a window is
    open: some X servers start anew when the last one leaves. Raises SetupError where there is none."""
    if sys.platform != "linux":  # a display there is always there, and has no name
        yield UNKNOWN
        return
    name = display_name()
    if not name:
        raise SetupError(f"window: there is no screen here (DISPLAY is not set); {NEXT}")
    with _connected(name) as (width, height):
        yield min(width, round(WIDEST * height)), height


@contextmanager
def _connected(name: str) -> Iterator[tuple[int, int]]:
    try:
        x11 = ctypes.CDLL("libX11.so.6")
    except OSError as error:
        raise SetupError(f"window: libX11.so.6 is missing ({error}); next: apt-get install libx11-6") from error
    x11.XOpenDisplay.restype = ctypes.c_void_p
    x11.XCloseDisplay.argtypes = x11.XDefaultScreen.argtypes = [ctypes.c_void_p]
    x11.XDisplayWidth.argtypes = x11.XDisplayHeight.argtypes = [ctypes.c_void_p, ctypes.c_int]
    display = x11.XOpenDisplay(None)
    if not display:
        raise SetupError(f"window: the display {name!r} cannot be opened by X11; {NEXT}")
    try:
        screen = x11.XDefaultScreen(display)
        yield x11.XDisplayWidth(display, screen), x11.XDisplayHeight(display, screen)
    finally:
        x11.XCloseDisplay(display)
