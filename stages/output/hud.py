"""Hud: a line over a picture that says how it is going; draws into what it is given and keeps no frame."""

from __future__ import annotations

import math
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence

import numpy as np

from pipeline.frame import Frame, Image
from pipeline.stage import News
from stages.codec.readings import Readings

PLANES = ("level", "objects", "readings")  # what it can tell of, where it is there
WINDOW_S = 2.0  # over which the rate is taken
MOST = 256  # frames that are looked at for it
LEVELS = ("model", "small", "plate", "telea", "solid")
WHITE, AMBER, BLACK = (255, 255, 255), (40, 190, 255), (0, 0, 0)
TALL = 36  # rows of picture for one row of capital letters
SHRUNK = 0.65  # of that: rather than two lines
SMALLEST = 8  # rows for a capital letter that is easily read
LEGIBLE = 4  # the same; in a picture that is smaller nothing is written
GAP = "  "

Word = tuple[str, tuple[int, int, int]]


class Hud:
    """frames/s, the frame's number, how many objects there are; the latency from in to out and what was lost, where
    the runtime tells; and how well holes are filled where not at best."""

    def __init__(self, clock: Callable[[], float] = time.monotonic, news: Callable[[], News] = News) -> None:
        self._clock, self._news = clock, news
        self._seen: deque[float] = deque(maxlen=MOST)

    def draw(self, out: Image, frame: Frame) -> None:
        """Into the left upper corner of `out` uint8 [H, W, 3], BGR."""
        self.count()
        write(out, self.words(frame))

    def count(self) -> None:
        """A frame has come."""
        now = self._clock()
        self._seen.append(now)
        while now - self._seen[0] > WINDOW_S and len(self._seen) > 2:
            self._seen.popleft()

    @property
    def rate(self) -> float:
        """Frames per second, over the last moment; 0 where only one was seen."""
        spent = self._seen[-1] - self._seen[0] if self._seen else 0.0
        return (len(self._seen) - 1) / spent if spent > 0 else 0.0

    def words(self, frame: Frame) -> list[Word]:
        """What is said of a frame, with the colour of each word."""
        return [*self._of_run(frame), *self._of_frame(frame)]

    def _of_run(self, frame: Frame) -> Iterator[Word]:
        news = self._news()
        yield f"{self.rate:.1f} frames/s", WHITE
        if news.latency_ms:
            yield f"latency {news.latency_ms:.0f} ms", WHITE
        yield f"frame {frame.index}", WHITE
        if news.dropped:
            yield f"{news.dropped} dropped", WHITE
        if news.rejected:
            yield f"{news.rejected} rejected", AMBER
        if news.source:
            yield news.source, AMBER

    def _of_frame(self, frame: Frame) -> Iterator[Word]:
        if frame.blank:
            yield "blank", AMBER
            return
        if "objects" in frame.planes:
            found = len(frame.objects)
            yield f"{found} object{'' if found == 1 else 's'}", WHITE
        if "level" in frame.planes and frame.level:
            yield f"level {LEVELS[min(frame.level, len(LEVELS) - 1)]}", AMBER
        if "readings" in frame.planes:
            yield from _of_coding(Readings.of(frame.planes["readings"]))


def _of_coding(readings: Readings) -> Iterator[Word]:
    """How good the decoded picture is, and what it took; of what was not measured nothing."""
    yield f"{readings.ratio:.2f}x", WHITE
    if not math.isnan(readings.kbps):
        yield f"{readings.kbps:.0f} kbps", WHITE
    parts = {"region": readings.region_psnr, "background": readings.background_psnr, "overall": readings.psnr}
    known = [f"{name} {decibels:.1f}" for name, decibels in parts.items() if not math.isnan(decibels)]
    yield f"{GAP.join(known)} dB", WHITE


def write(out: Image, words: Sequence[Word]) -> None:
    """The words into the left upper corner: in one line, a little smaller if need be, else in two."""
    height, width = out.shape[:2]
    wanted = max(height / TALL, SMALLEST)
    lines = [list(words)]
    if len(words) > 1 and _height(words, wanted, width) < max(SHRUNK * wanted, SMALLEST):
        half = max(range(1, len(words)), key=lambda at: _fit((words[:at], words[at:]), height, width))
        lines = [list(words[:half]), list(words[half:])]
    tall = _fit(lines, wanted, width)
    if tall < LEGIBLE:
        return
    shade = out[: round(1.8 * len(lines) * tall + 0.8 * tall), : round(_widest(lines, tall) + 0.03 * width) + 2]
    np.right_shift(shade, 1, out=shade)  # words stand out from whatever is below
    for row, line in enumerate(lines):
        _line(out, line, round(0.012 * width) + 1, round((1.9 + 1.8 * row) * tall), tall)


def label(out: Image, text: str) -> None:
    """A name, into the left lower corner of a picture uint8 [H, W, 3]."""
    height, width = out.shape[:2]
    tall = _height([(text, WHITE)], max(height / TALL, SMALLEST), width)
    if tall >= LEGIBLE and height > 6 * tall:
        _line(out, [(text, WHITE)], round(0.012 * width) + 1, height - round(0.9 * tall), tall)


def notice(out: Image, lines: Sequence[Word]) -> None:
    """A few lines in the middle of a picture, the first one large."""
    height, width = out.shape[:2]
    tall = _fit([[line] for line in lines], max(height / 20, SMALLEST), width)
    if tall < LEGIBLE:
        return
    y = round(height / 2 - 1.2 * tall * (len(lines) - 1))
    for row, (text, colour) in enumerate(lines):
        size = tall if row == 0 else max(0.7 * tall, LEGIBLE)
        _line(out, [(text, colour)], round((width - _width(text, size)) / 2), y + round(2.4 * row * tall), size)


def _fit(lines: Sequence[Sequence[Word]], wanted: float, width: int) -> float:
    return min(_height(line, wanted, width) for line in lines)


def _widest(lines: Sequence[Sequence[Word]], tall: float) -> float:
    return max(_width(GAP.join(word for word, _ in line), tall) for line in lines)


def _height(line: Sequence[Word], wanted: float, width: int) -> float:
    """Rows for a capital letter with which a line fits in so many columns; at most `wanted`."""
    return min(wanted, 0.94 * width / max(_width(GAP.join(word for word, _ in line), 1.0), 0.01))


def _width(text: str, tall: float) -> float:
    """Columns that a text takes with capital letters of so many rows."""
    import cv2

    (wide, high), _ = cv2.getTextSize(text, cv2.FONT_HERSHEY_SIMPLEX, 1.0, 1)
    return float(wide / high * tall)


def _line(out: Image, words: Sequence[Word], x: float, y: int, tall: float) -> None:
    import cv2

    font = cv2.FONT_HERSHEY_SIMPLEX
    scale = tall / cv2.getTextSize("H", font, 1.0, 1)[0][1]
    thickness = max(1, round(2 * scale))
    for word, colour in words:
        at = (round(x), y)
        cv2.putText(out, word, at, font, scale, BLACK, 2 * thickness + 1, cv2.LINE_AA)
        cv2.putText(out, word, at, font, scale, colour, thickness, cv2.LINE_AA)
        x += _width(word + GAP, tall)
