"""Engines: whichever runs the network, the answers are those of torch."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from functools import cache
from importlib import resources

import cv2
import numpy as np
import pytest
import torch
import yaml
from torch import Tensor, nn
from ultralytics.nn.modules import C2PSA

from models import weights
from models.base import Image
from models.blocks import Conv, SegmentationModel
from models.engines import Engine, Name, exported, load_engine
from models.ultralytics_seg import Undecoded
from models.yolo import YoloSegmenter, read_family
from tests.networks import ENGINES, Toy, noise, plain, real_network, worst
from tests.scenes import asset
from tests.thorough import rarely

SIZES = [(64, 64), (64, 640), (640, 64), (96, 352), (384, 640)]


@pytest.fixture(autouse=True, scope="module")
def cache_of_its_own(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Empty, but for the real network as every run on this machine has it: to convert it takes half a minute."""
    folder = tmp_path_factory.mktemp("cache")
    load_engine(real_network(), engine="openvino", precision="float32", key=real_key())  # converts it where nobody has
    (folder / "engines").mkdir()
    for path in (weights.cache_folder() / "engines").glob(f"{exported._stem(real_key())}-*.onnx"):
        shutil.copy(path, folder / "engines")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("CLEANPLATE_CACHE", str(folder))
        yield


@cache
def right_for_noise(height: int, width: int) -> list[Tensor]:
    return plain(real_network(), noise(height, width))


def real_key() -> str:
    """That of `YoloSegmenter`, for the network is converted once for both."""
    path = weights.locate("yolov5s-seg")
    return f"{read_family(path).kind}-{weights.sha256(path)}"


@cache
def real(engine: Name, precision: str = "float32") -> Engine:
    return load_engine(real_network(), engine=engine, precision=precision, key=real_key())  # type: ignore[arg-type]


@cache
def toy(engine: Name) -> Engine:
    return load_engine(Toy(), engine=engine, precision="float32", key="toy")


def copies(outputs: tuple[Tensor, ...]) -> list[Tensor]:
    return [output.clone() for output in outputs]


@pytest.mark.parametrize("size", SIZES, ids=str)
@pytest.mark.parametrize("engine", ENGINES)
def test_every_engine_answers_as_plain_torch_at_any_size(engine: Name, size: tuple[int, int]) -> None:
    assert worst(real(engine)(noise(*size)), right_for_noise(*size)) < 1e-4


@pytest.mark.parametrize("size", SIZES, ids=str)
@pytest.mark.parametrize("engine", ["torch", "openvino"])
def test_bfloat16_is_coarser_but_no_further_off_at_any_size(engine: Name, size: tuple[int, int]) -> None:
    assert real(engine, "bfloat16").precision == "bfloat16"
    assert 1e-4 < worst(real(engine, "bfloat16")(noise(*size)), right_for_noise(*size)) < 0.05


