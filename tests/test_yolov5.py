"""The YOLOv5 segmenter: the published weights, this project's network, real pictures."""

from __future__ import annotations

import subprocess
import sys
from functools import cache

import cv2
import numpy as np
import pytest
import torch

from models import weights
from models.base import Instances, ModelError
from models.registry import load_segmenter
from models.restricted_pickle import Checkpoint, Record, read_checkpoint
from models.yolo import YoloSegmenter
from models.yolo_anchored import STRIDES
from models.yolo_graph import Graph
from tests.pickled import assert_as_pickled, assert_folding_changes_nothing
from tests.scenes import asset


@cache
def checkpoint() -> Checkpoint:
    return read_checkpoint(weights.locate("yolov5s-seg"))


@cache
def state() -> dict[str, torch.Tensor]:
    return checkpoint().state_dict(checkpoint().root["model"])


def module() -> Record:
    return checkpoint().root["model"]


@cache
def people() -> YoloSegmenter:
    return YoloSegmenter(classes=["person"], precision="float32", engine="torch")


def coverage(found: Instances, shape: tuple[int, ...]) -> np.ndarray:
    mask = np.zeros(shape[:2], np.uint8)
    found.paint(mask)
    return mask > 0


def test_all_367_tensors_fit() -> None:
    network = Graph(checkpoint(), module())
    assert len(state()) == 367
    assert network.state_dict().keys() == state().keys()
    assert (network.head.classes, network.head.masks) == (80, 32)


def test_activations_and_norms_are_those_that_were_pickled() -> None:
    """Building blocks change between releases of ultralytics: SPPF lost an activation, BatchNorm its epsilon."""
    assert_as_pickled(Graph(checkpoint(), module()), module())


def test_folding_the_norms_changes_nothing() -> None:
    assert_folding_changes_nothing(Graph(checkpoint(), module()))


def test_a_network_that_does_not_fit_its_plan_is_refused_in_one_line() -> None:
    for change in (
        {"backbone": []},
        {"width_multiple": 0.25},
        {"head": [[-1, 1, "Detect", []]]},
        {"depth_multiple": 1},
    ):
        wrong = Record()
        wrong.state = {**module().state, "yaml": {**module().get("yaml"), **change}}
        with pytest.raises(ModelError, match="no YOLOv5 or YOLOv7 segmentation network"):
            Graph(checkpoint(), wrong)


def test_four_people_are_found_at_the_bus() -> None:
    picture = asset("bus.jpg")
    found = people().segment(picture)
    assert len(found) == 4
    assert 0.5 < found.scores.min() <= found.scores.max() < 0.9
    assert (found.scores[:-1] >= found.scores[1:]).all()
    assert (found.classes == 0).all()
    left = sorted(found.boxes[:, 0])
    assert np.allclose(left, [1, 53, 223, 669], atol=6)


def test_masks_fill_their_people_and_leave_the_bus() -> None:
    picture = asset("bus.jpg")
    covered = coverage(people().segment(picture), picture.shape)
    inside = [(500, 130), (650, 100), (600, 290), (430, 290), (600, 760), (650, 30)]
    outside = [(300, 400), (600, 450), (1000, 400), (400, 205), (100, 100), (880, 560)]
    assert [place for place in inside if not covered[place]] == []
    assert [place for place in outside if covered[place]] == []
    assert 0.10 < covered.mean() < 0.16


def test_only_the_wanted_classes_are_found() -> None:
    found = YoloSegmenter(classes=["bus", "tie"]).segment(asset("bus.jpg"))
    assert found.classes.tolist() == [5]
    found = YoloSegmenter(classes=["person", "tie"]).segment(asset("zidane.jpg"))
    assert set(found.classes.tolist()) == {0, 27}


def test_bfloat16_finds_the_same_people() -> None:
    picture = asset("zidane.jpg")
    fine, coarse = (
        YoloSegmenter(classes=["person"], precision=kind).segment(picture) for kind in ("float32", "bfloat16")
    )
    assert len(fine) == len(coarse) == 2
    a, b = coverage(fine, picture.shape), coverage(coarse, picture.shape)
    assert (a & b).sum() / (a | b).sum() > 0.98


