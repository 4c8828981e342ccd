"""Film: a video file as a background: which of its pictures belongs to a time, again from its start after its end."""

from __future__ import annotations

from collections.abc import Callable, Generator
from fractions import Fraction

import numpy as np

from pipeline.errors import SetupError
from pipeline.frame import Frame, Image
from stages.ingest.orientation import Orientation, orientation_of
from stages.media import MAX_PIXELS, open_media, shown, video_stream

Shown = tuple[float, Image]
"""From how many seconds after the first one a picture is seen, and the picture."""


class Film:
    """Decodes forward as time goes on; where time goes back, and at each round, it begins anew. Which picture is shown
    depends on the time alone, so a frame that is done again gets the same one."""

    def __init__(self, path: str, fitted: Callable[[Image], Image], tick: float) -> None:
        """`fitted` makes a picture the size that is wanted; `tick`: seconds of a frame's pts. Raises SetupError."""
        self._path, self._fitted, self._tick = path, fitted, tick
        self._length = _length(path)
        self._pictures, self._now, self._next = _begun(path)
        self._fit: Image | None = None

    def behind(self, frame: Frame) -> Image:
        """uint8 [H, W, 3] BGR; valid until the next call. Raises SetupError where the file can no longer be read."""
        return self.at(frame.pts * self._tick)

    def at(self, seconds: float) -> Image:
        """The picture that is seen so many seconds after the first one, looped."""
        wanted = max(0.0, seconds) % self._length
        if wanted < self._now[0]:
            self.close()
            self._pictures, self._now, self._next = _begun(self._path)
            self._fit = None
        while self._next is not None and self._next[0] <= wanted:
            self._now, self._next = self._next, next(self._pictures, None)
            self._fit = None
        if self._fit is None:
            self._fit = self._fitted(self._now[1])
        return self._fit

    def close(self) -> None:
        """Let go of the file."""
        self._pictures.close()


def _begun(path: str) -> tuple[Generator[Shown, None, None], Shown, Shown | None]:
    """The row of a file's pictures, and the first two of it. Raises SetupError."""
    pictures = _pictures(path)
    first = next(pictures, None)
    if first is None:
        raise SetupError(f"{shown(path)}: no picture of it can be decoded")
    return pictures, first, next(pictures, None)


def _pictures(path: str) -> Generator[Shown, None, None]:
    """All that can be decoded, upright, with the seconds since the first one; what is damaged is passed over."""
    import av

    with open_media(path) as container:
        stream = video_stream(container, shown(path))
        stream.codec_context.options = {"max_pixels": str(MAX_PIXELS)}
        origin: float | None = None
        for packet in container.demux(stream):
            try:
                decoded = packet.decode()
            except av.FFmpegError:
                continue  # a background with a gap is still one; a file without any picture is refused at the start
            for picture in decoded:
                if picture.pts is None or picture.time_base is None:
                    continue
                seconds = float(picture.pts * Fraction(picture.time_base))
                origin = seconds if origin is None else origin
                upright = (orientation_of(picture) or Orientation()).apply(picture.to_ndarray(format="bgr24"))
                yield seconds - origin, np.ascontiguousarray(upright, np.uint8)


def _length(path: str) -> float:
    """Seconds from the first picture to the end of the last one, by its packets; nothing is decoded."""
    with open_media(path) as container:
        stream = video_stream(container, shown(path))
        times = [
            (packet.pts, packet.pts + (packet.duration or 0))
            for packet in container.demux(stream)
            if packet.pts is not None
        ]
        if not times:
            raise SetupError(f"{shown(path)}: no picture of it says when it is to be seen")
        rate = float(stream.average_rate or 30)
        tick = float(stream.time_base or Fraction(1, 90000))
        span = (max(end for _, end in times) - min(begin for begin, _ in times)) * tick
        return max(span, 1 / rate)
