"""Checkpoints of Ultralytics' own networks with made-up weights, saved as Ultralytics saves them; and what the official
predictor finds with them.

There are no published weights on a machine without network. Random ones do to compare two ways of running a network, if
they find something: batch norms are set from real pictures, and the class outputs are shifted until a few boxes pass.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import nn

from models.blocks import SegmentationModel
from models.letterbox import Letterbox
from tests.scenes import asset

NAMES = {index: name for index, name in enumerate(["person", "bicycle", "car", *map(str, range(3, 80))])}


def save_checkpoint(path: Path, architecture: str, seed: int = 0, passing: int = 30) -> nn.Module:
    """Save random weights of an architecture (`yolo11n-seg`) of which at least `passing` boxes score above 0.25."""
    torch.manual_seed(seed)
    model = SegmentationModel(f"{architecture}.yaml", verbose=False)
    model.names, model.args, model.task = NAMES, {"imgsz": 640}, "segment"
    calibrate(model)
    shift_scores(model, passing)
    torch.save({"model": model.half(), "ema": None, "epoch": -1, "train_args": {}, "version": "8.4.190"}, path)
    return model.float()


def calibrate(model: nn.Module) -> None:
    """Give every batch norm the statistics of real pictures, so that all layers answer to what they see."""
    norms = [module for module in model.modules() if isinstance(module, nn.BatchNorm2d)]
    for norm in norms:
        norm.momentum = None  # the mean over all that is seen
    model.train()
    with torch.no_grad():
        for name in ("bus.jpg", "zidane.jpg"):
            model(pixels(name))
    for norm in norms:
        norm.momentum = 0.03
    model.eval()


def shift_scores(model: nn.Module, passing: int) -> None:
    """Spread the head's answers, and shift the scores until `passing` cells of each of two pictures pass."""
    head = model.model[-1]
    branch, pictures = head.one2many, [features_of(model, pixels(name)) for name in ("bus.jpg", "zidane.jpg")]
    boxed, scored = ([each[-1] for each in branch[name]] for name in ("box_head", "cls_head"))
    for last in boxed:
        nn.init.normal_(last.weight, std=0.1)
        nn.init.constant_(last.bias, 2.0)
    for last in scored:
        nn.init.normal_(last.weight, std=0.05)
        nn.init.zeros_(last.bias)
    with torch.no_grad():
        best = [head.forward_head(features, **branch)["scores"].amax(1).flatten() for features in pictures]
    least = min(float(each.sort(descending=True).values[passing]) for each in best)
    for last in scored:
        nn.init.constant_(last.bias, -1.1 - least)  # the sigmoid of -1.1 is 0.25


def features_of(model: nn.Module, x: torch.Tensor) -> list[torch.Tensor]:
    """What the head is given."""
    given: list[list[torch.Tensor]] = []
    hook = model.model[-1].register_forward_pre_hook(lambda _, inputs: given.append(list(inputs[0])))
    with torch.no_grad():
        model(x)
    hook.remove()
    return given[0]


def pixels(name: str) -> torch.Tensor:
    """What a network sees of an asset: float RGB 0..1 [1, 3, H, W]."""
    canvas = on_canvas(asset(name))
    return torch.from_numpy(np.ascontiguousarray(canvas[..., ::-1])).permute(2, 0, 1)[None].float() / 255


def on_canvas(picture: np.ndarray) -> np.ndarray:
    fit = Letterbox.fit(*picture.shape[:2])
    canvas = fit.canvas()
    fit.draw(picture, canvas)
    return canvas


@dataclass(frozen=True)
class Official:
    """What Ultralytics' predictor found: boxes [N, 4], scores [N], classes [N], masks uint8 [N, h, w]."""

    boxes: np.ndarray
    scores: np.ndarray
    classes: np.ndarray
    masks: np.ndarray


def official(folder: Path, calls: list[dict[str, object]]) -> list[Official]:
    """Run the official predictor once per call: `checkpoint`, `picture` (an asset) and the arguments of `predict`.

    In one process of its own: on a torch without torchvision's operators these are declared there, so that it imports.
    """
    script = Path(__file__).with_name("official_predictor.py")
    env = {**os.environ, "YOLO_OFFLINE": "1", "YOLO_AUTOINSTALL": "false", "YOLO_CONFIG_DIR": str(folder)}
    done = subprocess.run(
        [sys.executable, "-m", "tests.official_predictor", str(folder), json.dumps(calls)],
        cwd=script.parent.parent,
        env=env,
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    results = []
    for index in range(len(calls)):
        with np.load(folder / f"{index}.npz") as box:
            results.append(Official(*(box[key] for key in ("boxes", "scores", "classes", "masks"))))
    return results