class Attentive(nn.Module):
    """The attention of newer networks, two heads of it, between two convolutions."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.parts = nn.Sequential(Conv(3, 256, 32, 32), C2PSA(256, 256), nn.Conv2d(256, 4, 1))
        self.eval().requires_grad_(False)

    def forward(self, x: Tensor) -> tuple[Tensor, ...]:
        return (self.parts(x),)


@pytest.mark.parametrize("engine", ENGINES[1:])
def test_the_attention_of_newer_networks_is_converted_too(engine: Name) -> None:
    mine = load_engine(Attentive(), engine=engine, precision="float32", key="attentive")
    for size in ((64, 64), (96, 352), (640, 64)):
        assert worst(mine(noise(*size)), plain(Attentive(), noise(*size))) < 1e-4


@pytest.mark.long
@pytest.mark.parametrize("engine", ENGINES[1:])
def test_a_whole_newer_network_is_converted_too(engine: Name) -> None:
    plan = yaml.safe_load((resources.files("ultralytics") / "cfg/models/26/yolo26-seg.yaml").read_text())
    torch.manual_seed(0)
    model = SegmentationModel({**plan, "scale": "n"}, ch=3, verbose=False).eval().requires_grad_(False)
    model.fuse(verbose=False).model[-1] = Undecoded(model.model[-1])
    mine = load_engine(model, engine=engine, precision="float32", key="yolo26n-seg")
    for size in ((64, 64), (96, 352), (640, 64)):
        assert worst(mine(noise(*size)), plain(model, noise(*size))) < 1e-4


def masks(engine: Name, precision: str, picture: Image) -> Image:
    found = YoloSegmenter(classes=["person"], engine=engine, precision=precision).segment(picture)  # type: ignore[arg-type]
    assert found.scores.min() > 0.3  # none is a matter of chance
    mask = np.zeros(picture.shape[:2], np.uint8)
    found.paint(mask)
    return mask


@pytest.mark.parametrize("name", ["bus.jpg", *rarely("zidane.jpg")])
def test_masks_differ_by_no_more_than_a_pixel_at_their_boundary(name: str) -> None:
    picture, neighbours = asset(name), np.ones((3, 3), np.uint8)
    right = masks("torch", "float32", picture)
    assert right.any()
    for engine in ENGINES[1:]:
        mask = masks(engine, "float32", picture)
        assert not (mask & ~cv2.dilate(right, neighbours)).any(), engine
        assert not (right & ~cv2.dilate(mask, neighbours)).any(), engine


@pytest.mark.parametrize("name", ["bus.jpg", *rarely("zidane.jpg")])
def test_what_runs_where_nothing_is_asked_for_finds_the_same_people(name: str) -> None:
    picture = asset(name)
    right, mask = masks("torch", "float32", picture) > 0, masks("auto", "auto", picture) > 0
    assert (right & mask).sum() / (right | mask).sum() > 0.98


@pytest.mark.parametrize("engine", ENGINES)
def test_blue_comes_first_in_a_canvas_and_red_in_what_the_network_sees(engine: Name) -> None:
    canvas = np.empty((64, 96, 3), np.uint8)
    canvas[:] = (10, 20, 30)
    canvas[0, 0] = 0, 1, 2
    means = toy(engine)(canvas)[0]
    assert np.allclose(means.numpy() * 255, [[30, 20, 10]], atol=0.02)


@pytest.mark.parametrize("engine", ENGINES)
def test_sizes_may_alternate(engine: Name) -> None:
    one, other = noise(64, 96), noise(128, 64)
    first, second = copies(toy(engine)(one)), copies(toy(engine)(other))
    for _ in range(3):
        assert all(map(torch.equal, toy(engine)(one), first))
        assert all(map(torch.equal, toy(engine)(other), second))


def test_openvino_keeps_only_a_few_sizes_compiled() -> None:
    engine = load_engine(Toy(), engine="openvino", precision="float32", key="toy")
    first = copies(engine(noise(64, 64)))
    for width in range(96, 416, 32):
        engine(noise(64, width))
    assert engine._request.cache_info().currsize == 4  # type: ignore[attr-defined]
    assert all(map(torch.equal, engine(noise(64, 64)), first))


@pytest.mark.parametrize("engine", ENGINES)
def test_what_is_not_finite_reaches_the_caller(engine: Name) -> None:
    flat = np.full((64, 96, 3), 127, np.uint8)
    assert torch.isnan(toy(engine)(flat)[2]).all()
    assert torch.isfinite(toy(engine)(noise(64, 96))[2]).all()


@pytest.mark.parametrize("engine", ENGINES)
def test_a_canvas_is_left_alone_and_may_be_read_only_or_a_part_of_another(engine: Name) -> None:
    whole = noise(128, 192)
    part = whole[32:96, 32:160]
    right = plain(Toy(), part)
    part.flags.writeable = False
    before = whole.copy()
    assert worst(toy(engine)(part), right) < 1e-4
    assert np.array_equal(whole, before)


@pytest.mark.parametrize("engine", ENGINES)
def test_outputs_outlive_their_engine(engine: Name) -> None:
    mine = load_engine(Toy(), engine=engine, precision="float32", key="toy")
    outputs = mine(noise(64, 96))
    del mine
    assert worst(outputs, plain(Toy(), noise(64, 96))) < 1e-4


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize(
    "shape", [(64, 64), (64, 64, 4), (32, 64, 3), (64, 32, 3), (100, 64, 3), (64, 65, 3), (0, 64, 3)]
)
def test_a_canvas_that_no_network_can_take_is_refused(engine: Name, shape: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match="must be"):
        toy(engine)(np.zeros(shape, np.uint8))
    with pytest.raises(ValueError, match="float32: must be uint8"):
        toy(engine)(np.zeros((64, 64, 3), np.float32))  # type: ignore[arg-type]


def test_an_engine_says_what_runs() -> None:
    said = {name: (real(name).name, real(name).device, real(name).precision, real(name).note) for name in ENGINES}
    assert said == {name: (name, "cpu", "float32", "") for name in ENGINES}
    assert toy("openvino")._request(64, 64).get_compiled_model().get_property("PERFORMANCE_HINT") == "LATENCY"  # type: ignore[attr-defined]


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available() and os.environ.get("REQUIRE_GPU") != "1", reason="needs a GPU")
@pytest.mark.parametrize("precision", ["float32", "bfloat16", "float16"])
def test_a_gpu_answers_as_the_processor_from_one_canvas_to_the_next(precision: str) -> None:
    engine = load_engine(real_network(), device="cuda", precision=precision, key="yolov5s-seg")  # type: ignore[arg-type]
    assert (engine.name, engine.device, engine.precision) == ("torch", "cuda", precision)
    canvases = [noise(*size, seed) for seed, size in enumerate(SIZES * 2)]
    answers = [tuple(part.cpu() for part in outputs) for outputs in [engine(canvas) for canvas in canvases]]
    for canvas, answer in zip(canvases, answers, strict=True):
        assert worst(answer, plain(real_network(), canvas)) < (0.01 if precision == "float32" else 0.05)
