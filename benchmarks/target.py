"""Is a target followed? The mask of remove-target against the truth, on a real clip and on one full of occlusion.

python -m benchmarks.target            # needs the test data; CLEANPLATE_DATA or --data says where it lies
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import av
import cv2
import numpy as np

from benchmarks.results import FOLDER, complete, save
from benchmarks.target_clip import shots
from pipeline.config import load_config
from pipeline.frame import FrameSpec, Image
from pipeline.inline import Inline

GOAL, WITHIN = 0.6, 5  # mean IoU; frames after a reappearance
SEEN, FOUND = 0.25, 0.5  # share of the target that counts as seen again, and IoU that counts as found
STAGES = ("ingest", "segmentation", "target")


@dataclass(frozen=True)
class Step:
    """One frame: the truth, what was masked, what may not be (None: not known), uint8 [H, W]; how much is visible."""

    image: Image
    truth: Image
    mask: Image
    others: Image | None = None
    visible: float = 1.0

    @property
    def iou(self) -> float:
        """Of mask and truth; 1 where both are empty."""
        either = np.count_nonzero(self.truth | self.mask)
        return float(np.count_nonzero(self.truth & self.mask) / either) if either else 1.0

    @property
    def strayed(self) -> bool:
        """Whether most of what is masked is somebody else."""
        return self.others is not None and np.count_nonzero(self.mask & self.others) > 0.5 * max(
            1, np.count_nonzero(self.mask)
        )


def follow(images: Iterable[Image], targets: Sequence[str], sets: Sequence[str] = ()) -> Iterator[Image]:
    """The masks of these targets, one after the other, as the stream comes, not grown; `sets` as for a run."""
    given = [f"target.targets={json.dumps(list(targets))}", "target.grow=0", *sets]
    plan = load_config("remove-target", sets=given, given="pictures", wanted="null:")
    kept = [built for built in plan.stages if built.name in STAGES]
    steps: Inline | None = None
    try:
        for image in images:
            if steps is None:
                steps = Inline(kept, FrameSpec(width=image.shape[1], height=image.shape[0])).__enter__()
            yield steps.process(image).mask.copy()
    finally:
        if steps is not None:
            steps.__exit__(None, None, None)


def bmx(data: Path, sets: Sequence[str] = ()) -> list[Step]:
    """`real/bmx-trees`, the target given as the first mask's box."""
    images = [_picture(path, "bgr24") for path in sorted((data / "real" / "bmx-trees").glob("*.jpg"))]
    masks = [_picture(path, "gray") for path in sorted((data / "real" / "bmx-trees_mask").glob("*.png"))]
    truths = [np.where(mask > 0, np.uint8(255), np.uint8(0)) for mask in masks]
    found = follow(images, [box_of(truths[0])], sets)
    return [Step(*step) for step in zip(images, truths, found, strict=True)]


def hidden(data: Path, sets: Sequence[str] = ()) -> list[Step]:
    """The clip of `benchmarks.target_clip`, the target given as her box in the first frame."""
    clip = list(shots(data / "composites"))
    masks = follow((shot.image for shot in clip), [box_of(clip[0].target)], sets)
    return [
        Step(shot.image, shot.target, mask, shot.others, shot.visible) for shot, mask in zip(clip, masks, strict=True)
    ]


def reappearances(steps: Sequence[Step]) -> dict[int, int | None]:
    """Frame at which the target is seen again after having been hidden whole -> frames until it is found; None: never
    before it is gone again."""
    found: dict[int, int | None] = {}
    gone = False
    for index, step in enumerate(steps):
        if step.visible == 0:
            gone = True
        elif gone and step.visible >= SEEN:
            gone = False
            found[index] = _delay(steps[index:])
    return found


def _delay(steps: Sequence[Step]) -> int | None:
    for frames, step in enumerate(steps):
        if step.visible == 0:
            break
        if step.iou >= FOUND:
            return frames
    return None


def box_of(mask: Image) -> str:
    """Its box as a target of frame 0."""
    rows, columns = np.flatnonzero(mask.max(1)), np.flatnonzero(mask.max(0))
    x, y, right, bottom = columns[0], rows[0], columns[-1], rows[-1]
    return f"{x},{y},{right - x + 1},{bottom - y + 1}@0"


