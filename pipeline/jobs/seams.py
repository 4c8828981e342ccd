"""Seams: how much the picture changes where two segments were joined, beside what changes around there anyway."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from pipeline.environment import cores
from pipeline.errors import SetupError
from pipeline.frame import FrameSpec
from pipeline.jobs.job import PARTS
from pipeline.jobs.manifest import Manifest, Segment, save
from pipeline.jobs.opening import Opened
from stages.ingest.pictures import Pictures
from stages.ingest.segment import oriented
from stages.media import open_media, shown

if TYPE_CHECKING:
    from av.video.frame import VideoFrame

NEAR = 4  # pictures on each side of a seam that are looked at
WIDTH = 240  # pixels to which they are made smaller: noise, and what an encoder does to single pixels, is no seam
SPOT = 9  # side of a spot in which a change is seen, in pixels of that
STILL = 4.0  # levels within which the input counts as unchanged
FAINTEST = 1.0  # levels: nobody sees a smaller change, however little there is around it
LONGEST = 600  # pictures that are decoded at most to know the input around one seam
STANDS_OUT = 3.0  # times as much as around it: to be told of
TOLD = 5  # of them by name

Small = NDArray[np.float32]


@dataclass(frozen=True)
class Shown:
    """A picture, gray and small, float32 [h, w] of 0 to 255, and when it is shown, in ticks of the job."""

    pts: int
    picture: Small


def measure_seams(job: Opened) -> None:
    """Have the manifest know `seam` of every segment, from the parts on the disk; what it knows already stays. Raises
    RunError where the manifest cannot be written."""
    segments = job.manifest.segments
    behind = [two for one, two in pairwise(segments) if one.state == two.state == "done"]
    numbers = {segment.index for segment in behind}
    for segment in segments:
        if segment.index not in numbers:
            segment.seam = None
    todo = [segment for segment in behind if segment.seam is None]
    if not todo:
        return
    with ThreadPoolExecutor(cores()) as pool:  # FFmpeg works while Python waits
        for segment, seam in zip(todo, pool.map(lambda one: _seam(job, one), todo), strict=True):
            segment.seam = seam
    save(job.manifest, job.folder)


def standing_out(manifest: Manifest) -> str:
    """One line about the seams that stand out; empty where none does."""
    found = [(one.seam, one) for one in manifest.segments if one.seam is not None and one.seam >= STANDS_OUT]
    if not found:
        return ""
    found.sort(key=lambda pair: (-pair[0], pair[1].index))
    begin, base = manifest.segments[0].first, manifest.spec.time_base
    told = [f"{one.index} ({seam:.1f} times, at {float((one.first - begin) * base):.1f} s)" for seam, one in found]
    more = f" and {len(told) - TOLD} more" if len(told) > TOLD else ""
    return (
        f"more changes than around it where these segments begin: {', '.join(told[:TOLD])}{more}; look there, and"
        " take a longer --reach or --preroll where it shows"
    )


def _seam(job: Opened, segment: Segment) -> float | None:
    """As `ratio`, the largest of all outputs; None where the files do not tell."""
    spec, found = job.manifest.spec, []
    inputs: dict[int, Small] | None = None
    for number in range(len(segment.hashes.result)):
        parts = [job.folder / PARTS / f"{index:05d}-{number}.nut" for index in (segment.index - 1, segment.index)]
        try:
            left, right = _last(parts[0], segment.first, spec), _first(parts[1], spec)
        except SetupError:
            return None
        if not left or not right:
            return None
        if inputs is None:
            inputs = _inputs(job.manifest.input.path, spec, [one.pts for one in (*left, *right)])
        found.append(ratio(left, right, inputs))
    return round(max(found), 2) if found else None


def ratio(left: Sequence[Shown], right: Sequence[Shown], inputs: Mapping[int, Small]) -> float:
    """How many times as much changes from the last picture of `left` to the first of `right` as in the median pair of
    neighbours within them. What changes in `inputs` (by time stamp; where they are known) is left out."""
    at = _change(left[-1], right[0], inputs)
    others = [_change(*pair, inputs) for row in (left, right) for pair in pairwise(row)]
    return at / max(FAINTEST, float(np.median(others)) if others else 0.0)


def _change(one: Shown, two: Shown, inputs: Mapping[int, Small]) -> float:
    """Levels by which the spot that changes most does so on average."""
    import cv2

    off = np.abs(one.picture - two.picture)
    was, is_now = inputs.get(one.pts), inputs.get(two.pts)
    if was is not None and is_now is not None and was.shape == is_now.shape == off.shape:
        still = (np.abs(was - is_now) <= STILL).astype(np.uint8)
        off = off * cv2.erode(still, np.ones((5, 5), np.uint8))
    return float(cv2.blur(off, (SPOT, SPOT)).max())


# Few pictures of a file


def _last(part: Path, stop: int, spec: FrameSpec) -> list[Shown]:
    """The last pictures of a part; `stop`: when the first one behind it is shown. Raises SetupError."""
    with closing(_open(part)) as pictures:
        base = pictures.stream.time_base or spec.time_base
        pictures.seek(round((stop - 1) * spec.time_base / base))
        found = deque(pictures, maxlen=NEAR)
    return [_shown(picture, spec) for picture in found]


def _first(part: Path, spec: FrameSpec) -> list[Shown]:
    """Raises SetupError."""
    found: list[Shown] = []
    with closing(_open(part)) as pictures:
        for picture in pictures:
            found.append(_shown(picture, spec))
            if len(found) == NEAR:
                break
    return found


def _inputs(video: str, spec: FrameSpec, wanted: Sequence[int]) -> dict[int, Small]:
    """Those of the pictures at the time stamps `wanted` that are soon found, as the pipeline sees them."""
    orientation, stamps = oriented(spec), set(wanted)
    size = orientation.size(*_small(spec.width, spec.height))
    found: dict[int, Small] = {}
    try:
        with closing(_open(Path(video))) as pictures:
            pictures.seek(min(wanted))
            for number, picture in enumerate(pictures):
                if number >= LONGEST or (picture.pts is not None and picture.pts > max(wanted)):
                    break
                if picture.pts in stamps:
                    found[picture.pts] = np.ascontiguousarray(orientation.apply(_gray(picture, size)))
                del picture
    except SetupError:
        return {}
    return found


def _open(path: Path) -> Pictures:
    return Pictures(open_media(str(path)), shown(path), lambda _: None, lambda: None)


def _shown(picture: VideoFrame, spec: FrameSpec) -> Shown:
    ticks = (picture.pts or 0) * (picture.time_base or spec.time_base) / spec.time_base
    return Shown(round(ticks), _gray(picture, _small(picture.width, picture.height)))


def _small(width: int, height: int) -> tuple[int, int]:
    """Width and height of a picture made small."""
    scale = min(1, WIDTH / width)
    return max(1, round(width * scale)), max(1, round(height * scale))


def _gray(picture: VideoFrame, size: tuple[int, int]) -> Small:
    width, height = size
    gray = picture.reformat(width=width, height=height, format="gray", interpolation="AREA")
    return gray.to_ndarray().astype(np.float32)
