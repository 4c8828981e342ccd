"""Screen: one OpenCV window; the picture in it is fitted by this module. Knows no frame and no pipeline.

No process that opens one may import PyAV before: OpenCV's Qt then hangs (opencv/opencv#29195).
"""

from __future__ import annotations

import numpy as np

from pipeline.errors import SetupError
from pipeline.frame import Image
from stages.output.screen_size import screen_size

NAME = "cleanplate"  # by which OpenCV knows the window; its title says more
SHARE = 0.9  # of the screen that a window may take at first: there are bars and frames beside it
LEAST = (320, 180)  # what is smaller is hard to see and to grab
BACKGROUND = 24  # grey around the picture


class Screen:
    """A window that is open until the user closes it, or `close()`."""

    def __init__(self, title: str, size: tuple[int, int], scale: float | None) -> None:
        """`size`: width and height of the picture; `scale`: of the window to that, None: as it is, or what fits the
        screen. Raises SetupError where no window can be opened."""
        with screen_size() as room:
            self._size = first_size(size, room, scale)
            self._open(title)
        self._room, self._scale = room, scale
        self._full = False
        self._out = np.zeros((1, 1, 3), np.uint8)
        self.open = True

    def _open(self, title: str) -> None:
        import cv2

        try:
            cv2.namedWindow(NAME, cv2.WINDOW_NORMAL | cv2.WINDOW_FREERATIO | cv2.WINDOW_GUI_NORMAL)
            cv2.setWindowTitle(NAME, title)
            cv2.resizeWindow(NAME, *self._size)
        except cv2.error as error:
            raise SetupError(
                f"window: this OpenCV opens none ({error.err or error}); next: pip install opencv-python, without"
                " opencv-python-headless"
            ) from error

    def resize(self, size: tuple[int, int]) -> None:
        """Make the window fit a picture of this width and height, unless it fills the screen."""
        import cv2

        if not self._full:
            cv2.resizeWindow(NAME, *first_size(size, self._room, self._scale))

    @property
    def size(self) -> tuple[int, int]:
        """Width and height of what is seen, pixels: users change it."""
        import cv2

        _, _, width, height = cv2.getWindowImageRect(NAME) if self.open else (0, 0, 0, 0)
        return (width, height) if width > 0 and height > 0 else self._size

    def fit(self, picture: Image) -> Image:
        """The part of the window's canvas that a picture uint8 [H, W, 3] fills: as large as can be, in the middle,
        the picture in it. It may be drawn upon until `show()`."""
        import cv2

        width, height = self._size = self.size
        if self._out.shape[:2] != (height, width):
            self._out = np.zeros((height, width, 3), np.uint8)
        x, y, wide, tall = fitted((picture.shape[1], picture.shape[0]), (width, height))
        self._out[:] = BACKGROUND
        part = self._out[y : y + tall, x : x + wide]
        while picture.shape[1] >= 2 * wide and picture.shape[0] >= 2 * tall:  # means of four are cheap, and even
            half = picture.shape[1] // 2, picture.shape[0] // 2
            picture = cv2.resize(picture, half, interpolation=cv2.INTER_AREA)
        cv2.resize(picture, (wide, tall), dst=part, interpolation=cv2.INTER_LINEAR)
        return part

    def blank(self) -> Image:
        """The window's whole canvas, with nothing in it."""
        width, height = self.size
        return self.fit(np.full((height, width, 3), BACKGROUND, np.uint8))

    def show(self) -> None:
        """Bring the canvas to the screen."""
        import cv2

        if self.open:
            cv2.imshow(NAME, self._out)

    def key(self, wait_s: float = 0.001) -> str:
        """Let the window live for a moment; the key that was pressed meanwhile: `q`, `esc`, `space`; empty: none.
        `open` is False from here on where the user has closed it."""
        import cv2

        if not self.open:
            return ""
        code = cv2.waitKey(max(1, round(1000 * wait_s)))
        try:
            self.open = cv2.getWindowProperty(NAME, cv2.WND_PROP_VISIBLE) >= 1
        except cv2.error:  # it is gone
            self.open = False
        return "" if code < 0 else {27: "esc", 32: "space"}.get(code & 0xFF, chr(code & 0xFF).lower())

    def fill(self) -> None:
        """Take the whole screen, or give it back."""
        import cv2

        self._full = not self._full
        mode = cv2.WINDOW_FULLSCREEN if self._full else cv2.WINDOW_NORMAL
        cv2.setWindowProperty(NAME, cv2.WND_PROP_FULLSCREEN, mode)

    def close(self) -> None:
        import cv2

        self.open = False
        cv2.destroyAllWindows()
        cv2.waitKey(1)  # Qt takes it away when events are looked at


def first_size(picture: tuple[int, int], screen: tuple[int, int], scale: float | None) -> tuple[int, int]:
    """Width and height of a new window for a picture, pixels."""
    width, height = picture
    if scale is None:
        fits = min(SHARE * screen[0] / width, SHARE * screen[1] / height)
        scale = min(fits, max(1.0, LEAST[0] / width, LEAST[1] / height))
    return max(1, round(scale * width)), max(1, round(scale * height))


def fitted(picture: tuple[int, int], room: tuple[int, int]) -> tuple[int, int, int, int]:
    """x, y, width, height of a picture in the middle of some room, its sides in proportion."""
    scale = min(room[0] / picture[0], room[1] / picture[1])
    width, height = max(1, round(scale * picture[0])), max(1, round(scale * picture[1]))
    return (room[0] - width) // 2, (room[1] - height) // 2, width, height