def sheet(steps: Sequence[Step], path: Path, every: int) -> None:
    """Every so-many-th frame: the mask in red, the truth's rim in green, the IoU. Raises OSError."""
    tiles = []
    for index in range(0, len(steps), every):
        step = steps[index]
        tile = step.image.copy()
        red = step.mask > 0
        tile[red] = (tile[red] * 0.4 + np.array([0, 0, 153])).astype(np.uint8)
        rims, _ = cv2.findContours(step.truth, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
        cv2.drawContours(tile, rims, -1, (0, 255, 0), 1)
        tile = cv2.resize(tile, (320, 320 * tile.shape[0] // tile.shape[1]), interpolation=cv2.INTER_AREA)
        tiles.append(cv2.putText(tile, f"{index}: {step.iou:.2f}", (4, 14), 0, 0.45, (0, 255, 255), 1))
    tiles += [np.zeros_like(tiles[0])] * (-len(tiles) % 5)
    whole = np.vstack([np.hstack(tiles[row : row + 5]) for row in range(0, len(tiles), 5)])
    with av.open(str(path), "w", format="image2", options={"update": "1"}) as box:
        video = box.add_stream("png", rate=1)
        video.width, video.height, video.pix_fmt = whole.shape[1], whole.shape[0], "rgb24"
        box.mux(video.encode(av.VideoFrame.from_ndarray(whole, format="bgr24").reformat(format="rgb24")))
        box.mux(video.encode(None))


def facts(ridden: Sequence[Step], sought: Sequence[Step]) -> dict[str, Any]:
    """What the result says."""
    again = reappearances(sought)
    seen = [step.iou for step in sought if step.visible >= SEEN]
    return {
        "bmx_trees": {"mean_iou": _mean(ridden), "goal": GOAL, "iou": [round(step.iou, 3) for step in ridden]},
        "hidden": {
            "mean_iou_where_seen": round(float(np.mean(seen)), 4),
            "frames_until_found_again": again,
            "goal": WITHIN,
            "frames_on_somebody_else": sum(step.strayed for step in sought),
            "iou": [round(step.iou, 3) for step in sought],
            "visible": [round(step.visible, 3) for step in sought],
        },
    }


def _mean(steps: Sequence[Step]) -> float:
    return round(float(np.mean([step.iou for step in steps])), 4)


def _picture(path: Path, pixels: str) -> Image:
    with av.open(str(path)) as box:
        return np.asarray(next(box.decode(video=0)).to_ndarray(format=pixels), np.uint8)


def main(arguments: Sequence[str] | None = None) -> int:
    """0 where both goals are met, 1 where not."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--set", dest="sets", action="append", default=[], metavar="PATH=VALUE")
    parser.add_argument("--output", type=Path, default=FOLDER / "target.json")
    parser.add_argument("--sheets", type=Path, help="a folder for pictures of what was followed")
    wanted = parser.parse_args(arguments)
    ridden, sought = bmx(wanted.data, wanted.sets), hidden(wanted.data, wanted.sets)
    result = facts(ridden, sought)
    save(wanted.output, complete("target", {"sets": wanted.sets, **result}))
    if wanted.sheets:
        wanted.sheets.mkdir(parents=True, exist_ok=True)
        sheet(ridden, wanted.sheets / "bmx-trees.png", 4)
        sheet(sought, wanted.sheets / "hidden.png", 4)
    again = result["hidden"]["frames_until_found_again"]
    lines = [
        f"bmx-trees: mean IoU {result['bmx_trees']['mean_iou']:.3f} over {len(ridden)} frames (goal {GOAL})",
        f"hidden: found again after {list(again.values())} frames (goal {WITHIN}), mean IoU where seen "
        f"{result['hidden']['mean_iou_where_seen']:.3f}, on somebody else in "
        f"{result['hidden']['frames_on_somebody_else']} frames",
    ]
    sys.stdout.write("\n".join(lines) + "\n")
    found = all(frames is not None and frames <= WITHIN for frames in again.values())
    return 0 if result["bmx_trees"]["mean_iou"] >= GOAL and found else 1


if __name__ == "__main__":
    sys.exit(main())
