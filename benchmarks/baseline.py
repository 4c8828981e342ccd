"""The usual loop: how scripts for this task work, in one process, to be compared with; knows no plate and no memory.

It renders the habits of the public scripts for live removal (a segmenter of YOLO's family, `simple_lama_inpainting` on
every frame), which report about 5 frames/s at 720p on a large GPU, 3 to 5 on a smaller one, below 3 on a processor:

- one loop over the frames of a clip: decode, find people, inpaint, encode, each waiting for the one before;
- the network runs as it was published: plain torch in float32, the long side 640;
- one region for everybody: the box around all people, 48 pixels of margin, reduced to half its size;
- the TorchScript file of LaMa in float32 on every frame with somebody in it; nothing is remembered from frame to frame;
- the mask is not grown, and the whole region is pasted back, which softens what nobody stood in front of too.

Two known faults are left out, as they would change neither time nor pictures for the better: only the first person is
removed, and the padding to a multiple of eight is never cut off.

`python -m benchmarks.baseline CLIP [OUTPUT]` runs it over a file.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any, Protocol

import cv2
import numpy as np

from benchmarks.standins import big_lama
from models import weights
from models.registry import load_segmenter
from pipeline.frame import Image
from stages.box import Box, tight_box

MARGIN = 48  # pixels
SCALE = 0.5
COMPILED = 12
ENCODER = {"preset": "veryfast", "crf": "20"}


@dataclass(frozen=True)
class Ran:
    """`seconds`: of each frame, from decoding to encoding; `inpainted`: frames that the inpainter was called on;
    `whole_s`: of all frames, where several are under way at once."""

    seconds: Sequence[float]
    inpainted: int
    whole_s: float | None = None

    @property
    def fps(self) -> float:
        """Frames a second over all of them."""
        return len(self.seconds) / (self.whole_s or sum(self.seconds))


class Cleaner(Protocol):
    """What the loop asks frame by frame."""

    calls: int

    def clean(self, image: Image) -> Image:
        """The frame as it is to come out, uint8 [H, W, 3] BGR."""
        ...


class Usual:
    """One frame after the other, each by itself."""

    def __init__(self, lama: Path, *, segmenter: str = "yolov5s-seg", device: str = "cpu") -> None:
        """`lama`: a TorchScript file; `segmenter`: a name, or the path of a checkpoint. Raises ModelError."""
        self.calls = 0
        self._segmenter = load_segmenter(
            segmenter, classes=["person"], engine="torch", precision="float32", device=device
        )
        self._lama = _load(lama, device)

    def warm_up(self) -> None:
        """TorchScript watches its first calls and compiles what it has seen, for several sizes; then no more. That is
        counted for neither of us."""
        for number in range(COMPILED):
            height, width = 64 + 8 * (number // 4), 64 + 8 * (number % 4)
            mask = np.zeros((height, width), np.uint8)
            mask[16:32, 16:32] = 255
            self._lama(np.full((height, width, 3), 127, np.uint8), mask)

    def clean(self, image: Image) -> Image:
        """The frame without its people, uint8 [H, W, 3] BGR."""
        mask = np.zeros(image.shape[:2], np.uint8)
        self._segmenter.segment(image).paint(mask)
        found = tight_box(mask)
        if found is None:
            return image
        self.calls += 1
        region = found.grown(MARGIN, *mask.shape)
        result = image.copy()
        region.of(result)[:] = self._invent(region.of(image), region.of(mask), region)
        return result

    def _invent(self, picture: Image, mask: Image, region: Box) -> Image:
        """The whole region as LaMa sees it, at its full size again."""
        half = max(8, round(picture.shape[1] * SCALE)), max(8, round(picture.shape[0] * SCALE))
        small = cv2.resize(picture, half, interpolation=cv2.INTER_AREA)
        hole = cv2.resize(mask, half, interpolation=cv2.INTER_NEAREST)
        answer = np.asarray(self._lama(cv2.cvtColor(small, cv2.COLOR_BGR2RGB), hole))
        cut = cv2.cvtColor(np.ascontiguousarray(answer[: half[1], : half[0]]), cv2.COLOR_RGB2BGR)
        return cv2.resize(cut, picture.shape[1::-1], interpolation=cv2.INTER_LINEAR)  # type: ignore[no-any-return]


def run(usual: Cleaner, clip: Path, output: Path, *, every: int = 1, most: int | None = None) -> Ran:
    """The loop over a file, H.264 comes out. `every`: one of so many frames is looked at, the middle one, which leaves
    the time for each as it is; `most`: frames at most. Raises av.FFmpegError, OSError."""
    import av

    seconds: list[float] = []
    before = usual.calls
    with av.open(str(clip)) as source, av.open(str(output), "w") as target:
        stream = source.streams.video[0]
        writer: Any = target.add_stream("libx264", rate=stream.average_rate or Fraction(30), options=ENCODER)
        writer.width, writer.height, writer.pix_fmt = stream.width, stream.height, "yuv420p"
        pictures = source.decode(stream)
        _skip(pictures, every // 2)
        while most is None or len(seconds) < most:
            begun = time.perf_counter()
            frame = next(pictures, None)
            if frame is None:
                break
            result = usual.clean(np.asarray(frame.to_ndarray(format="bgr24"), np.uint8))
            target.mux(writer.encode(av.VideoFrame.from_ndarray(result, format="bgr24")))
            seconds.append(time.perf_counter() - begun)
            _skip(pictures, every - 1)
        target.mux(writer.encode(None))
    return Ran(seconds, usual.calls - before)


def _skip(pictures: Iterator[Any], count: int) -> None:
    for _ in range(count):
        next(pictures, None)


@contextmanager
def lama_file() -> Iterator[tuple[Path, str]]:
    """The file of LaMa that is here, and what it is: the published weights, or random ones of the same architecture,
    which take the same time and paint nonsense."""
    if weights.status("big-lama").state == "present":
        yield weights.locate("big-lama"), "big-lama"
        return
    with tempfile.TemporaryDirectory() as folder:
        yield big_lama(Path(folder)), "random weights of big-lama's architecture"


def _load(path: Path, device: str) -> Any:
    """As the scripts do, by the package."""
    import torch

    from models.lama_script import simple_lama

    return simple_lama(path, torch.device(device))


def main(arguments: Sequence[str] | None = None) -> None:
    """Print the frames a second."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.baseline")
    parser.add_argument("clip", type=Path)
    parser.add_argument("output", type=Path, nargs="?", default=Path("usual.mp4"))
    parser.add_argument("--frames", type=int, default=None)
    wanted = parser.parse_args(arguments)
    with lama_file() as (path, what):
        usual = Usual(path)
        usual.warm_up()
        done = run(usual, wanted.clip, wanted.output, most=wanted.frames)
    print(f"{done.fps:.3f} frames/s over {len(done.seconds)} frames, LaMa on {done.inpainted} ({what})")


if __name__ == "__main__":
    main()
