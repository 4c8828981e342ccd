"""How near is a matte to the truth? On clips with a known alpha: the plain mask beside the matte that is made of it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import av
import cv2
import numpy as np
from numpy.typing import NDArray

from pipeline.frame import Image
from pipeline.inline import Inline

CLIPS = Path(__file__).resolve().parents[2] / "shared" / "data" / "composites"
CLASSES = {"fixed_room_dog": "[dog]"}  # else: person
SIGMA = 1.4  # pixels, of the derivatives of a Gaussian: as in Rhemann et al.
GOAL = 0.6  # of the plain mask's error, at most

Plane = NDArray[np.float32]


def errors(found: Image, truth: Image) -> dict[str, float]:
    """`mad`: mean absolute difference, of 255; `gradient`: sum of squared differences of the gradients of 0..1,
    in thousands (Rhemann et al.: A Perceptually Motivated Online Benchmark for Image Matting, CVPR 2009)."""
    one, other = (_gradient(picture.astype(np.float32) / 255) for picture in (found, truth))
    return {
        "mad": float(cv2.absdiff(found, truth).mean()),
        "gradient": float(((one - other) ** 2).sum()) / 1000,
    }


def flicker(found: Image, found_before: Image, truth: Image, truth_before: Image) -> float:
    """How far the change from frame to frame is from the true one: root of the mean square, of 255 (dtSSD of Erofeev et
    al.: Perceptually Motivated Benchmark for Video Matting, BMVC 2015)."""
    one, other = found.astype(np.float32) - found_before, truth.astype(np.float32) - truth_before
    return float(np.sqrt(((one - other) ** 2).mean()))


def of_clip(folder: Path, sets: tuple[str, ...] = ()) -> dict[str, Any]:
    """The errors of the mask and of the matte, averages over all frames of a clip, and what the one is of the other."""
    classes = f"segmentation.classes={CLASSES.get(folder.name, '[person]')}"
    totals: dict[str, list[dict[str, float]]] = {"mask": [], "matte": []}
    last: dict[str, Image] = {}
    with Inline.of("matte", width=640, height=360, sets=(classes, *sets)) as steps:
        for picture, truth in zip(
            _read(folder / "input.mp4", "bgr24"), _read(folder / "alpha.mkv", "gray"), strict=True
        ):
            frame = steps.process(picture)
            for what, plane in (("mask", frame.mask), ("matte", frame.alpha)):
                moved = flicker(plane, last[what], truth, last["truth"]) if last else 0.0
                totals[what].append({**errors(plane, truth), "flicker": moved})
            last = {"mask": frame.mask.copy(), "matte": frame.alpha.copy(), "truth": truth}
    return compared({what: _means(rows) for what, rows in totals.items()})


def compared(means: dict[str, dict[str, float]]) -> dict[str, Any]:
    """Both, and the share that the matte's errors are of the mask's."""
    shares = {name: round(means["matte"][name] / means["mask"][name], 3) for name in means["mask"]}
    rounded = {what: {name: round(value, 3) for name, value in row.items()} for what, row in means.items()}
    return {**rounded, "share": shares}


def overall(clips: dict[str, dict[str, Any]]) -> dict[str, Any]:
    """Averages over the clips, and whether they are as asked."""
    means = {what: _means([clip[what] for clip in clips.values()]) for what in ("mask", "matte")}
    whole = compared(means)
    return {**whole, "goals": {name: whole["share"][name] <= GOAL for name in ("mad", "gradient")}}


def _means(rows: list[dict[str, float]]) -> dict[str, float]:
    return {name: float(np.mean([row[name] for row in rows])) for name in rows[0]}


def _gradient(alpha: Plane) -> Plane:
    """Magnitude, by the derivatives of a Gaussian."""
    reach = int(np.ceil(3 * SIGMA))
    at = np.arange(-reach, reach + 1, dtype=np.float64)
    smooth = np.exp(-at * at / (2 * SIGMA * SIGMA))
    slope = -at * smooth
    both = np.outer(smooth, slope)
    both /= np.sqrt((both * both).sum())
    across, down = (cv2.filter2D(alpha, -1, kernel) for kernel in (both, both.T))
    return cv2.magnitude(across, down)  # type: ignore[no-any-return]


def _read(path: Path, layout: str) -> Iterator[Image]:
    with av.open(str(path)) as container:
        for picture in container.decode(video=0):
            yield picture.to_ndarray(format=layout).astype(np.uint8, copy=False)
