"""Segmentation in fixed shapes, as on a GPU: here on the processor, beside the way that it has to equal."""

from __future__ import annotations

import os
from collections.abc import Callable
from copy import deepcopy
from functools import cache
from typing import Any

import cv2
import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.utils._python_dispatch import TorchDispatchMode

from models import yolo
from models.base import Instances
from models.engines.torch_engine import TorchEngine
from models.letterbox import Letterbox
from models.suppress import MAX_FOUND
from models.ultralytics_seg import Ultralytics
from models.yolo import YoloSegmenter
from models.yolo_device import FEW, OnDevice, Wish, as_tensor
from stages.segmentation.labels import Labeller
from tests.scenes import asset

CPU = torch.device("cpu")
SURE = 0.25


@cache
def people(contour: float = 0.5) -> YoloSegmenter:
    return YoloSegmenter(classes=["person"], engine="torch", precision="float32", confidence=0.05, contour=contour)


def beside(mine: YoloSegmenter, size: int = 640) -> OnDevice:
    """The same network, by the other way."""
    network: Callable[[Tensor], tuple[Tensor, ...]] = lambda canvas: mine._engine(canvas[0].numpy())  # noqa: E731
    if isinstance(mine._engine, TorchEngine):
        network = mine._engine.on_device
    return OnDevice(network, mine._family, CPU, size=size, contour=mine._contour)


def both(
    mine: YoloSegmenter, other: OnDevice, image: np.ndarray, grow: int
) -> tuple[tuple[Instances, np.ndarray], tuple[Instances, np.ndarray]]:
    """What is found, and the label map, by the way over patches and by the way in fixed shapes."""
    wish = Wish(mine._wanted, mine._confidence, mine._iou, SURE)
    labels, theirs = np.full(image.shape[:2], 99, np.uint8), np.full(image.shape[:2], 99, np.uint8)
    found = mine.segment(image)
    Labeller(*labels.shape).label(found.patches, int((found.scores >= SURE).sum()), grow, labels)
    answer = other.label(image, theirs, wish, grow)
    assert answer is not None
    return (found, labels), (answer, theirs)


def assert_same(mine: YoloSegmenter, other: OnDevice, image: np.ndarray, grow: int) -> int:
    (found, labels), (answer, theirs) = both(mine, other, image, grow)
    assert len(answer) == len(found)
    assert answer.patches == ()
    assert np.abs(answer.boxes - found.boxes).max(initial=0) < 0.5
    assert np.abs(answer.scores - found.scores).max(initial=0) < 0.01
    assert np.array_equal(answer.classes, found.classes)
    assert (labels != theirs).sum() <= 0.01 * ((labels > 0) | (theirs > 0)).sum()
    return len(found)


