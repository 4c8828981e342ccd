"""Runs of `cleanplate run remove-people` for a measurement: as shipped, or with a stage of it replaced."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass, field
from importlib import resources
from pathlib import Path
from typing import Any

import torch
import yaml

from models import weights
from models.base import ModelError
from models.blocks import SegmentationModel
from pipeline.errors import RunError

COMMAND = Path(sys.executable).parent / "cleanplate"
LIMIT_S = 600.0
STAGES = "benchmarks.removal_stages"


@dataclass
class Variant:
    """The shipped configuration, and what is different in it: by stage its class (`uses`) and fields, and stages that
    follow `inpainting` beside the output."""

    uses: dict[str, str] = field(default_factory=dict)
    options: dict[str, dict[str, Any]] = field(default_factory=dict)
    beside: list[dict[str, Any]] = field(default_factory=list)

    def write(self, path: Path) -> Path:
        """As a file for `cleanplate run`."""
        content = yaml.safe_load((resources.files("configs") / "remove-people.yaml").read_text())
        for stage in content["stages"]:
            stage["uses"] = self.uses.get(stage["name"], stage["uses"])
            stage["with"] = {**stage.get("with", {}), **self.options.get(stage["name"], {})}
            if stage["name"] in self.uses and stage["name"] == "plate":
                stage["with"] = self.options.get("plate", {})  # another class has other fields
        content["stages"] += self.beside
        path.write_text(yaml.safe_dump(content, sort_keys=False))
        return path


def unremembered(lama: Path) -> Variant:
    """The model on every frame: no plate."""
    return Variant(uses={"plate": f"{STAGES}:Unremembered"}, options=_same(lama))


def plated(lama: Path, *, counted: bool = False) -> Variant:
    """As shipped, with that LaMa; `counted`: the calls of the inpainter go into the report."""
    beside = [{"name": "counter", "uses": f"{STAGES}:Counter", "after": "inpainting"}] if counted else []
    return Variant(options=_same(lama), beside=beside)


def with_segmenter(variant: Variant, name: str, folder: Path, clip: Path) -> Variant:
    """With another segmenter. Where its weights are not here, random ones take its time and the truth of the `clip`,
    made by `removal_clip`, is its answer."""
    try:
        weights.locate(name)
    except ModelError:
        options = {"model": str(random_yolo(name, folder)), "clip": str(clip)}
        variant.uses["segmentation"] = f"{STAGES}:TrueInstances"
    else:
        options = {"model": name}
    variant.options["segmentation"] = options
    return variant


def random_yolo(name: str, folder: Path) -> Path:
    """A checkpoint of one of Ultralytics' segmentation networks with random weights, as Ultralytics saves them."""
    path = folder / f"{name}.pt"
    if not path.exists():
        torch.manual_seed(0)
        model = SegmentationModel(f"{name}.yaml", verbose=False)
        model.names = {index: f"class {index}" if index else "person" for index in range(80)}
        model.args, model.task = {"imgsz": 640}, "segment"
        torch.save({"model": model.half(), "ema": None, "epoch": -1, "train_args": {}, "version": "8.4.190"}, path)
    return path


def remove(
    config: Path | str,
    clip: Path,
    output: Path | str,
    folder: Path,
    *,
    sets: Sequence[str] = (),
    frames: int = 0,
    start: float = 0.0,
) -> dict[str, Any]:
    """The report of one run, from `start` seconds on. Raises RunError where it did not go well."""
    report = folder / "report.json"
    limit = [*(["--frames", str(frames)] if frames else []), *(["--start", str(start)] if start else [])]
    chosen = [part for one in sets for part in ("--set", one)]
    done = subprocess.run(
        [COMMAND, "run", config, "-i", clip, "-o", output, "--report", report, "--quiet", *limit, *chosen],
        capture_output=True, text=True, timeout=LIMIT_S, check=False,
    )  # fmt: skip
    if done.returncode:
        last = (done.stderr.strip().splitlines() or ["it said nothing"])[-1]
        raise RunError(f"{config} on {clip.name} ended with {done.returncode}: {last}")
    found: dict[str, Any] = json.loads(report.read_text())
    return found


def _same(lama: Path) -> dict[str, dict[str, Any]]:
    """Whatever else differs, the model is the one that the usual loop calls."""
    return {"inpainting": {"model": "lama", "weights": str(lama)}}
