"""YOLOv7-seg: the published weights, this project's network, real pictures."""

from __future__ import annotations

from functools import cache

import numpy as np
import torch

from models import weights
from models.base import Instances
from models.registry import load_segmenter
from models.restricted_pickle import Checkpoint, Record, read_checkpoint
from models.yolo import YoloSegmenter
from models.yolo_graph import Graph
from tests.pickled import assert_as_pickled, assert_folding_changes_nothing
from tests.scenes import asset


@cache
def checkpoint() -> Checkpoint:
    return read_checkpoint(weights.locate("yolov7-seg"))


def module() -> Record:
    return checkpoint().root["ema"] or checkpoint().root["model"]


@cache
def people() -> YoloSegmenter:
    return YoloSegmenter(classes=["person"], weights_file="yolov7-seg", precision="float32", engine="torch")


@cache
def found_by(model: str, picture: str) -> Instances:
    return load_segmenter(model, classes=["person"], precision="float32", engine="torch").segment(asset(picture))


def coverage(found: Instances, shape: tuple[int, ...]) -> np.ndarray:
    mask = np.zeros(shape[:2], np.uint8)
    found.paint(mask)
    return mask > 0


def test_all_565_tensors_fit() -> None:
    network, state = Graph(checkpoint(), module()), checkpoint().state_dict(module())
    assert len(state) == 565
    assert network.state_dict().keys() == state.keys()
    assert all(torch.equal(network.state_dict()[name], value.float()) for name, value in state.items())
    assert (network.head.classes, network.head.masks) == (80, 32)


def test_activations_and_norms_are_those_that_were_pickled() -> None:
    assert_as_pickled(Graph(checkpoint(), module()), module())


def test_folding_norms_and_implicit_vectors_changes_nothing() -> None:
    assert_folding_changes_nothing(Graph(checkpoint(), module()))


def test_the_implicit_vectors_are_added_to_what_the_head_sees() -> None:
    """They were trained: without them it finds six people at the bus, with them four."""
    network = Graph(checkpoint(), module())
    features = [torch.zeros(1, width, 2, 2) for width in (256, 512, 1024)]
    with torch.inference_mode():
        for level, conv, shift in zip(network.head(features), network.head.m, network.head.ia, strict=False):
            assert torch.allclose(level, conv(shift.implicit).expand_as(level), atol=1e-5)
            assert shift.implicit.std() > 0.1


def test_it_finds_the_people_that_yolov5_finds_and_is_surer_of_them() -> None:
    for picture, count in (("bus.jpg", 4), ("zidane.jpg", 2)):
        small, large = found_by("yolov5s-seg", picture), found_by("yolov7-seg", picture)
        assert len(small) == len(large) == count
        assert (np.sort(large.scores) > np.sort(small.scores)).all()
        a, b = (coverage(found, asset(picture).shape) for found in (small, large))
        assert (a & b).sum() / (a | b).sum() > 0.9


def test_masks_fill_their_people_and_leave_the_bus() -> None:
    picture = asset("bus.jpg")
    covered = coverage(people().segment(picture), picture.shape)
    inside = [(500, 130), (650, 100), (600, 290), (430, 290), (600, 760), (650, 30)]
    outside = [(300, 400), (600, 450), (1000, 400), (400, 205), (100, 100), (880, 560)]
    assert [place for place in inside if not covered[place]] == []
    assert [place for place in outside if covered[place]] == []


def test_it_says_what_runs() -> None:
    info = people().info
    assert info.name == "yolov7-seg"
    assert info.checksum == weights.KNOWN["yolov7-seg"].checksum.removeprefix("sha256:")