def photo(name: str, width: int) -> np.ndarray:
    picture = asset(name)
    return cv2.resize(picture, (width, picture.shape[0] * width // picture.shape[1]), interpolation=cv2.INTER_AREA)


# Real weights, real pictures


@pytest.mark.parametrize(
    ("name", "width", "contour", "grow"),
    [("zidane.jpg", 640, 0.3, 8), ("bus.jpg", 333, 0.5, 5)],
)
def test_photographs_give_the_same_rows_and_the_same_label_map(
    name: str, width: int, contour: float, grow: int
) -> None:
    mine = people(contour)
    assert assert_same(mine, beside(mine), photo(name, width), grow) > 2


def test_what_is_looked_for_changes_from_one_picture_to_the_next() -> None:
    other, image = beside(people()), photo("zidane.jpg", 640)
    out = np.zeros(image.shape[:2], np.uint8)
    person = other.label(image, out, Wish([0], 0.25, 0.45, SURE), 4)
    made = dict(other._scenes)
    tie = other.label(image, out, Wish([27], 0.25, 0.45, SURE), 4)
    strict = other.label(image, out, Wish([0], 0.82, 0.45, SURE), 4)
    assert person is not None and tie is not None and strict is not None  # noqa: PT018
    assert (set(person.classes), set(tie.classes)) == ({0}, {27})
    assert len(strict) < len(person)
    assert strict.scores.tolist() == [score for score in person.scores.tolist() if score > 0.82]
    assert other._scenes == made


def test_nothing_is_found_where_there_is_nothing() -> None:
    for shape in ((90, 160), (1, 1), (3, 200)):
        out = np.full(shape, 9, np.uint8)
        found = beside(people(), 64).label(np.full((*shape, 3), 127, np.uint8), out, Wish([0], 0.25, 0.45, SURE), 8)
        assert found is not None
        assert (len(found), found.boxes.shape, out.any()) == (0, (0, 4), False)


def test_a_picture_that_may_not_be_written_is_taken_and_left_alone() -> None:
    image = photo("zidane.jpg", 160)
    copy = image.copy()
    image.flags.writeable = False
    beside(people()).label(image, np.zeros(image.shape[:2], np.uint8), Wish([0], 0.25, 0.45, SURE), 0)
    assert np.array_equal(image, copy)
    assert np.array_equal(as_tensor(image).numpy(), image)


# Made-up answers of networks


class Made:
    """An Ultralytics family whose network always answers the same, with a crowd of boxes."""

    def __init__(self, bins: int, boxes: int, form: torch.dtype = torch.float32, size: int = 320) -> None:
        torch.manual_seed(boxes + bins)
        cells = sum((size // stride) ** 2 for stride in (8, 16, 32))
        scores = torch.full((1, 3, cells), -9.0)
        some = torch.randperm(cells)[:boxes]
        scores[0, torch.randint(0, 3, (boxes,)), some] = torch.linspace(4, -2, boxes)
        sides = torch.rand(1, 4 * bins, cells) * (2.5 if bins > 1 else 1.5)
        masks = torch.randn(1, 32, cells) / 3, torch.randn(1, 32, size // 4, size // 4)
        self.outputs = tuple(part.to(form) for part in (sides, scores, *masks))
        self.family = Ultralytics.__new__(Ultralytics)
        self.family.names, self.family._bins, self.family.network = ("person", "dog", "tie"), bins, nn.Identity()

    def segmenter(self, monkeypatch: pytest.MonkeyPatch) -> YoloSegmenter:
        monkeypatch.setattr(yolo, "read_family", lambda path: self.family)
        mine = YoloSegmenter(classes=["person", "dog"], size=320, engine="torch", contour=0.4)
        mine._engine = lambda canvas: self.outputs  # type: ignore[assignment]
        return mine


SHAPE = (151, 200)
PICTURE = np.zeros((*SHAPE, 3), np.uint8)
SQUARE = np.zeros((200, 200, 3), np.uint8)


@pytest.mark.parametrize(("bins", "boxes"), [(16, 40), (1, 40), (1, 150)])
@pytest.mark.parametrize("form", [torch.float32, torch.bfloat16])
def test_what_ultralytics_networks_propose_is_understood_as_on_the_processor(
    monkeypatch: pytest.MonkeyPatch, bins: int, boxes: int, form: torch.dtype
) -> None:
    mine = Made(bins, boxes, form).segmenter(monkeypatch)
    other = beside(mine, 320)
    found = assert_same(mine, other, SQUARE, 3)
    assert found > 10


def test_a_crowd_gets_as_many_masks_as_there_are_people(monkeypatch: pytest.MonkeyPatch) -> None:
    """Once more where they were too many for the first try; from then on at once, until they are few again."""
    crowd, few = Made(1, 200), Made(1, 20)
    mine = crowd.segmenter(monkeypatch)
    other = beside(mine, 320)
    tried: list[int] = []
    other._network = lambda canvas: (tried.append(1), mine._engine(canvas))[1]  # type: ignore[func-returns-value]
    assert assert_same(mine, other, SQUARE, 0) > FEW
    assert len(tried) == 2
    assert_same(mine, other, SQUARE, 0)
    assert len(tried) == 3
    mine._engine = lambda canvas: few.outputs  # type: ignore[assignment]
    assert assert_same(mine, other, SQUARE, 0) < FEW
    assert (len(tried), other._most) == (4, FEW)


@pytest.mark.parametrize(("part", "raises"), [(0, True), (1, True), (2, True), (3, True), (None, False)])
def test_an_answer_that_is_not_finite_is_not_passed_on(
    monkeypatch: pytest.MonkeyPatch, part: int | None, raises: bool
) -> None:
    made = Made(1, 20)
    mine = made.segmenter(monkeypatch)
    passing = int(made.outputs[1][0].amax(0).argmax())
    if part is None:  # of no account: nothing passes there
        made.outputs[2][0, 3, int(made.outputs[1][0].amax(0).argmin())] = torch.nan
    else:
        made.outputs[part].flatten(2)[0, 1, passing] = torch.nan
    out = np.zeros(SQUARE.shape[:2], np.uint8)
    wish = Wish([0, 1], 0.25, 0.45, SURE)
    if not raises:
        assert beside(mine, 320).label(SQUARE, out, wish, 0) is not None
        return
    with pytest.raises(FloatingPointError, match="not finite"):
        beside(mine, 320).label(SQUARE, out, wish, 0)
    with pytest.raises(FloatingPointError, match="not finite"):
        mine.segment(SQUARE)


def test_more_boxes_than_compete_are_left_to_the_processor(monkeypatch: pytest.MonkeyPatch) -> None:
    made = Made(1, 20)
    made.outputs[1][:] = 2.0
    made.outputs[0][:] = 0.9
    out = np.full(SQUARE.shape[:2], 9, np.uint8)
    mine = made.segmenter(monkeypatch)
    assert beside(mine, 320).label(SQUARE, out, Wish([0], 0.25, 0.99, SURE), 0) is not None  # 300 are found before
    assert beside(mine, 320).label(SQUARE, out, Wish([0], 0.25, 0.01, SURE), 0) is None


# What a GPU can take


class Questions(TorchDispatchMode):
    """Refuses whatever makes a GPU wait for the processor: values that decide on shapes, or that are read."""

    REFUSED = (
        "aten::nonzero",
        "aten::_local_scalar_dense",
        "aten::item",
        "aten::is_nonzero",
        "aten::masked_select",
        "aten::unique",
        "aten::equal",
    )

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        name = func.name().partition(".")[0]
        assert name not in self.REFUSED, name
        if name in ("aten::index", "aten::index_put", "aten::index_put_"):
            assert all(part is None or part.dtype != torch.bool for part in args[1]), f"{name} by a mask"
        return func(*args, **(kwargs or {}))


def on_meta(family: str, monkeypatch: pytest.MonkeyPatch, place: torch.device) -> OnDevice:
    """All from a picture of 151 x 200 to the answer, with the network's weights or answers at that place."""
    if family == "anchored":
        mine = people()
        network = deepcopy(mine._family.network).to(place)
        compute = lambda canvas: tuple(network(canvas.flip(3).float().div_(255).permute(0, 3, 1, 2)))  # noqa: E731
    else:
        mine = Made(16, 40).segmenter(monkeypatch)
        fit = Letterbox.fit(*SHAPE, 320)
        cells = sum(fit.out_height * fit.out_width // stride**2 for stride in (8, 16, 32))
        *heads, field = mine._engine(PICTURE)
        answers = *(part[..., :cells] for part in heads), field[..., : fit.out_height // 4, :]
        outputs = tuple(part.to(place) for part in answers)
        compute = lambda canvas: outputs  # noqa: E731
    made = OnDevice(compute, mine._family, place, size=320, contour=0.3)
    made._set(Wish([0], 0.25, 0.45, SURE))
    made._prepare(*SHAPE, 3)
    return made


@pytest.mark.parametrize("family", ["anchored", "ultralytics"])
@torch.inference_mode()
def test_nothing_on_the_way_asks_the_device_for_a_value(family: str, monkeypatch: pytest.MonkeyPatch) -> None:
    steps = on_meta(family, monkeypatch, CPU)._scenes[FEW]._compute
    with Questions():
        steps(as_tensor(photo("bus.jpg", 200)[: SHAPE[0]].copy()))


@torch.inference_mode()
def test_a_question_to_the_device_would_be_noticed() -> None:
    some = torch.ones(3)
    for ask in (some.nonzero, some[:1].item, some[:1].__float__, lambda: some[some > 0], some[:1].__bool__):
        with pytest.raises(AssertionError), Questions():
            ask()


@pytest.mark.parametrize("family", ["anchored", "ultralytics"])
@torch.inference_mode()
def test_nothing_on_the_way_lies_on_the_processor(family: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Tensors of torch's `meta` device mix with no others, and have no values."""
    meta = torch.device("meta")
    made = on_meta(family, monkeypatch, meta)
    for most in (FEW, MAX_FOUND):
        (answer,) = made._scenes[most]._compute(torch.empty((*SHAPE, 3), dtype=torch.uint8, device=meta))
        assert (answer.shape, answer.device) == ((4 * 6 * (1 + most) + SHAPE[0] * SHAPE[1],), meta)


def test_a_segmenter_on_the_processor_goes_over_patches() -> None:
    assert people().label is None


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available() and os.environ.get("REQUIRE_GPU") != "1", reason="needs a GPU")
@pytest.mark.parametrize("precision", ["float32", "bfloat16", "float16"])
def test_a_gpu_gives_the_same_rows_and_the_same_label_map(precision: Any) -> None:
    mine = YoloSegmenter(classes=["person"], device="cuda", precision=precision, confidence=0.3, contour=0.3)
    assert mine._labels is not None
    for name, width, grow in (
        ("zidane.jpg", 640, 8),
        ("bus.jpg", 333, 0),
        ("zidane.jpg", 1400, 8),
        ("bus.jpg", 333, 2),
    ):
        assert assert_same(mine, mine._labels, photo(name, width), grow) > 1
    image = photo("zidane.jpg", 640)
    assert_same(mine, mine._labels, image, 8)
    mine.tune(classes=["tie"], confidence=0.25, iou=0.45)
    assert_same(mine, mine._labels, image, 8)
