"""Ultralytics' own networks: built from a checkpoint without running any of it, and what they find is what the
official predictor finds."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
import torch
from torch import nn

from models import blocks
from models.base import Instances, ModelError
from models.registry import load_segmenter
from models.restricted_pickle import read_checkpoint
from models.ultralytics_seg import Ultralytics, safe_plan
from models.yolo import YoloSegmenter, read_family
from models.yolo_pickled import follow
from tests.checkpoints import NAMES, Official, official, on_canvas, save_checkpoint
from tests.pickled import assert_as_pickled
from tests.scenes import asset
from tests.thorough import rarely

ARCHITECTURES = ("yolo11n-seg", "yolov8n-seg", "yolo26n-seg")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A checkpoint of each architecture."""
    folder = tmp_path_factory.mktemp("checkpoints")
    for architecture in ARCHITECTURES:
        save_checkpoint(folder / f"{architecture}.pt", architecture)
    return folder


def segmenter(path: Path, classes: list[str] | None = None, **options: Any) -> YoloSegmenter:
    options = {"iou": 0.5, "precision": "float32", "engine": "torch", **options}
    return YoloSegmenter(classes=classes or list(NAMES.values()), weights_file=str(path), **options)


HALF = list(range(40))
CALLS: list[dict[str, Any]] = [
    {"picture": picture, "retina_masks": fine, "classes": classes, "imgsz": 640, "conf": 0.25, "iou": 0.5}
    for picture, fine, classes in (("bus.jpg", True, HALF), ("zidane.jpg", True, None), ("zidane.jpg", False, HALF))
]


# Every call with one architecture, and every architecture with one call: what a call asks for is met in one place.
PAIRS = [(one, call) for one in range(len(ARCHITECTURES)) for call in range(len(CALLS)) if one == 0 or call == 1]


