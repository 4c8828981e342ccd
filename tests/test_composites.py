"""The chain of stages on clips whose true background is known."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import av
import cv2
import numpy as np
import pytest

from pipeline.frame import FrameSpec
from stages.inpainting import Inpainting, Plate
from tests.frames import Bench, blank_frame

CLIPS = Path(__file__).resolve().parents[2] / "shared" / "data" / "composites"

pytestmark = pytest.mark.skipif(not CLIPS.is_dir(), reason=f"no test clips at {CLIPS}")


def pictures(path: Path) -> Iterator[np.ndarray]:
    with av.open(str(path)) as box:
        for frame in box.decode(video=0):
            yield frame.to_ndarray(format="bgr24")


def hole_psnr(name: str, plate: bool = True) -> float:
    """Mean PSNR (dB) in the true mask grown by 3 pixels; the hole is grown by 7; by plate and Telea, or Telea alone."""
    folder, spec = CLIPS / name, FrameSpec(width=640, height=360)
    bench, filler, scores = Bench(Plate(), spec), Inpainting(model="telea"), []
    filler.setup(spec)
    for image, truth, mask in zip(*(pictures(folder / f) for f in ("input.mp4", "bg.mp4", "mask.mkv")), strict=True):
        hidden, judged = (cv2.dilate(mask[..., 0], np.ones((n, n), np.uint8)) > 127 for n in (15, 7))
        hole = hidden.astype(np.uint8) * 255
        frame = bench.frame(image=image, mask=hole) if plate else blank_frame(spec)
        if not plate:
            frame.filled[:], frame.rest[:], frame.mask[:] = image, hole, hole
        filler.process(frame)
        if judged.any():
            error = (frame.clean[judged].astype(float) - truth[judged]) ** 2
            scores.append(10 * np.log10(255**2 / error.mean()))
    return float(np.mean(scores))


@pytest.mark.parametrize(("name", "least"), [("fixed_room_cross", 41), ("fixed_room_dog", 40)])
def test_a_still_camera_gives_the_background_back(name: str, least: float) -> None:
    assert hole_psnr(name) > least


def test_under_a_moving_camera_the_plate_is_no_worse_than_none() -> None:
    assert hole_psnr("pan_stream_walk") > hole_psnr("pan_stream_walk", plate=False) - 0.05
