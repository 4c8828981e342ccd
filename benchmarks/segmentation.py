"""What the segmentation stage takes beside its bare network: `python -m benchmarks.segmentation --clip VIDEO`.

Each picture goes through the network alone and through the whole stage (letterbox to union mask, or to label map) in
turns, so that whatever else the machine does slows both; the ratio is the median over these pairs.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import av
import cv2
import numpy as np

from benchmarks.results import complete, save
from pipeline.frame import STANDARD_PLANES, Frame, FrameSpec, Image
from stages.segmentation import InstanceSegmentation, Segmentation
from stages.segmentation.stage import Finding

GOAL = 1.15  # stage over network, union mask
STAGES: dict[str, type[Finding]] = {"union mask": Segmentation, "label map": InstanceSegmentation}


def pictures(path: Path, count: int, size: tuple[int, int]) -> Iterator[Image]:
    """So many pictures of a video, evenly spread, at width and height `size`."""
    with av.open(str(path)) as box:
        stream = box.streams.video[0]
        step = max(1, (stream.frames or count) // count)
        for index, frame in enumerate(box.decode(stream)):
            if index % step == 0 and index // step < count:
                yield cv2.resize(frame.to_ndarray(format="bgr24"), size, interpolation=cv2.INTER_LINEAR)


def pairs(stage: Finding, images: Sequence[Image], rounds: int) -> list[tuple[float, float]]:
    """Seconds of the bare network and of the stage, for each picture in turn; the first round is not counted."""
    height, width = images[0].shape[:2]
    spec = FrameSpec(width=width, height=height)
    stage.setup(spec)
    segmenter: Any = stage._segmenter
    planes = {name: np.zeros(plane.shape(spec), plane.dtype) for name, plane in STANDARD_PLANES.items()}
    frame, taken = Frame(planes, index=0), []
    for turn in range(rounds + 1):
        for image in images:
            np.copyto(frame.image, image)
            begun = time.perf_counter()
            segmenter.run_bare(image)
            between = time.perf_counter()
            stage.process(frame)
            if turn:
                taken.append((between - begun, time.perf_counter() - between))
    return taken


def measure(wanted: argparse.Namespace) -> dict[str, Any]:
    """The figures of both stages."""
    width, height = map(int, wanted.size.split("x"))
    images = list(pictures(wanted.clip, wanted.pictures, (width, height)))
    figures: dict[str, Any] = {}
    for name, kind in STAGES.items():
        stage = kind(model=wanted.model, engine=wanted.engine, precision=wanted.precision, classes=wanted.classes)
        bare, whole = np.array(pairs(stage, images, wanted.rounds)).T
        figures[name] = {
            "engine": f"{stage._segmenter.info.engine} {stage._segmenter.info.precision}",
            "network_ms": round(float(np.median(bare)) * 1e3, 2),
            "stage_ms": round(float(np.median(whole)) * 1e3, 2),
            "ratio": round(float(np.median(whole / bare)), 3),
        }
    return figures


def main(arguments: Sequence[str] | None = None) -> int:
    """1 where the goal is missed."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.segmentation")
    parser.add_argument("--clip", type=Path, required=True, help="a video with people in it")
    parser.add_argument("--model", default="yolov5s-seg")
    parser.add_argument("--classes", nargs="+", default=["person"])
    parser.add_argument("--engine", default="auto")
    parser.add_argument("--precision", default="auto")
    parser.add_argument("--size", default="1280x720", help="to which pictures are scaled")
    parser.add_argument("--pictures", type=int, default=12)
    parser.add_argument("--rounds", type=int, default=8)
    parser.add_argument("--json", type=Path, help="where the result is written")
    wanted = parser.parse_args(arguments)
    figures = measure(wanted)
    if wanted.json:
        save(wanted.json, complete("segmentation", {"size": wanted.size, "model": wanted.model, "figures": figures}))
    for name, figure in figures.items():
        sys.stdout.write(
            f"{name:<11} {figure['engine']}: network {figure['network_ms']} ms, stage {figure['stage_ms']} ms, "
            f"{figure['ratio']:.3f} times\n"
        )
    return 0 if figures["union mask"]["ratio"] <= GOAL else 1


if __name__ == "__main__":
    sys.exit(main())
