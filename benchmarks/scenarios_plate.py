"""Runs the plate, and the inpainter behind it, over a scenario with the masks that it gives instead of a detector."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar

import cv2
import numpy as np
import yaml
from numpy.typing import NDArray
from pydantic import PrivateAttr

from benchmarks.scenarios_clip import Scenario
from pipeline.config import Plan, load_config
from pipeline.frame import OBJECT, Frame, FrameSpec, Image
from pipeline.inline import Inline
from pipeline.stage import Transform


class Given(Transform):
    """Writes the masks of an array file, uint8 [frames, H, W], and no objects: in the place of a segmenter."""

    writes: ClassVar[tuple[str, ...]] = ("objects", "mask")

    path: str

    _masks: NDArray[np.uint8] = PrivateAttr()

    def setup(self, spec: FrameSpec) -> None:
        self._masks = np.load(self.path, mmap_mode="r", allow_pickle=False)

    def process(self, frame: Frame) -> None:
        np.copyto(frame.mask, self._masks[frame.index])
        frame.put_objects(frame.objects[:0])


class GivenInstances(Transform):
    """The same for `tracking`: each island of a mask is somebody who was found in that frame."""

    writes: ClassVar[tuple[str, ...]] = ("found", "labels")

    path: str

    _masks: NDArray[np.uint8] = PrivateAttr()

    def setup(self, spec: FrameSpec) -> None:
        self._masks = np.load(self.path, mmap_mode="r", allow_pickle=False)

    def process(self, frame: Frame) -> None:
        count, islands, facts, _ = cv2.connectedComponentsWithStats(np.ascontiguousarray(self._masks[frame.index]))
        rows = np.zeros(count - 1, OBJECT)
        rows["track"], rows["score"], rows["landmarks"] = -1, 0.9, np.nan
        x, y, width, height = facts[1:, :4].T
        rows["box"] = np.stack((x, y, x + width, y + height), 1)
        np.copyto(frame.labels, islands, casting="unsafe")
        frame.put_found(rows)


@dataclass
class Outcome:
    """What came out: pictures, in each frame the share of the mask that the plate did not know, and the time.

    `forgot`: how often the plate threw everything away."""

    frames: list[Image] = field(default_factory=list)
    rest: list[float] = field(default_factory=list)
    plate_ms: float = 0.0
    counts: Mapping[str, int] = field(default_factory=dict)


def run_plate(scenario: Scenario, *, model: str = "telea", tracking: bool = False, **plate_options: Any) -> Outcome:
    """Every frame through `plate` with these options and then `inpainting`, in this process.

    `model`: what fills what the plate does not know; `tracking`: the given masks go through the stage that holds those
    of people who are missed. Raises ConfigError for an option that the plate does not have."""
    outcome, seconds = Outcome(), []
    width, height = scenario.size
    with tempfile.TemporaryDirectory() as folder:
        plan = _plan(scenario, Path(folder), model, tracking, plate_options)
        spec = FrameSpec(width=width, height=height, rate=scenario.rate)
        with Inline.whole(plan, spec) as steps:
            for image in scenario.frames:
                times = dict(steps.timed(image))
                seconds.append(times["plate"])
                outcome.frames.append(steps.planes["clean"].copy())
                hole = np.count_nonzero(steps.planes["mask"])
                outcome.rest.append(np.count_nonzero(steps.planes["rest"]) / hole if hole else 0.0)
            outcome.counts = dict(_counts(steps))
    outcome.plate_ms = 1000 * float(np.median(seconds))
    return outcome


def _plan(scenario: Scenario, folder: Path, model: str, tracking: bool, plate: Mapping[str, Any]) -> Plan:
    masks = folder / "masks.npy"
    np.save(masks, np.stack(scenario.masks))
    given = f"benchmarks.scenarios_plate:{'GivenInstances' if tracking else 'Given'}"
    stages: list[dict[str, Any]] = [
        {"name": "ingest", "uses": "stages.ingest:Auto"},
        {"name": "segmentation", "uses": given, "with": {"path": str(masks)}},
        *([{"name": "tracking", "uses": "stages.tracking:Tracking"}] if tracking else []),
        {"name": "plate", "uses": "stages.inpainting:Plate", "with": dict(plate)},
        {"name": "inpainting", "uses": "stages.inpainting:Inpainting", "with": {"model": model}},
        {"name": "output", "uses": "stages.output:Auto"},
    ]
    path = folder / "scenario.yaml"
    path.write_text(yaml.safe_dump({"name": "scenario", "stages": stages}, sort_keys=False))
    return load_config(str(path), environment={}, given="lavfi:testsrc2", wanted="null:")


def _counts(steps: Inline) -> Iterator[tuple[str, int]]:
    for step in steps._steps:
        yield from step.stage.context.counts.items()
