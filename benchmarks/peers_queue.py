"""The usual pipeline of processes: decode, segment, fill and encode, with a `multiprocessing.Queue` between each two.

Frames are pickled, piped and unpickled, mask and all. The segmenter and the inpainter are those of
`cleanplate run remove-people`, so that what differs is how the frames travel; nothing is remembered. Without a filler
nothing is looked for either: three processes hand the frames on as they are.
"""

from __future__ import annotations

import multiprocessing
import time
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import cv2
import numpy as np

from benchmarks.baseline import ENCODER, Ran
from models.registry import load_inpainter, load_segmenter
from stages.ingest.pace import Pace

DEEP = 4  # frames in a queue at most
GROW = 8  # pixels, as in the configuration
LIMIT_S = 300.0  # without a frame, and somebody has died: a queue does not say so


def run(clip: Path, output: Path, *, filler: str = "", pace: float = 0.0, most: int | None = None) -> Ran:
    """The file over three processes, H.264 comes out. `pace`: frames/s that come at most, 0 for all at once. Its
    seconds are those from a frame's being decoded to its being encoded. Raises queue.Empty where a process has died,
    av.FFmpegError, ModelError."""
    spawn = multiprocessing.get_context("spawn")
    decoded, masked, go = spawn.Queue(DEEP), spawn.Queue(DEEP), spawn.Event()
    children = [
        spawn.Process(target=_decode, args=(str(clip), decoded, go, pace, most)),
        spawn.Process(target=_segment if filler else _hand_on, args=(decoded, masked, go)),
    ]
    for child in children:
        child.start()
    try:
        return _fill(masked, output, filler)
    except BaseException:
        for child in children:
            child.kill()
        raise
    finally:
        for child in children:
            child.join()


def _decode(clip: str, decoded: Any, go: Any, pace: float, most: int | None) -> None:
    """The source. The first item is the frames' rate, height and width; the last one is None."""
    with av.open(clip) as source:
        stream = source.streams.video[0]
        decoded.put((stream.average_rate or Fraction(30), stream.height, stream.width))
        go.wait()
        due = Pace(time.sleep)
        for number, frame in enumerate(source.decode(stream)):
            if number == most:
                break
            image = frame.to_ndarray(format="bgr24")
            if pace:
                due.wait(number / pace)
            decoded.put((time.monotonic(), image))
    decoded.put(None)


def _segment(decoded: Any, masked: Any, go: Any) -> None:
    """The middle: no frame comes before the network is loaded."""
    segmenter = load_segmenter("yolov5s-seg", classes=["person"])
    side = np.ones((2 * GROW + 1, 2 * GROW + 1), np.uint8)
    facts = decoded.get()
    segmenter.warm_up(*facts[1:])
    masked.put(facts)
    go.set()
    for taken, image in _items(decoded):
        mask = np.zeros(image.shape[:2], np.uint8)
        segmenter.segment(image).paint(mask)
        masked.put((taken, image, cv2.dilate(mask, side)))
    masked.put(None)


def _hand_on(decoded: Any, masked: Any, go: Any) -> None:
    """A middle that does nothing."""
    masked.put(decoded.get())
    go.set()
    for taken, image in _items(decoded):
        masked.put((taken, image, np.zeros(image.shape[:2], np.uint8)))
    masked.put(None)


def _fill(masked: Any, output: Path, filler: str) -> Ran:
    """The end, in the process that asked for it all."""
    inpainter = load_inpainter(filler) if filler else None
    late: list[float] = []
    ended: list[float] = []
    begun, filled = 0.0, 0
    rate, height, width = masked.get(timeout=LIMIT_S)
    with av.open(str(output), "w") as target:
        writer: Any = target.add_stream("libx264", rate=rate, options=ENCODER)
        writer.width, writer.height, writer.pix_fmt = width, height, "yuv420p"
        for taken, image, mask in _items(masked):
            if inpainter and mask.any():
                image, filled = inpainter.inpaint(image, mask), filled + 1
            begun = begun or taken
            target.mux(writer.encode(av.VideoFrame.from_ndarray(image, format="bgr24")))
            ended.append(time.monotonic())
            late.append(ended[-1] - taken)
        target.mux(writer.encode(None))
    return Ran(late, filled, ended[-1] - begun if ended else None)


def _items(queue: Any) -> Iterator[tuple[Any, ...]]:
    while (item := queue.get(timeout=LIMIT_S)) is not None:
        yield item
