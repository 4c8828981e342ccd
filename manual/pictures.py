"""Pictures of the uses, made by running them on the sample `vtest`: sheets of two moments, and one that moves.

`python -m manual.pictures` makes all of them anew, `python -m manual.pictures privacy matting` those that are named.
"""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from itertools import islice
from pathlib import Path

import av
import cv2
import numpy as np

from pipeline.cli.demo import fit, most_changed, open_pairs
from pipeline.cli.footage import fetch
from pipeline.cli.sheet import draw_sheet
from pipeline.config import load_config
from pipeline.errors import RunError
from pipeline.frame import Image
from pipeline.run import run_plan

FOLDER = Path(__file__).resolve().parent.parent / "docs" / "pictures"
CELL, QUALITY = 400, 82  # width of a picture on a sheet, and of JPEG
MOVING = Path(__file__).resolve().parent.parent / "docs" / "remove-people.webp"
FROM, SECONDS, HALF, RATE, MOVING_QUALITY = 4, 8, 384, 5, 55  # of the one that moves; both halves are so wide


@dataclass(frozen=True)
class Shot:
    """A use of a shipped configuration on so many seconds of the sample."""

    name: str
    config: str
    sets: tuple[str, ...] = ()
    seconds: int = 6
    quarters: tuple[int, int] = (1, 3)  # of that time, from which a moment is shown


SHOTS = (
    Shot("remove-people", "remove-people", seconds=FROM + SECONDS),
    Shot("remove-target", "remove-target", ("target.targets=['620,236,44,118@59']",), seconds=12, quarters=(2, 3)),
    Shot("privacy", "privacy-people", ("cover.effect=silhouette",)),
    Shot("matting", "matte", ("composite.background=green",)),
)


def make(shot: Shot, folder: Path) -> Path:
    """Run it, and draw its sheet; of the removal of people the picture that moves too. Raises RunError."""
    street, result = fetch("vtest"), folder / f"{shot.name}.mkv"
    sets = [*shot.sets, f"ingest.end={shot.seconds}", "output.codec=ffv1"]
    ended = run_plan(load_config(shot.config, given=str(street), wanted=str(result), sets=sets))
    if ended.code:
        raise RunError(f"{shot.name}: {ended.error or ended.code}")
    if shot.name == "remove-people":
        move(street, result, MOVING, begin=FROM)
    picture = FOLDER / f"{shot.name}.jpg"
    spec, pairs = open_pairs(street, result)
    moments = most_changed(pairs, round(shot.seconds * spec.rate), fit(spec, CELL), spec.time_base)
    sheet = draw_sheet([moments[quarter] for quarter in shot.quarters])
    done, coded = cv2.imencode(".jpg", sheet, [cv2.IMWRITE_JPEG_QUALITY, QUALITY])
    assert done
    picture.write_bytes(coded.tobytes())
    return picture


def move(before: Path, after: Path, out: Path, *, begin: float = 0) -> None:
    """An animated WebP of both side by side from the second `begin` on, RATE pictures a second."""
    spec, _ = open_pairs(before, after)
    wanted = slice(round(begin * spec.rate), None, max(1, round(spec.rate / RATE)))
    with av.open(str(out), "w", format="webp", options={"loop": "0"}) as box:
        stream = box.add_stream("libwebp_anim", rate=Fraction(RATE), options={"quality": str(MOVING_QUALITY)})
        stream.width, stream.height = 2 * HALF, HALF * spec.height // spec.width // 2 * 2
        stream.pix_fmt = "yuv420p"
        for number, image in enumerate(_both(before, after, (HALF, stream.height), wanted)):
            frame = av.VideoFrame.from_ndarray(image, format="bgr24")
            frame.pts, frame.time_base = number, 1 / Fraction(RATE)
            box.mux(stream.encode(frame))
        box.mux(stream.encode(None))


def _both(before: Path, after: Path, size: tuple[int, int], wanted: slice) -> Iterator[Image]:
    """Input and result side by side, uint8 [h, 2 w, 3] BGR, of the frames that are wanted."""
    for pair in islice(open_pairs(before, after)[1], wanted.start, wanted.stop, wanted.step):
        yield np.hstack([cv2.resize(half, size, interpolation=cv2.INTER_AREA) for half in (pair.before, pair.after)])


def main(names: list[str]) -> None:
    """Make those that are named, or all."""
    FOLDER.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory() as folder:
        for shot in SHOTS:
            if not names or shot.name in names:
                sys.stderr.write(f"{make(shot, Path(folder))}\n")


if __name__ == "__main__":
    main(sys.argv[1:])
