"""The drawn faces, plates and the smile that are shipped with the stage Cover; `python -m benchmarks.drawings`."""

from __future__ import annotations

import json
from fractions import Fraction
from pathlib import Path

from benchmarks.drawn_canvas import Canvas
from benchmarks.drawn_faces import CAST, LANDMARKS, portrait
from benchmarks.drawn_plates import DRAWN
from pipeline.frame import Image

FOLDER = Path(__file__).parent.parent / "stages" / "privacy" / "drawn"
NAMES = "ada", "bo", "chi", "dot", "eli", "fay"
YELLOW, EDGE, INK = (60, 206, 252), (24, 150, 226), (32, 52, 92)


def draw_all(folder: Path = FOLDER) -> None:
    """Write all of them. Raises OSError."""
    for name in ("faces", "plates"):
        (folder / name).mkdir(parents=True, exist_ok=True)
    for name, looks in zip(NAMES, CAST, strict=True):
        write(folder / "faces" / f"{name}.png", portrait(looks))
        marks = json.dumps({"landmarks": LANDMARKS.tolist()})
        (folder / "faces" / f"{name}.json").write_text(marks + "\n")
    for name, plate in DRAWN.items():
        write(folder / "plates" / f"{name}.png", plate())
    write(folder / "smile.png", smile())


def smile() -> Image:
    """uint8 [256, 256, 4]."""
    canvas = Canvas(256, 256)
    canvas.oval((128, 128), (124, 124), EDGE)
    canvas.oval((128, 128), (116, 116), YELLOW, ground=True)
    canvas.oval((96, 64), (60, 34), (190, 238, 255), soft=16)
    for x in (90, 166):
        canvas.oval((x, 104), (13, 21), INK)
        canvas.oval((x - 4, 95), (4, 6), (255, 255, 255))
    canvas.curve((128, 136), (64, 60), (18, 162), INK, 10)
    return canvas.picture()


def write(path: Path, picture: Image) -> None:
    """[h, w, 4] as a PNG file."""
    from av.codec.context import CodecContext
    from av.video.frame import VideoFrame

    context = CodecContext.create("png", "w")
    context.height, context.width = picture.shape[:2]
    context.pix_fmt, context.time_base = "rgba", Fraction(1, 25)
    context.options = {"compression_level": "9", "pred": "mixed"}
    frame = VideoFrame.from_ndarray(picture, format="bgra").reformat(format="rgba")
    frame.pts, frame.time_base = 0, Fraction(1, 25)
    path.write_bytes(b"".join(bytes(packet) for packet in [*context.encode(frame), *context.encode(None)]))


if __name__ == "__main__":
    draw_all()
