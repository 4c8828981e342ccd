"""A clip that is hard to follow somebody through, with its truth: cut-outs of a dancer in a room, made by code.

She goes behind a pillar for some twenty frames while her double, in another dress, comes out of it; the camera zooms
in fast while she gets smaller; then a board is carried past close to the camera, which zooms out behind it.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import av
import cv2
import numpy as np

from pipeline.frame import Image

WIDTH, HEIGHT = 640, 360  # of the clip; the room is twice that
FRAMES = 114
PACE = 5.0  # pixels of the room's half size per frame
PILLAR = (205, 410)  # columns of the room's half size
FLOOR = 330.0  # row of the feet
ZOOM_IN, ZOOM_OUT = (62, 72), (98, 104)  # frames
BOARD = (88, 116)  # frames in which it is in the picture


@dataclass(frozen=True)
class Shot:
    """One frame: the picture, what is visible of the target and of the others (uint8 [H, W] of 0 and 255), and how many
    pixels the target would have with nothing in front."""

    image: Image
    target: Image
    others: Image
    whole: int

    @property
    def visible(self) -> float:
        """The share of the target that is to be seen."""
        return float(np.count_nonzero(self.target)) / max(1, self.whole)


@dataclass(frozen=True)
class _Figure:
    """BGR and cover, uint8 [h, w, 3] and [h, w]."""

    colour: Image
    cover: Image


def shots(composites: Path, frames: range = range(FRAMES)) -> Iterator[Shot]:
    """The clip, or some frames of it, from the cut-outs and the room in that folder."""
    dancer = _cut_out(composites / "fixed_room_cross", first=20, count=48)
    man = _cut_out(composites / "fixed_room_standstill", first=0, count=1)[0]
    room = cv2.resize(_frames(composites / "fixed_room_cross" / "bg.mp4")[0], None, fx=2, fy=2)
    wall = _boards(room.shape, np.random.default_rng(3))
    for index in frames:
        yield _shot(index, room, wall, dancer, man)


def _shot(index: int, room: Image, wall: Image, dancer: list[_Figure], man: _Figure) -> Shot:
    image, masks = room.copy(), [np.zeros(room.shape[:2], np.uint8) for _ in range(2)]
    target, others = masks
    figure, scale = dancer[_swing(index, len(dancer))], float(np.interp(index, (60, 88), (1.0, 0.62)))
    double = _other_dress(dancer[_swing(index + 17, len(dancer))])
    _paste(image, others, man, 560, FLOOR - 8, 0.8, over=())
    _paste(image, others, double, 560 - 5.5 * index, FLOOR - 6, 1.0, over=())
    whole = _paste(image, target, figure, 75 + PACE * index, FLOOR, scale, over=(others,))
    pillar = slice(2 * PILLAR[0], 2 * PILLAR[1])
    image[:, pillar] = wall[:, pillar]
    for mask in masks:
        mask[:, pillar] = 0
    matrix, zoom = _camera(index)
    shown = cv2.warpAffine(image, matrix, (WIDTH, HEIGHT), flags=cv2.INTER_AREA if zoom < 2 else cv2.INTER_LINEAR)
    seen = [cv2.warpAffine(mask, matrix, (WIDTH, HEIGHT), flags=cv2.INTER_NEAREST) for mask in masks]
    board = _board(index)
    shown[:, board] = wall[-HEIGHT:, board.start : board.stop][:, ::-1]
    for mask in seen:
        mask[:, board] = 0
    rng = np.random.default_rng(index)
    noisy = shown.astype(np.int16) + rng.normal(0, 2, shown.shape).round().astype(np.int16)
    return Shot(np.clip(noisy, 0, 255).astype(np.uint8), seen[0], seen[1], round(whole * (zoom / 2) ** 2))


def _camera(index: int) -> tuple[np.ndarray[tuple[int, int], np.dtype[np.float64]], float]:
    """From the room to the clip, and the zoom: 1 shows all of the room."""
    zoom = float(np.interp(index, (*ZOOM_IN, *ZOOM_OUT), (1, 2, 2, 1)))
    shake = 1.5 * np.array([np.sin(index * 0.9), np.cos(index * 1.3)])
    x = float(np.clip(2 * (75 + PACE * index), WIDTH / zoom, 2 * WIDTH - WIDTH / zoom))
    y = float(np.clip(2 * FLOOR - 220, HEIGHT / zoom, 2 * HEIGHT - HEIGHT / zoom))
    scale = zoom / 2
    move = np.array([WIDTH / 2 - scale * x, HEIGHT / 2 - scale * y]) + shake
    return np.array([[scale, 0, move[0]], [0, scale, move[1]]]), zoom


def _board(index: int) -> slice:
    """Its columns in the clip: it comes from the right and leaves at the left."""
    middle = float(np.interp(index, BOARD, (WIDTH + 330, -330)))
    low, high = (int(np.clip(middle + side, 0, WIDTH)) for side in (-270, 270))
    return slice(low, high)


def _paste(
    image: Image, mask: Image, figure: _Figure, x: float, feet: float, scale: float, over: tuple[Image, ...]
) -> int:
    """Stand a figure with its middle at x, its feet on row `feet` (half-size pixels); it hides what is in `over`.

    Pixels of it, also of what is beyond the edges."""
    height, width = figure.cover.shape
    size = max(1, round(2 * width * scale)), max(1, round(2 * height * scale))
    colour = cv2.resize(figure.colour, size, interpolation=cv2.INTER_LINEAR)
    cover = cv2.resize(figure.cover, size, interpolation=cv2.INTER_LINEAR)
    left, top = round(2 * x - size[0] / 2), round(2 * feet - size[1])
    x0, y0 = max(0, left), max(0, top)
    x1, y1 = min(image.shape[1], left + size[0]), min(image.shape[0], top + size[1])
    whole = int(np.count_nonzero(cover > 127))
    if x0 >= x1 or y0 >= y1:
        return whole
    part = (slice(y0 - top, y1 - top), slice(x0 - left, x1 - left))
    share = cover[part][..., None].astype(np.float32) / 255
    view = image[y0:y1, x0:x1]
    view[:] = (view * (1 - share) + colour[part] * share).astype(np.uint8)
    hard = cover[part] > 127
    mask[y0:y1, x0:x1][hard] = 255
    for hidden in over:
        hidden[y0:y1, x0:x1][hard] = 0
    return whole


def _cut_out(folder: Path, first: int, count: int) -> list[_Figure]:
    """The person of some frames of a composite, each on the same ground line."""
    figures = []
    frames, covers = _frames(folder / "input.mp4"), _frames(folder / "alpha.mkv", "gray")
    for image, cover in zip(frames[first : first + count], covers[first : first + count], strict=True):
        rows, columns = np.flatnonzero(cover.max(1) > 127), np.flatnonzero(cover.max(0) > 127)
        part = slice(rows[0], rows[-1] + 1), slice(columns[0], columns[-1] + 1)
        figures.append(_Figure(image[part], cover[part]))
    return figures


def _other_dress(figure: _Figure) -> _Figure:
    """The same person with blue turned to red, mirrored."""
    hsv = cv2.cvtColor(figure.colour, cv2.COLOR_BGR2HSV)
    hsv[..., 0] = np.where((hsv[..., 0] > 85) & (hsv[..., 0] < 140), (hsv[..., 0].astype(int) + 65) % 180, hsv[..., 0])
    return _Figure(cv2.cvtColor(hsv, cv2.COLOR_HSV2BGR)[:, ::-1], figure.cover[:, ::-1])


def _swing(index: int, count: int) -> int:
    """Forth and back through the poses."""
    at = index % (2 * count - 2)
    return min(at, 2 * count - 2 - at)


def _boards(shape: tuple[int, ...], rng: np.random.Generator) -> Image:
    """A wall of boards."""
    picture = np.full(shape, (70, 110, 120), np.float32) + cv2.GaussianBlur(
        rng.normal(0, 40, shape).astype(np.float32), (0, 0), sigmaX=1, sigmaY=18
    )
    picture[:, ::46] -= 40
    picture[::170] += 30
    return np.asarray(np.clip(picture, 0, 255), np.uint8)


def _frames(path: Path, pixels: str = "bgr24") -> list[Image]:
    with av.open(str(path)) as box:
        return [np.asarray(frame.to_ndarray(format=pixels), np.uint8) for frame in box.decode(video=0)]
