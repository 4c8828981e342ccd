"""The usual script for matting: decode, infer, lay over green, encode, each waiting for the one before; one process.

Batch 1, plain torch in float32, the blend in floats over the whole picture, as the public scripts do it. It runs the
same model as the pipeline that it is compared with, on all cores, and encodes as that does.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import torch

from models.refined import Refined, memory
from models.registry import load_segmenter
from pipeline.frame import Image

Matted = tuple[Image, Image]
"""Alpha uint8 [H, W] and colours uint8 [H, W, 3]."""

GREEN = np.array((153, 255, 120), np.float32)
ENCODER = {"preset": "veryfast", "crf": "20"}
WARM = 3  # frames that are not counted


def by_mask(height: int, width: int) -> Callable[[Image], Matted]:
    """The segmenter in torch, and the matte refined from its mask."""
    segmenter = load_segmenter("yolov5s-seg", classes=["person"], engine="torch", precision="float32", device="cpu")
    matter = Refined()
    turns = [{n: np.zeros(shape, kind) for n, (shape, kind) in memory(height, width).items()} for _ in range(2)]
    mask, alpha, colours = (np.empty((height, width, *rest), np.uint8) for rest in ((), (), (3,)))

    def matte(image: Image) -> Matted:
        segmenter.segment(image).paint(mask)
        matter.matte(image, mask, turns[0], turns[1], alpha, colours)
        turns.reverse()
        return alpha, colours

    return matte


def by_network(path: Path, ratio: float) -> Callable[[Image], Matted]:
    """A recurrent network, its states handed on."""
    load: Any = torch.jit.load
    model = load(str(path)).eval()
    states: list[Any] = [None] * 4

    @torch.inference_mode()
    def matte(image: Image) -> Matted:
        source = torch.from_numpy(image[..., ::-1].copy()).permute(2, 0, 1)[None].float() / 255
        front, share, *states[:] = model(source, *states, ratio)
        colours = (front[0].permute(1, 2, 0).flip(2) * 255).byte().numpy()
        return (share[0, 0] * 255).byte().numpy(), colours

    return matte


def run(matte: Callable[[Image], Matted], clip: Path, output: Path, most: int) -> float:
    """Frames a second over at most so many, after the first few."""
    seconds: list[float] = []
    with av.open(str(clip)) as source, av.open(str(output), "w") as target:
        stream = source.streams.video[0]
        writer: Any = target.add_stream("libx264", rate=stream.average_rate or Fraction(30), options=ENCODER)
        writer.width, writer.height, writer.pix_fmt = stream.width, stream.height, "yuv420p"
        pictures = source.decode(stream)
        while len(seconds) < most + WARM:
            begun = time.perf_counter()
            frame = next(pictures, None)
            if frame is None:
                break
            alpha, colours = matte(np.asarray(frame.to_ndarray(format="bgr24"), np.uint8))
            share = alpha[..., None].astype(np.float32) / 255
            result = (share * colours + (1 - share) * GREEN).astype(np.uint8)
            target.mux(writer.encode(av.VideoFrame.from_ndarray(result, format="bgr24")))
            seconds.append(time.perf_counter() - begun)
        target.mux(writer.encode(None))
    return len(seconds[WARM:]) / sum(seconds[WARM:])
