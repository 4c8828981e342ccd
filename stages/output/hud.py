"""Hud: one line over a picture that says how it is going; draws into what it is given and keeps no frame."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Iterator

from pipeline.frame import Frame, Image

PLANES = ("level", "objects")  # what it can tell of, where it is there
WINDOW_S = 2.0  # over which the rate is taken
MOST = 256  # frames that are looked at for it
LEVELS = ("model", "small", "plate", "telea", "solid")
WHITE, AMBER, BLACK = (255, 255, 255), (40, 190, 255), (0, 0, 0)
TALL = 36  # rows of picture for one row of capital letters
LEGIBLE = 4  # rows for a capital letter; in a picture that is smaller nothing is written
GAP = "  "


class Hud:
    """frames/s, the frame's number, how many objects there are, and how well holes are filled where not at best."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._seen: deque[float] = deque(maxlen=MOST)

    def draw(self, out: Image, frame: Frame) -> None:
        """Into the left upper corner of `out` uint8 [H, W, 3], BGR."""
        import cv2

        self._count()
        words = list(self._words(frame))
        line = GAP.join(word for word, _ in words)
        font, height, width = cv2.FONT_HERSHEY_SIMPLEX, *out.shape[:2]
        (wide, tall), _ = cv2.getTextSize(line, font, 1.0, 1)
        scale = min(max(height / TALL, 8) / tall, 0.94 * width / wide)
        if scale * tall < LEGIBLE:
            return
        thickness = max(1, round(2 * scale))
        x, y = round(0.012 * width) + thickness, round(1.9 * scale * tall)
        for word, colour in words:
            cv2.putText(out, word, (x, y), font, scale, BLACK, 2 * thickness + 1, cv2.LINE_AA)
            cv2.putText(out, word, (x, y), font, scale, colour, thickness, cv2.LINE_AA)
            x += cv2.getTextSize(word + GAP, font, scale, thickness)[0][0]

    def _count(self) -> None:
        now = self._clock()
        self._seen.append(now)
        while now - self._seen[0] > WINDOW_S and len(self._seen) > 2:
            self._seen.popleft()

    @property
    def rate(self) -> float:
        """Frames per second, over the last moment; 0 where only one was seen."""
        spent = self._seen[-1] - self._seen[0] if self._seen else 0.0
        return (len(self._seen) - 1) / spent if spent > 0 else 0.0

    def _words(self, frame: Frame) -> Iterator[tuple[str, tuple[int, int, int]]]:
        yield f"{self.rate:.1f} frames/s", WHITE
        yield f"frame {frame.index}", WHITE
        if frame.blank:
            yield "blank", AMBER
            return
        if "objects" in frame.planes:
            found = len(frame.objects)
            yield f"{found} object{'' if found == 1 else 's'}", WHITE
        if "level" in frame.planes and frame.level:
            yield LEVELS[min(frame.level, len(LEVELS) - 1)], AMBER