def test_it_agrees_with_ultralytics_own_postprocessing() -> None:
    from ultralytics.utils.nms import non_max_suppression
    from ultralytics.utils.ops import process_mask

    picture = asset("bus.jpg")  # 480 x 640 without any padding
    mine = people()
    found = mine.segment(picture)
    with torch.inference_mode():
        *levels, prototypes = mine._engine(mine._canvas)
        theirs = non_max_suppression(_decoded(levels, mine), 0.25, 0.45, classes=[0], nc=80)[0]
        masks = process_mask(prototypes[0], theirs[:, 6:], theirs[:, :4], (640, 480), upsample=True)
    assert np.allclose(found.scores, theirs[:, 4], atol=1e-5)
    assert np.allclose(found.boxes, np.clip(theirs[:, :4].numpy() * 810 / 480, 0, [810, 1080] * 2), atol=0.01)
    ours = cv2.resize(coverage(found, picture.shape).astype(np.float32), (480, 640), interpolation=cv2.INTER_AREA) > 0.5
    union = masks.any(0).numpy()
    assert (ours & union).sum() / (ours | union).sum() > 0.96
    assert np.allclose(np.argwhere(ours).mean(0), np.argwhere(union).mean(0), atol=1)


def _decoded(levels: list[torch.Tensor], mine: YoloSegmenter) -> torch.Tensor:
    """Every anchor's output in full, as Ultralytics wants it: x y w h, class scores, coefficients, [1, 116, N]."""
    parts = []
    for level, anchors, stride in zip(levels, mine._family._anchors, STRIDES, strict=True):
        _, _, height, width = level.shape
        cells = level.view(3, 117, height, width).permute(0, 2, 3, 1)
        s = cells[..., :85].sigmoid()
        y, x = torch.meshgrid(torch.arange(height), torch.arange(width), indexing="ij")
        centre = (2 * s[..., :2] - 0.5 + torch.stack((x, y), -1)) * stride
        size = (2 * s[..., 2:4]) ** 2 * torch.as_tensor(anchors)[:, None, None]
        parts.append(torch.cat((centre, size, s[..., 5:] * s[..., 4:5], cells[..., 85:]), -1).reshape(-1, 116))
    return torch.cat(parts).T[None]


@pytest.mark.parametrize("shape", [(361, 637), (64, 1000), (1000, 64), (1, 1), (2, 3000)])
def test_any_size_of_picture_will_do(shape: tuple[int, int]) -> None:
    mine = YoloSegmenter(classes=["person"], confidence=0.01, size=320)
    picture = np.random.default_rng(0).integers(0, 256, (*shape, 3), np.uint8)
    found = mine.segment(picture)
    assert coverage(found, shape).shape == shape
    assert (found.boxes >= 0).all()
    assert (found.boxes <= [shape[1], shape[0]] * 2).all()


def test_sizes_may_change_from_picture_to_picture() -> None:
    picture = asset("zidane.jpg")
    first = people().segment(picture)
    people().segment(asset("bus.jpg"))
    assert np.array_equal(people().segment(picture).boxes, first.boxes)


def test_the_picture_is_left_alone_and_may_be_read_only() -> None:
    picture = asset("zidane.jpg")
    copy = picture.copy()
    picture.flags.writeable = False
    people().segment(picture)
    assert np.array_equal(picture, copy)


def test_nothing_is_found_where_there_is_nothing() -> None:
    found = people().segment(np.full((360, 640, 3), 127, np.uint8))
    assert len(found) == 0
    assert found.patches == ()
    assert found.boxes.shape == (0, 4)


def test_an_unknown_class_is_answered_with_close_matches() -> None:
    with pytest.raises(ModelError, match=r"knows no class 'persn' \(did you mean 'person'\?\)"):
        load_segmenter("yolov5s-seg", classes=["persn"])
    with pytest.raises(ModelError, match=r"knows no class 'qqq'$"):
        load_segmenter("yolov5s-seg", classes=["qqq"])


@pytest.mark.parametrize("size", [0, 32, 100, -64])
def test_a_size_that_the_network_cannot_take_is_refused(size: int) -> None:
    with pytest.raises(ModelError, match=f"size = {size} must be a multiple of 32, at least 64"):
        YoloSegmenter(classes=["person"], size=size)


def test_it_says_what_runs() -> None:
    info = people().info
    assert info.name == "yolov5s-seg"
    assert info.checksum == weights.sha256(weights.locate("yolov5s-seg"))
    assert (info.device, info.precision, info.engine) == ("cpu", "float32", "torch")


def test_loading_it_touches_neither_torchvision_nor_the_network_nor_threads() -> None:
    code = """
import socket, sys
def refuse(*args, **kwargs):
    raise AssertionError(f"network used: {args}")
socket.getaddrinfo = socket.create_connection = socket.socket.connect = refuse
import cv2, torch
before = cv2.getNumThreads(), torch.get_num_threads()
from models.registry import load_segmenter
load_segmenter("yolov5s-seg", classes=["person"]).warm_up(64, 64)
assert (cv2.getNumThreads(), torch.get_num_threads()) == before
assert "torchvision" not in sys.modules
assert not any(name.startswith("sas_yolov7") for name in sys.modules)
"""
    subprocess.run([sys.executable, "-c", code], check=True, timeout=120)
