"""Engines: whichever runs the network, the answers are those of torch."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from functools import cache

import cv2
import numpy as np
import pytest
import torch
from torch import Tensor, nn

from models import weights
from models.base import Image, ModelError
from models.device import choose
from models.engines import Engine, Name, load_engine
from models.yolo import YoloSegmenter, read_family
from tests.scenes import asset

ENGINES: tuple[Name, ...] = ("torch", "openvino", "onnxruntime")
SIZES = [(64, 64), (64, 640), (640, 64), (96, 352), (384, 640)]


class Toy(nn.Module):
    """Gives the mean of each colour, a convolution, and a picture stretched to 0..1, which a flat one cannot be."""

    def __init__(self, seed: int = 0) -> None:
        super().__init__()
        torch.manual_seed(seed)
        self.conv = nn.Conv2d(3, 8, 8, 8).requires_grad_(False)
        self.eval()

    def forward(self, x: Tensor) -> tuple[Tensor, ...]:
        low, high = x.amin((1, 2, 3), keepdim=True), x.amax((1, 2, 3), keepdim=True)
        return x.mean((2, 3)), self.conv(x), (x - low) / (high - low)


class Choosy(Toy):
    """Looks at the values before it decides what to do: no graph says that."""

    def forward(self, x: Tensor) -> tuple[Tensor, ...]:
        return super().forward(x) if float(x.sum()) > 1 else (x,)


@pytest.fixture(autouse=True, scope="module")
def cache_of_its_own(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("CLEANPLATE_CACHE", str(tmp_path_factory.mktemp("cache")))
        yield


def real_network() -> nn.Module:
    return read_family(weights.locate("yolov5s-seg")).network


@cache
def right_for_noise(height: int, width: int) -> list[Tensor]:
    return plain(real_network(), noise(height, width))


@cache
def real(engine: Name, precision: str = "float32") -> Engine:
    return load_engine(real_network(), engine=engine, precision=precision, key="yolov5s-seg")  # type: ignore[arg-type]


@cache
def toy(engine: Name) -> Engine:
    return load_engine(Toy(), engine=engine, precision="float32", key="toy")


def noise(height: int, width: int, seed: int = 1) -> Image:
    return np.random.default_rng(seed).integers(0, 256, (height, width, 3), np.uint8)


def copies(outputs: tuple[Tensor, ...]) -> list[Tensor]:
    return [output.clone() for output in outputs]


def plain(network: nn.Module, canvas: Image) -> list[Tensor]:
    """What torch says in float32, without any engine."""
    pixels = torch.from_numpy(cv2.cvtColor(canvas, cv2.COLOR_BGR2RGB)).permute(2, 0, 1)[None].float() / 255
    with torch.inference_mode():
        return list(network(pixels))


def worst(answers: tuple[Tensor, ...], wanted: list[Tensor]) -> float:
    """The largest difference, as a share of the largest value of its output."""
    assert [part.shape for part in answers] == [part.shape for part in wanted]
    pairs = zip(answers, wanted, strict=True)
    return max(float((answer.float() - right).abs().max() / right.abs().max()) for answer, right in pairs)


@pytest.mark.parametrize("size", SIZES, ids=str)
@pytest.mark.parametrize("engine", ENGINES)
def test_every_engine_answers_as_plain_torch_at_any_size(engine: Name, size: tuple[int, int]) -> None:
    assert worst(real(engine)(noise(*size)), right_for_noise(*size)) < 1e-4


@pytest.mark.parametrize("size", SIZES, ids=str)
@pytest.mark.parametrize("engine", ["torch", "openvino"])
def test_bfloat16_is_coarser_but_no_further_off_at_any_size(engine: Name, size: tuple[int, int]) -> None:
    assert real(engine, "bfloat16").precision == "bfloat16"
    assert 1e-4 < worst(real(engine, "bfloat16")(noise(*size)), right_for_noise(*size)) < 0.05


def masks(engine: Name, precision: str, picture: Image) -> Image:
    found = YoloSegmenter(classes=["person"], engine=engine, precision=precision).segment(picture)  # type: ignore[arg-type]
    assert found.scores.min() > 0.3  # none is a matter of chance
    mask = np.zeros(picture.shape[:2], np.uint8)
    found.paint(mask)
    return mask


@pytest.mark.parametrize("name", ["bus.jpg", "zidane.jpg"])
def test_masks_differ_by_no_more_than_a_pixel_at_their_boundary(name: str) -> None:
    picture, neighbours = asset(name), np.ones((3, 3), np.uint8)
    right = masks("torch", "float32", picture)
    assert right.any()
    for engine in ENGINES[1:]:
        mask = masks(engine, "float32", picture)
        assert not (mask & ~cv2.dilate(right, neighbours)).any(), engine
        assert not (right & ~cv2.dilate(mask, neighbours)).any(), engine


@pytest.mark.parametrize("name", ["bus.jpg", "zidane.jpg"])
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


@pytest.mark.parametrize("engine", ENGINES)
def test_no_more_threads_work_than_this_process_may_have(engine: Name) -> None:
    code = f"""
import time, torch
from models.engines import load_engine
from tests.test_engines import noise, real_network
engine = load_engine(real_network(), engine={engine!r}, precision="float32", key="yolov5s-seg")
canvas = noise(256, 256)
engine(canvas)
wall, work = time.perf_counter(), time.process_time()
for _ in range(10):
    engine(canvas)
