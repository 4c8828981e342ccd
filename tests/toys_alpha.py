"""A stage of known behaviour that cuts a soft disc out of each picture, and what reads pictures with alpha back."""

from __future__ import annotations

from pathlib import Path

import av
import numpy as np

from pipeline.frame import Frame, FrameSpec, Image
from pipeline.stage import Transform

WIDTH, HEIGHT = 64, 48


def disc(index: int, width: int = WIDTH, height: int = HEIGHT) -> Image:
    """Alpha number `index`: a disc with a soft edge that moves, uint8 [H, W]."""
    y, x = np.mgrid[0:height, 0:width]
    distance = np.hypot(x - width / 2 - index, y - height / 2)
    return np.clip(255 - 25.0 * (distance - 8), 0, 255).astype(np.uint8)


def colours(index: int, width: int = WIDTH, height: int = HEIGHT) -> Image:
    """Foreground number `index`: soft colours all over the picture, uint8 [H, W, 3]."""
    y, x = np.mgrid[0:height, 0:width]
    return np.stack([40 + 3 * x, 200 - 2 * y, np.full_like(x, 60 + 5 * index)], axis=-1).clip(0, 255).astype(np.uint8)


def frame_of(index: int, spec: FrameSpec, step: int) -> Frame:
    """A frame as behind a matting stage."""
    planes = {"alpha": disc(index, spec.width, spec.height), "foreground": colours(index, spec.width, spec.height)}
    for plane in planes.values():
        plane.flags.writeable = False
    return Frame(planes, index=index, pts=index * step, duration=step)


class Disc(Transform):
    """Writes the disc, its colours, and both over green; breaks at the frame `poison`."""

    writes = ("alpha", "foreground", "clean")

    poison: int = -1

    def process(self, frame: Frame) -> None:
        if frame.index == self.poison:
            raise ValueError("told to break")
        height, width = frame.alpha.shape
        frame.alpha[:] = disc(frame.index, width, height)
        frame.foreground[:] = colours(frame.index, width, height)
        share = frame.alpha[..., None] / 255.0
        frame.clean[:] = np.round(share * frame.foreground + (1 - share) * np.array([0, 255, 0]))


def decode_alpha(path: Path) -> list[Image]:
    """All pictures of a file, uint8 [H, W, 4] BGRA; those of VP9 by libvpx: FFmpeg's own decoder leaves alpha out."""
    with av.open(str(path)) as box:
        stream = box.streams.video[0]
        context = stream.codec_context
        if context.name == "vp9":
            context = av.CodecContext.create("libvpx-vp9", "r")
        found = [frame for packet in box.demux(stream) for frame in context.decode(packet if packet.size else None)]
    assert all(any(part.is_alpha for part in frame.format.components) for frame in found)
    return [frame.to_ndarray(format="bgra") for frame in found]