@pytest.fixture(scope="module")
def officially(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[tuple[int, int], Official]:
    """What Ultralytics' predictor finds, by architecture and call: one process, for it takes seconds to start."""
    calls = [{"checkpoint": str(folder / f"{ARCHITECTURES[one]}.pt"), **CALLS[call]} for one, call in PAIRS]
    return dict(zip(PAIRS, official(tmp_path_factory.mktemp("official"), calls), strict=True))


@pytest.mark.parametrize("architecture", [ARCHITECTURES[0], *rarely(*ARCHITECTURES[1:])])
def test_it_finds_what_the_official_predictor_finds(
    folder: Path, officially: dict[tuple[int, int], Official], architecture: str
) -> None:
    mine = segmenter(folder / f"{architecture}.pt")
    for (one, at), theirs in officially.items():
        if ARCHITECTURES[one] != architecture:
            continue
        call = CALLS[at]
        mine.tune(classes=[NAMES[index] for index in call["classes"] or NAMES], confidence=0.25, iou=0.5)
        picture = asset(str(call["picture"]))
        # Without retina_masks theirs are masks of the letterboxed picture: so is what ours is given.
        found = mine.segment(picture if call["retina_masks"] else on_canvas(picture))
        assert len(found) == len(theirs.scores) > 5
        assert np.allclose(found.scores, theirs.scores, atol=1e-4)
        assert np.array_equal(found.classes, theirs.classes)
        if call["retina_masks"]:
            assert np.allclose(found.boxes, theirs.boxes, atol=0.02)
        assert_same_masks(found, theirs)


def assert_same_masks(found: Instances, theirs: Official) -> None:
    """No mask differs from theirs by more than a pixel at its boundary, but for one in two thousand of its pixels."""
    around = np.ones((3, 3), np.uint8)
    for patch, mask in zip(found.patches, theirs.masks, strict=True):
        height, width = patch.mask.shape
        ours = np.zeros_like(mask)
        ours[patch.y : patch.y + height, patch.x : patch.x + width] = patch.mask > 0
        beyond = (ours > cv2.dilate(mask, around)) | (ours < cv2.erode(mask, around))
        assert beyond.sum() <= 5 + mask.sum() / 2000


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_every_tensor_is_loaded_and_every_flag_followed(folder: Path, architecture: str) -> None:
    checkpoint = read_checkpoint(folder / f"{architecture}.pt")
    pickled, torches = checkpoint.root["model"], blocks.SegmentationModel(f"{architecture}.yaml", verbose=False)
    assert checkpoint.state_dict(pickled).keys() == torches.state_dict().keys()
    family = Ultralytics(checkpoint, pickled)
    assert family.names == tuple(NAMES.values())
    assert not any(isinstance(module, nn.BatchNorm2d) for module in family.network.modules())


def test_what_was_pickled_otherwise_than_todays_blocks_is_followed(tmp_path: Path) -> None:
    """As with weights trained before a release of ultralytics changed a block."""
    path = tmp_path / "older.pt"
    model = save_checkpoint(path, "yolo11n-seg")
    model.model[9].cv1.act = nn.Hardswish()
    model.model[4].cv1.bn.eps = 0.02
    torch.save({"model": model.half()}, path)
    checkpoint = read_checkpoint(path)
    built = blocks.SegmentationModel(safe_plan(checkpoint, checkpoint.root["model"].get("yaml")), verbose=False)
    follow(built, checkpoint.root["model"])
    assert isinstance(built.model[9].cv1.act, nn.Hardswish)
    assert built.model[4].cv1.bn.eps == 0.02
    assert_as_pickled(built, checkpoint.root["model"])


def test_a_layer_of_another_kind_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "odd.pt"
    model = save_checkpoint(path, "yolov8n-seg")
    model.model[10] = nn.PixelShuffle(2)
    torch.save({"model": model.half()}, path)
    with pytest.raises(ModelError, match=r"layer model\.10 is a torch\.nn\.modules\.pixelshuffle\.PixelShuffle"):
        read_family(path)


def test_missing_and_foreign_tensors_are_refused_in_one_line(folder: Path) -> None:
    for change in ("missing", "foreign"):
        checkpoint = read_checkpoint(folder / "yolov8n-seg.pt")
        first = checkpoint.root["model"].state["_modules"]["model"].state["_modules"]["0"].state
        weight = first["_modules"]["conv"].state["_parameters"].pop("weight")
        if change == "foreign":
            first["_modules"]["conv"].state["_parameters"]["heavy"] = weight
        with pytest.raises(ModelError, match="no segmentation network of Ultralytics") as caught:
            Ultralytics(checkpoint, checkpoint.root["model"])
        assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"activation": "__import__('os').system('true')"}, "is no activation of torch.nn"),
        ({"activation": "nn.SiLU() or print(1)"}, "is no activation of torch.nn"),
        ({"head": [[-1, 1, "load_checkpoint", ["evil.pt"]]]}, "'load_checkpoint', .* is no layer"),
        ({"head": [[-1, 1, "TorchVision", [64, "resnet18"]]]}, "'TorchVision', .* is no layer"),
        ({"head": [[-1, 1, "torchvision.ops.nms", []]]}, "'torchvision.ops.nms', .* is no layer"),
        ({"head": [[-1, 1, "nn.init.uniform_", []]]}, "'nn.init.uniform_', .* is no layer"),
        ({"head": ["Segment"]}, "'Segment' is no layer"),
        ({"head": [[-1, 1, 7, []]]}, "7, .* is no layer"),
        ({"head": None}, "has no plan"),
        ({"nc": 3}, "3 classes, but the names are"),
        ({"head": [[[15, 18, 21], 1, "Detect", ["nc"]]]}, "no segmentation network of Ultralytics"),
        ({"backbone": [[-1, 1, "Conv", [64, 3, 2]]]}, "no segmentation network of Ultralytics"),
    ],
)
def test_a_plan_is_looked_at_before_anything_is_built_from_it(folder: Path, change: dict[str, Any], said: str) -> None:
    checkpoint = read_checkpoint(folder / "yolov8n-seg.pt")
    module = checkpoint.root["model"]
    module.state["yaml"] = {**module.get("yaml"), **change}
    with pytest.raises(ModelError, match=said) as caught:
        Ultralytics(checkpoint, module)
    assert "\n" not in str(caught.value)


