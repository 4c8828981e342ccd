"""YOLO checkpoints that find boxes: built without running any of them, and what they find is what their own network
finds."""

from __future__ import annotations

import subprocess
import sys
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

import models.yolo
from models.base import ModelError
from models.blocks import DetectionModel, PoseModel
from models.letterbox import Letterbox
from models.proposals import detections
from models.registry import knows, load_detector
from models.restricted_pickle import read_checkpoint
from models.yolo_detector import YoloDetector, read_family
from models.yolo_graph import Rep, build
from models.yolo_heads import ImplicitDetect
from stages.privacy import finders
from tests.checkpoints import calibrate, pixels, shift_scores
from tests.scenes import asset
from tests.thorough import rarely

PICTURE = "zidane.jpg"
MODELS: dict[str, tuple[type, dict[str, Any]]] = {
    "yolov10n": (DetectionModel, {}),
    "yolo26n": (DetectionModel, {}),
    "yolov8n-pose": (PoseModel, {"data_kpt_shape": (5, 3)}),
    "yolo26n-pose": (PoseModel, {"data_kpt_shape": (5, 2)}),
}
NAMES = {0: "Human face", 1: "License_Plate"}


@cache
def network(architecture: str) -> nn.Module:
    """An architecture with made-up weights that finds something."""
    kind, options = MODELS[architecture]
    torch.manual_seed(0)
    model = kind(f"{architecture}.yaml", nc=len(NAMES), verbose=False, **options)
    model.names, model.args = NAMES, {"imgsz": 640}
    calibrate(model)
    shift_scores(model, 30)
    return model.half().float()


def saved(folder: Path, model: nn.Module, name: str = "own.pt") -> Path:
    path = folder / name
    torch.save({"model": model.half(), "ema": None}, path)
    model.float()
    return path


@torch.inference_mode()
def decoded(model: nn.Module, x: torch.Tensor) -> np.ndarray:
    """What the network's own decoding makes of it, before any suppression: [N, 4 + classes + points]."""
    head = model.model[-1]
    before, head.export = head.export, False
    raw = head.forward_head(model_features(model, x), **head.one2many)
    head.export = before
    raw["feats"] = model_features(model, x)
    head.anchors = head.strides = torch.empty(0)
    head.shape = None
    answer: torch.Tensor = head._inference(raw)
    return answer[0].T.numpy()


def model_features(model: nn.Module, x: torch.Tensor) -> list[torch.Tensor]:
    from tests.checkpoints import features_of

    return features_of(model, x)


@pytest.mark.parametrize(
    "architecture",
    ["yolov10n", *rarely(*(name for name in MODELS if name != "yolov10n"))],
)
def test_what_is_found_is_what_the_network_itself_says(architecture: str, tmp_path: Path) -> None:
    model = network(architecture)
    path = saved(tmp_path, model)
    detector = load_detector(str(path), engine="torch", precision="float32")
    assert detector.names == ("face", "plate")
    picture = asset(PICTURE)
    found = detector.detect(picture, 0.25)
    rows = decoded(model, pixels(PICTURE))
    marks = np.full((len(rows), 5, 2), np.nan, np.float32)
    shape = getattr(model, "kpt_shape", None)
    if shape and shape[0] == 5:
        marks = rows[:, 6:].reshape(-1, *shape)[..., :2]
    wanted = detections(rows[:, :4], rows[:, 4:6], marks, Letterbox.fit(*picture.shape[:2]), 0.25)
    assert len(wanted) > 5
    assert len(found) == len(wanted)
    np.testing.assert_allclose(found.scores, wanted.scores, atol=2e-3)
    np.testing.assert_allclose(found.boxes, wanted.boxes, atol=1.0)
    np.testing.assert_allclose(found.landmarks, wanted.landmarks, atol=1.0)
    assert np.isfinite(found.landmarks).all() == bool(shape and shape[0] == 5)


