"""Pictures to show what a run did: input and output side by side, as a video and as a contact sheet."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import numpy as np

from pipeline.cli.sheet import Moment, draw_sheet
from pipeline.errors import RunError
from pipeline.frame import Frame, FrameSpec, Image
from stages.ingest.file import File as Source
from stages.output.file import File as Sink
from stages.output.part import count_packets

HALF = 640  # widest half of the side-by-side video, pixels
CELL = 400  # width of a picture in the contact sheet
MOMENTS = 4


@dataclass(frozen=True)
class Pair:
    """The same moment before and after: `pts` and `duration` in ticks of the input's time base."""

    before: Image
    after: Image
    pts: int
    duration: int


def open_pairs(before: Path, after: Path) -> tuple[FrameSpec, Iterator[Pair]]:
    """The input's spec, and frame by frame what went in and what came out. Each pair is valid until the next one."""
    sources = Source(input=str(before)), Source(input=str(after))
    first, second = (source.open() for source in sources)
    if (first.width, first.height) != (second.width, second.height):
        raise RunError(
            f"{before} and {after} differ in size: {first.width}x{first.height}, {second.width}x{second.height}"
        )
    for source in sources:
        source._frame = Frame({"image": np.zeros((first.height, first.width, 3), np.uint8)})
    return first, _pairs(*sources)


def _pairs(before: Source, after: Source) -> Iterator[Pair]:
    for _ in zip(before.frames(), after.frames(), strict=False):
        yield Pair(before.frame.image, after.frame.image, before.frame.pts, before.frame.duration)
    before.close()
    after.close()


def side_by_side(before: Path, after: Path, out: Path) -> Path:
    """Write a video with the input on the left and the output on the right, at the input's times. Returns `out`."""
    import cv2

    spec, pairs = open_pairs(before, after)
    width, height = fit(spec, HALF)
    both = np.zeros((height, 2 * width, 3), np.uint8)
    wide = spec.model_copy(
        update={"width": 2 * width, "height": height, "sample_aspect": Fraction(1), "source": "", "rotation": 0}
    )
    sink = Sink(output=str(out), crf=20)
    sink.setup(wide)
    for pair in pairs:
        both[:, :width] = cv2.resize(pair.before, (width, height), interpolation=cv2.INTER_AREA)
        both[:, width:] = cv2.resize(pair.after, (width, height), interpolation=cv2.INTER_AREA)
        sink.write(Frame({"clean": both}, pts=pair.pts, duration=pair.duration))
    sink.finish()
    sink.close()
    return out


def contact_sheet(before: Path, after: Path, png: Path) -> Path:
    """Write a picture of four moments, the input above the output: in each quarter the one that changed most."""
    import cv2

    spec, pairs = open_pairs(before, after)
    total = count_packets(str(after), lambda: None)
    moments = most_changed(pairs, total, fit(spec, CELL), spec.time_base)
    if not moments:
        raise RunError(f"{after}: no frame to show")
    done, coded = cv2.imencode(".png", draw_sheet(moments))
    assert done
    draft = png.with_name(f".{png.name}.part")
    draft.write_bytes(coded.tobytes())
    os.replace(draft, png)
    return png


def fit(spec: FrameSpec, width: int) -> tuple[int, int]:
    """Even width and height of the picture as it should look, at most `width` wide and never enlarged."""
    shape = Fraction(spec.width, spec.height) * spec.sample_aspect
    wide = min(width, round(spec.width * max(spec.sample_aspect, Fraction(1)))) // 2 * 2
    return max(2, wide), max(2, round(wide / shape / 2) * 2)


def most_changed(pairs: Iterator[Pair], total: int, size: tuple[int, int], time_base: Fraction) -> list[Moment]:
    """Of each of MOMENTS equal stretches of `total` frames, the moment with the greatest mean difference."""
    import cv2

    best: dict[int, Moment] = {}
    for number, pair in enumerate(pairs):
        stretch = min(MOMENTS - 1, number * MOMENTS // max(1, total))
        before, after = (cv2.resize(image, size, interpolation=cv2.INTER_AREA) for image in (pair.before, pair.after))
        change = float(cv2.absdiff(before, after).mean())
        if stretch not in best or change > best[stretch].change:
            best[stretch] = Moment(before, after, float(pair.pts * time_base), change)
    return [best[stretch] for stretch in sorted(best)]