def test_a_checkpoint_that_would_run_code_is_read_without_running_it(tmp_path: Path) -> None:
    class Trap:
        def __reduce__(self) -> tuple[Any, ...]:
            return os.mkdir, (str(tmp_path / "sprung"),)

    path = tmp_path / "trap.pt"
    model = save_checkpoint(path, "yolov8n-seg")
    torch.save({"model": model.half(), "trap": Trap()}, path)
    assert len(read_family(path).names) == 80
    assert not (tmp_path / "sprung").exists()


def test_models_of_other_tasks_are_refused(tmp_path: Path) -> None:
    from ultralytics.nn.tasks import DetectionModel

    torch.save({"model": DetectionModel("yolo11n.yaml", verbose=False).half()}, tmp_path / "detect.pt")
    with pytest.raises(ModelError, match=r"holds a ultralytics\.nn\.tasks\.DetectionModel, not a YOLO segmentation"):
        read_family(tmp_path / "detect.pt")


def test_half_precision_does_not_round_the_boxes(folder: Path) -> None:
    """bfloat16 holds 640 to the nearest four: boxes are decoded from what the network says in float32."""
    family = read_family(folder / "yolo11n-seg.pt")
    fine = segmenter(folder / "yolo11n-seg.pt")
    picture = asset("zidane.jpg")
    fine.segment(picture)
    outputs = fine._engine(fine._canvas)
    coarse = tuple(part.bfloat16() for part in outputs)
    found = [family.candidates(part, [0], 0.25)[0, :4].T for part in (outputs, coarse)]
    near = torch.cdist(found[0], found[1]).amin(1)
    assert float(near.quantile(0.9)) < 2


def test_any_size_of_picture_will_do_from_one_to_the_next(folder: Path) -> None:
    mine = segmenter(folder / "yolo26n-seg.pt", size=320)
    for shape in ((361, 637), (64, 1000), (1000, 64), (1, 1)):
        picture = np.random.default_rng(0).integers(0, 256, (*shape, 3), np.uint8)
        found = mine.segment(picture)
        mask = np.zeros(shape, np.uint8)
        found.paint(mask)
        assert (found.boxes <= [shape[1], shape[0]] * 2).all()


def test_a_path_is_a_model_whatever_its_family(folder: Path) -> None:
    for architecture in ARCHITECTURES:
        path = str(folder / f"{architecture}.pt")
        info = load_segmenter(path, classes=["person"], engine="torch").info
        assert (info.name, info.source) == (path, path)


def test_a_whole_segmentation_imports_no_torchvision_and_touches_neither_network_nor_threads(folder: Path) -> None:
    code = """
import socket, sys
def refuse(*args, **kwargs):
    raise AssertionError(f"network used: {args}")
socket.getaddrinfo = socket.create_connection = socket.socket.connect = refuse
import cv2, numpy, torch
before = cv2.getNumThreads(), torch.get_num_threads()
from models.registry import load_segmenter
from tests.scenes import asset
for path in sys.argv[1:]:
    classes = ["person", *map(str, range(3, 80))]
    assert len(load_segmenter(path, classes=classes, engine="torch").segment(asset("zidane.jpg"))) > 5
assert (cv2.getNumThreads(), torch.get_num_threads()) == before
assert "torchvision" not in sys.modules
"""
    paths = [str(folder / f"{architecture}.pt") for architecture in ARCHITECTURES]
    subprocess.run([sys.executable, "-c", code, *paths], check=True, timeout=120)