@pytest.mark.long
def test_a_checkpoint_is_a_detector_or_a_segmenter_by_what_is_in_it(tmp_path: Path) -> None:
    path = str(saved(tmp_path, network("yolo26n")))
    assert knows("detect", path)
    assert not knows("segment", path)
    finder = finders.load(f"{path}#names=plate,car", 320, None, engine="torch", device="cpu", precision="float32")
    assert finder.classes == {"plate", "car"}


def test_nothing_in_a_checkpoint_is_run(tmp_path: Path) -> None:
    """Neither what is pickled in it, nor what its plan says."""
    model = network("yolo26n")
    plan = model.yaml
    model.yaml = {**plan, "activation": f"__import__('os').system('touch {tmp_path}/canary')"}
    try:
        path = saved(tmp_path, model)
    finally:
        model.yaml = plan
    with pytest.raises(ModelError, match="no activation"):
        read_family(path)
    assert not (tmp_path / "canary").exists()


def test_names_must_be_as_many_as_classes(tmp_path: Path) -> None:
    path = saved(tmp_path, network("yolo26n"))
    with pytest.raises(ModelError, match="2 classes, but names=plate are 1"):
        YoloDetector(f"{path}#names=plate")


def test_a_network_for_something_else_is_named(tmp_path: Path) -> None:
    path = tmp_path / "other.pt"
    torch.save({"model": nn.Conv2d(3, 8, 3)}, path)
    with pytest.raises(ModelError, match=r"holds a torch\.nn\.modules\.conv\.Conv2d, not a YOLO detection model"):
        load_detector(str(path))


class Told:
    """An engine that gives what it is told."""

    def __init__(self, *answer: torch.Tensor) -> None:
        self.answer = answer

    def __call__(self, canvas: np.ndarray) -> tuple[torch.Tensor, ...]:
        return self.answer