wall, work = time.perf_counter() - wall, time.process_time() - work
assert torch.get_num_threads() == 1
assert work < 1.2 * wall, f"{{work = }} {{wall = }}"
"""
    real(engine)  # exported by now
    subprocess.run([sys.executable, "-c", code], check=True, timeout=120, env={**os.environ, "OMP_NUM_THREADS": "1"})


def test_all_threads_work_that_this_process_may_have(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch, "get_num_threads", lambda: 3)
    onnx, vino = (load_engine(Toy(), engine=name, precision="float32", key="toy") for name in ENGINES[1:][::-1])
    compiled = vino._request(64, 96).get_compiled_model()  # type: ignore[attr-defined]
    assert compiled.get_property("INFERENCE_NUM_THREADS") == 3
    assert not compiled.get_property("ENABLE_CPU_PINNING")
    assert onnx._session.get_session_options().intra_op_num_threads == 3  # type: ignore[attr-defined]


def test_the_processor_takes_openvino_then_onnx_runtime_then_torch(monkeypatch: pytest.MonkeyPatch) -> None:
    taken = []
    for lacking in ("none", "openvino", "onnxruntime"):
        monkeypatch.setitem(sys.modules, lacking, None)
        engine = load_engine(Toy(), key="toy", precision="float32")
        taken.append(engine.name)
        assert engine.note == ""
    assert taken == ["openvino", "onnxruntime", "torch"]


@pytest.mark.parametrize(("engine", "extra"), [("openvino", "openvino"), ("onnxruntime", "onnx")])
def test_an_engine_that_is_not_installed_is_named_with_what_to_install(
    engine: Name, extra: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, engine, None)
    with pytest.raises(
        ModelError, match=rf"^engine {engine}: {engine} not installed; next: pip .*cleanplate\[{extra}\]'$"
    ):
        load_engine(Toy(), engine=engine, key="toy")


@pytest.mark.parametrize("engine", ENGINES[1:])
def test_a_network_that_cannot_be_converted_is_refused_in_one_line(engine: Name) -> None:
    with pytest.raises(ModelError, match="the network does not export to ONNX: ") as caught:
        load_engine(Choosy(), engine=engine, key="choosy")
    assert "\n" not in str(caught.value)


def test_where_nothing_is_asked_for_it_runs_on_torch_and_says_why() -> None:
    engine = load_engine(Choosy(), key="choosy", precision="float32")
    assert engine.name == "torch"
    assert engine.note.count("the network does not export to ONNX") == 2
    assert worst(engine(noise(64, 96)), plain(Toy(), noise(64, 96))) < 1e-4


def test_a_number_format_that_one_engine_lacks_is_looked_for_in_the_next(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "openvino", None)
    engine = load_engine(Toy(), key="toy", precision="bfloat16")
    assert (engine.name, engine.precision) == ("torch", "bfloat16")
    assert "onnxruntime runs float32 only, not precision = 'bfloat16'" in engine.note


@pytest.mark.parametrize(
    ("asked", "answer"),
    [
        ({"engine": "tensorrt"}, r"no engine 'tensorrt'; there are auto, torch, openvino, onnxruntime"),
        ({"precision": "float16"}, r"precision = 'float16' needs a GPU"),
        ({"engine": "onnxruntime", "precision": "bfloat16"}, r"float32 only"),
        ({"engine": "onnxruntime", "device": "cuda"}, r"device = 'cuda', but it only has \["),
        ({"engine": "torch", "device": "nowhere"}, r"device = 'nowhere'"),
        ({"engine": "torch", "precision": "int3"}, r"precision = 'int3'"),
    ],
)
def test_what_cannot_be_had_is_answered_in_one_line(asked: dict[str, str], answer: str) -> None:
    with pytest.raises(ModelError, match=answer) as caught:
        load_engine(Toy(), key="toy", **asked)  # type: ignore[arg-type]
    assert "\n" not in str(caught.value)


@pytest.mark.skipif(torch.cuda.is_available(), reason="has a GPU")
@pytest.mark.parametrize("engine", ["auto", "torch", "openvino"])
def test_a_gpu_that_is_not_there_is_not_waited_for(engine: Name) -> None:
    with pytest.raises(ModelError, match="finds no GPU"):
        load_engine(Toy(), engine=engine, device="cuda:0", key="toy")


@pytest.mark.parametrize(
    ("bfloat16", "capability", "chosen"),
    [(True, (9, 0), torch.bfloat16), (False, (7, 5), torch.float16), (False, (6, 1), torch.float32)],
)
def test_the_number_format_follows_what_the_gpu_can_do(
    bfloat16: bool, capability: tuple[int, int], chosen: torch.dtype, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "is_bf16_supported", lambda including_emulation: bfloat16)
    monkeypatch.setattr(torch.cuda, "get_device_capability", lambda device: capability)
    assert choose() == (torch.device("cuda"), chosen)
    assert choose("cpu", "float32") == (torch.device("cpu"), torch.float32)
    assert choose("cuda:1", "float16") == (torch.device("cuda:1"), torch.float16)


@pytest.mark.parametrize(("amx", "chosen"), [(True, torch.bfloat16), (False, torch.float32)])
def test_the_number_format_follows_what_the_processor_can_do(
    amx: bool, chosen: torch.dtype, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: {"amx_bf16": amx})
    assert choose("cpu") == (torch.device("cpu"), chosen)


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
