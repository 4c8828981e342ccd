"""The canary: a pattern inside what is to be protected, which nothing that comes out may show; and who looks for it."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import av
import numpy as np

from models.base import Detections, ModelInfo
from pipeline.frame import Frame, FrameSpec, Image
from pipeline.stage import Source
from stages.looks import Looks
from stages.privacy.detection import Detection
from stages.privacy.finders import ByDetector
from stages.segmentation.labels import Labeller
from tests.faults.mortal import Mortal

WIDTH, HEIGHT, SIDE = 128, 96, 32
TINGE = 50  # levels by which red and blue are above green: also what an encoder has left of the pattern
RAW = b"\xff\x00\xff" * 8  # a run of its pixels, in either order of colours
UNKNOWN = np.full((5, 2), np.nan, np.float32)


def truth(number: int) -> tuple[int, int, int, int]:
    """x0 y0 x1 y1 of the one thing in picture `number`: it goes to and fro, and never jumps."""
    x, y = _to_and_fro(2 * number, WIDTH - SIDE), 10 + _to_and_fro(number, 40)
    return x, y, x + SIDE, y + SIDE


def _to_and_fro(steps: int, way: int) -> int:
    return min(steps % (2 * way), 2 * way - steps % (2 * way))


def scene(number: int) -> Image:
    """uint8 [HEIGHT, WIDTH, 3]: a grey room, and in the thing a magenta grid with the number as a bar code."""
    column = np.linspace(60, 160, WIDTH).astype(np.uint8)
    picture = np.repeat(np.tile(column, (HEIGHT, 1))[..., None], 3, axis=2)
    x0, y0, x1, y1 = truth(number)
    thing = picture[y0:y1, x0:x1]
    thing[:] = 30
    thing[::4] = thing[:, ::4] = (255, 0, 255)
    thing[10:20] = (255, 0, 255)
    for bit in range(8):
        if number >> bit & 1:
            thing[12:18, 4 * bit : 4 * bit + 3] = (0, 0, 0)
    return picture


def shows(image: Image) -> bool:
    """Whether any pixel of uint8 [H, W, 3] is tinged with the pattern's colour."""
    low = np.minimum(image[..., 0], image[..., 2]).astype(np.int16)
    return bool((low - image[..., 1] > TINGE).any())


def place_of(image: Image) -> str:
    """Where the pattern is seen, for who has to find out why."""
    low = np.minimum(image[..., 0], image[..., 2]).astype(np.int16)
    rows, columns = np.nonzero(low - image[..., 1] > TINGE)
    return f"rows {rows.min()} to {rows.max()}, columns {columns.min()} to {columns.max()}"


def pictures_of(path: Path) -> list[Image]:
    """All that can be decoded of a file; nothing where it is no picture and no video."""
    found = []
    try:
        with av.open(str(path)) as box:
            for frame in box.decode(video=0):
                found.append(frame.to_ndarray(format="bgr24"))
    except (av.FFmpegError, IndexError, ValueError, OSError):
        pass
    return found


def leaks_in(folder: Path) -> tuple[list[str], int]:
    """Of all files in a folder: those that show the pattern, decoded or as bare bytes; how many pictures there were."""
    leaks, looked = [], 0
    for path in sorted(path for path in folder.rglob("*") if path.is_file()):
        content = path.read_bytes()
        if RAW in content or b"255   0 255" in content or b"255, 0, 255" in content:
            leaks.append(f"{path.name}: bare")
        pictures = pictures_of(path)
        looked += len(pictures)
        leaks += [f"{path.name}: picture {at}" for at, picture in enumerate(pictures) if shows(picture)]
    return leaks, looked


class Parade(Mortal, Source):
    """Brings `count` scenes; what is in `lost` comes after a gap, what is in `damaged` is rejected."""

    count: int = 30
    lost: list[int] = []
    damaged: list[int] = []

    _next: int = 0

    def open(self) -> FrameSpec:
        spec = FrameSpec(width=WIDTH, height=HEIGHT, rate=25, time_base="1/25", live=type(self).live)  # type: ignore[arg-type]
        return spec

    def resume(self, frames: int, pts: int) -> None:
        self._next = pts + 1 if frames else 0

    def frames(self) -> Iterator[None]:
        for number in range(self._next, self.count):
            time.sleep(self.sleep)
            if self.context.asked_to_leave():
                return
            self.frame.image[:] = scene(number)
            self.frame.pts, self.frame.duration = number, 1
            self.frame.fresh = self.frame.fresh or number in self.lost
            self.frame.rejected = "told to" if number in self.damaged else ""
            self.meet("written", number)
            yield