@pytest.mark.parametrize("spoilt", ["scores", "boxes", "shape"])
def test_an_answer_that_cannot_be_is_an_error(spoilt: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = saved(tmp_path, network("yolo26n"))
    detector = YoloDetector(str(path), size=64, engine="torch", precision="float32")
    boxes, scores = torch.zeros(1, 4, 84), torch.full((1, 2, 84), -9.0)
    scores[0, 0, 3] = 3.0
    if spoilt == "scores":
        scores[0, 1, 80] = torch.nan
    if spoilt == "boxes":
        boxes[0, 2, 3] = torch.inf
    if spoilt == "shape":
        boxes = boxes[..., :-1]
    monkeypatch.setattr(detector, "_engine", Told(boxes, scores))
    with pytest.raises(FloatingPointError):
        detector.detect(np.zeros((64, 64, 3), np.uint8), 0.5)


# YOLOv5 and YOLOv7: small networks by plans of theirs.

ANCHORS = [[10, 13, 16, 30, 33, 23], [30, 61, 62, 45, 59, 119], [116, 90, 156, 198, 373, 326]]


def plan(kind: str) -> dict[str, Any]:
    backbone: list[Any] = [[-1, 1, "Conv", [width, 3, 2]] for width in (8, 16, 32)]  # 2: a stride of 8
    backbone += [[-1, 1, "Conv", [32, 3, 2]], [-1, 1, "Conv", [32, 3, 2]]]
    head: list[Any] = [[-1, 1, "RepConv", [32, 3, 1]]] if kind == "IDetect" else [[-1, 1, "C3", [32]]]
    head += [[[2, 3, 5], 1, kind, ["nc", "anchors"]]]
    return {
        "nc": 2,
        "depth_multiple": 1.0,
        "width_multiple": 1.0,
        "anchors": ANCHORS,
        "backbone": backbone,
        "head": head,
    }


class Old(nn.Module):
    """A network as YOLOv5 and YOLOv7 pickle theirs; it is never run."""

    def __init__(self, kind: str) -> None:
        super().__init__()
        torch.manual_seed(3)
        self.yaml, self.names = plan(kind), ["lp", "car"]
        layers, self.sources = build(self.yaml)
        self.model = nn.ModuleList(layers)
        for module in self.modules():
            if isinstance(module, nn.BatchNorm2d):
                nn.init.uniform_(module.running_mean, -0.2, 0.2)
                nn.init.uniform_(module.running_var, 0.5, 1.5)
        head = layers[-1]
        head.anchors[:] = torch.tensor(ANCHORS).view(3, 3, 2) / torch.tensor([8.0, 16.0, 32.0]).view(3, 1, 1)
        for conv in head.m:
            nn.init.normal_(conv.weight, std=0.5)
        if isinstance(head, ImplicitDetect):
            for shift, scale in zip(head.ia, head.im, strict=True):
                nn.init.normal_(shift.implicit, std=0.3)
                nn.init.uniform_(scale.implicit, 0.5, 1.5)
        self.eval()

    @torch.inference_mode()
    def decoded(self, x: torch.Tensor) -> np.ndarray:
        """[N, 4 + classes], as YOLOv5 decodes."""
        results = {-1: x}
        for index, (layer, sources) in enumerate(zip(self.model, self.sources, strict=True)):
            inputs = [results[source] for source in sources]
            results[index] = layer(inputs if index == len(self.model) - 1 else inputs[0])
        rows = []
        for level, anchors, stride in zip(
            results[len(self.model) - 1], self.model[-1].anchors, (8, 16, 32), strict=True
        ):
            _, _, height, width = level.shape
            s = level.view(3, 7, height, width).permute(0, 2, 3, 1).sigmoid()
            y, x_ = torch.meshgrid(torch.arange(height), torch.arange(width), indexing="ij")
            xy = (s[..., :2] * 2 - 0.5 + torch.stack((x_, y), -1)) * stride
            wh = (s[..., 2:4] * 2) ** 2 * (anchors * stride)[:, None, None]
            rows.append(torch.cat((xy, wh, s[..., 5:] * s[..., 4:5]), -1).reshape(-1, 6))
        return torch.cat(rows).numpy()


@pytest.mark.parametrize("kind", ["Detect", "IDetect"])
@pytest.mark.parametrize("pickled", ["DetectionModel", "Model"])
def test_yolov5_and_yolov7_find_what_they_say(
    kind: str, pickled: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    theirs = type(pickled, (Old,), {"__module__": "models.yolo"})
    monkeypatch.setattr(models.yolo, pickled, theirs, raising=False)
    old = theirs(kind)
    path = tmp_path / "old.pt"
    torch.save({"model": old}, path)
    assert read_checkpoint(path).root["model"].kind == f"models.yolo.{pickled}"
    picture = asset(PICTURE)
    rows = old.decoded(pixels(PICTURE))
    least = float(np.sort(rows[:, 4:].max(1))[-40])
    none = np.full((len(rows), 5, 2), np.nan, np.float32)
    wanted = detections(rows[:, :4], rows[:, 4:], none, Letterbox.fit(*picture.shape[:2]), least)
    detector = load_detector(str(path), engine="torch", precision="float32")
    found = detector.detect(picture, least)
    assert detector.names == ("plate", "car")
    assert len(wanted) > 5
    assert len(found) == len(wanted)
    np.testing.assert_allclose(found.scores, wanted.scores, atol=1e-3)
    np.testing.assert_allclose(found.boxes, wanted.boxes, atol=0.5)


def test_a_layer_with_three_ways_adds_them() -> None:
    torch.manual_seed(0)
    layer, x = Rep(4, 4).eval(), torch.randn(1, 4, 8, 8)
    assert torch.allclose(
        layer(x), nn.functional.silu(layer.rbr_dense(x) + layer.rbr_1x1(x) + layer.rbr_identity(x)), atol=1e-6
    )
    assert not hasattr(Rep(4, 8), "rbr_identity")


def test_no_library_is_loaded_before_a_detector_is_wanted() -> None:
    code = """
import sys
from stages.privacy import Detection
Detection(detectors=["/m/plates.onnx#names=plate"], classes=["plate"])
assert not {"torch", "onnx", "onnxruntime", "openvino", "ultralytics"} & set(sys.modules), "too much imported"
"""
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)
