"""How well `cleanplate run remove-people` does on files whose true background is known, detector and all."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks import baseline
from benchmarks.removal_clip import make_clip
from benchmarks.removal_runs import remove
from benchmarks.scenarios_judge import Moment, each, mean
from pipeline.frame import Image

GOALS = {  # clip: PSNR in the hole, dB, at least; flicker in it, 8-bit levels, at most
    "fixed_room_cross": (38.0, 0.6),
    "fixed_room_dog": (38.0, 0.6),
    "fixed_room_standstill": (18.5, 0.8),
    "pan_stream_walk": (28.0, 10.0),
    "moving_goat_cross": (20.5, 22.0),
}
OUTSIDE_DB = 35.5
OWN = "two-people"  # the clip that is made here
USUAL = 3  # frames that the usual loop is timed on


@dataclass(frozen=True)
class File:
    """A clip in files: what goes in, the true masks and the truth, frame by frame."""

    name: str
    path: Path
    hidden: Sequence[Image]
    truth: Sequence[Image]
    says: str = ""
    classes: str = "person"
    floor_db: float | None = None  # what the codec alone costs, outside the mask
    ours: bool = False  # made here: its pictures may be shown to anybody
    extra: dict[str, Any] = field(default_factory=dict)


def files(folder: Path | None, scratch: Path) -> Iterator[File]:
    """The clip that is made here, then those of the folder: each a folder with input.mp4, bg.mp4, mask.mkv and
    meta.json. Raises OSError, av.FFmpegError."""
    yield _own(scratch)
    for place in sorted(p for p in folder.iterdir() if (p / "input.mp4").is_file()) if folder else ():
        meta = json.loads((place / "meta.json").read_text())
        yield File(
            place.name, place / "input.mp4", [mask[..., 0] for mask in pictures(place / "mask.mkv")],
            pictures(place / "bg.mp4"), meta.get("shows", ""), "dog" if "dog" in place.name else "person",
            meta.get("codec_floor_psnr_outside_mask_db"),
        )  # fmt: skip


def measure(file: File, usual: baseline.Usual | None, scratch: Path) -> tuple[dict[str, Any], list[Image]]:
    """The figures of a clip, and its frames as they came out. Lossless output, so that no encoder is judged.

    Raises RunError where the run did not go well."""
    out = scratch / "out.mkv"
    sets = ("output.codec=ffv1", f"segmentation.classes=[{file.classes}]")
    report = remove("remove-people", file.path, out, scratch, sets=sets)
    frames = pictures(out)
    moments = list(each(frames, file.truth, file.hidden))
    found: dict[str, Any] = {"says": file.says, "frames": len(frames), "fps": round(report["fps"], 1), **means(moments)}
    if file.floor_db is not None:
        found["floor_db"] = file.floor_db
    if usual is not None:
        ran = baseline.run(usual, file.path, scratch / "usual.mp4", every=max(1, len(frames) // USUAL), most=USUAL)
        found["usual_fps"] = round(ran.fps, 3)
    if file.name in GOALS:
        least, most = GOALS[file.name]
        found["goal"] = {"inside_db": least, "flicker": most, "outside_db": OUTSIDE_DB}
        found["met"] = bool(
            found["inside_db"] >= least and found["flicker"] <= most and found["outside_db"] >= OUTSIDE_DB
        )
    return found, frames


def means(moments: Sequence[Moment]) -> dict[str, Any]:
    """Of all frames, and the PSNR in the hole of each; None where a frame has none."""
    figures = {name: round(mean([getattr(m, name) for m in moments]), 2) for name in Moment.__dataclass_fields__}
    inside = [None if np.isnan(moment.inside_db) else round(moment.inside_db, 2) for moment in moments]
    return {**figures, "inside_of_frames": inside}


def pictures(path: Path) -> list[Image]:
    """All frames of a file, uint8 [H, W, 3] BGR. Raises OSError, av.FFmpegError."""
    import av

    with av.open(str(path)) as box:
        return [np.asarray(frame.to_ndarray(format="bgr24"), np.uint8) for frame in box.decode(video=0)]


def _own(scratch: Path) -> File:
    clip = make_clip(scratch / "own.mp4", people=2, frames=75, size=(640, 360))
    masks = [clip.mask(index) for index in range(len(clip.places))]
    says = "two people walk to and fro through a room; cut out of a photo, found by the detector"
    return File(OWN, clip.path, masks, [clip.room] * len(masks), says, ours=True)