class LiveParade(Parade):
    """The same, as a camera."""

    live = True


class Known:
    """A detector that knows the truth, and answers as it is told to."""

    info = ModelInfo("known")
    names = ("face",)

    def __init__(self) -> None:
        self.number, self.deed = 0, ""

    def detect(self, image: Image, confidence: float) -> Any:
        box = np.array([truth(self.number)], np.float32)
        scores = np.array([0.9], np.float32)
        return _spoilt(self.deed, Detections(box, scores, np.zeros(1, np.int64), UNKNOWN[None]))

    def warm_up(self, height: int, width: int) -> float:
        return 0.01


def _spoilt(deed: str, told: Detections) -> Any:
    """The answer as a broken model gives it; those that hang and raise do not come back."""
    boxes, scores, classes, marks = told.boxes, told.scores, told.classes, told.landmarks
    match deed:
        case "none":
            return None
        case "list":
            return []
        case "nan":
            boxes[0, 2] = np.nan
        case "inf":
            boxes[:] = np.inf
        case "score":
            scores[:] = np.nan
        case "shape":
            boxes = boxes[:, :3]
        case "count":
            boxes = np.tile(boxes, (2, 1))
        case "class":
            classes = classes - 1
        case "beside":
            boxes = boxes + 10 * WIDTH
        case "inverted":
            boxes = boxes[:, [2, 3, 0, 1]]
        case "far":
            boxes = boxes + np.array([-1e9, -1e9, 1e9, 1e9], np.float32)
        case "negative":
            boxes = boxes + np.array([-500, -500, 0, 0], np.float32)
        case "reordered":
            other = np.array([[1, 1, 9, 9]], np.float32)
            boxes, scores = np.concatenate((other, boxes)), np.array([0.3, 0.9], np.float32)
            classes, marks = np.zeros(2, np.int64), np.tile(UNKNOWN, (2, 1, 1))
        case "raise":
            raise RuntimeError("told to")
        case "memory":
            raise MemoryError("CUDA out of memory")
    return Detections(boxes, scores, classes, marks)


class Seer(Mortal, Detection):
    """Detection without a network: what it finds is the truth. `deeds`: how the answer is spoilt, by time stamp; of a
    live stream at all that leave the same rest, divided by `cycle`."""

    deadline = 1.0
    heavy = False

    deeds: dict[int, str] = {}
    cycle: int = 1_000_000

    _known: Known

    def weights_needed(self) -> list[str]:
        return []

    def setup(self, spec: FrameSpec) -> None:
        self._known = Known()
        self._finders = [ByDetector(self._known)]
        self._labeller, self._looks = Labeller(spec.height, spec.width), Looks(spec.live)

    def process(self, frame: Frame) -> None:
        self._known.number, self._known.deed = frame.pts, self.deeds.get(frame.pts % self.cycle, "")
        self.meet("granted", frame.pts)
        if self._known.deed == "late":
            time.sleep(600)
        super().process(frame)
        self.meet("written", frame.pts)


def pipeline(folder: Path, *sinks: dict[str, Any], source: str = "Parade", **fields: dict[str, Any]) -> dict[str, Any]:
    """Scenes, what is known of them, tracking, a cover, and these sinks. `fields`: of a stage, by its name."""
    middle = {
        "ingest": f"tests.faults.canary:{source}",
        "detection": "tests.faults.canary:Seer",
        "tracking": "stages.tracking:Tracking",
        "cover": "stages.privacy:Cover",
    }
    own: dict[str, dict[str, Any]] = {"detection": {"classes": ["face"], "shape": "box"}}
    stages = [
        {"name": name, "uses": uses, "with": own.get(name, {}) | fields.get(name, {})} for name, uses in middle.items()
    ]
    return {"name": "canary", "fail": "closed", "stages": [*stages, *({**sink, "after": "cover"} for sink in sinks)]}


def to_file(folder: Path) -> dict[str, Any]:
    return {
        "name": "file",
        "uses": "stages.output.file:File",
        "with": {"output": str(folder / "out" / "clean.mkv"), "codec": "ffv1"},
    }
