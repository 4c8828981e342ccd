"""Which engine runs, on what, with how many threads; and what is said where it cannot be had."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator

import numpy as np
import pytest
import torch

from models import engines
from models.base import ModelError
from models.device import choose
from models.engines import Name, load_engine
from tests.networks import ENGINES, Choosy, Drawn, Toy, noise, plain, worst
from tests.thorough import rarely


@pytest.fixture(autouse=True, scope="module")
def cache_of_its_own(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("CLEANPLATE_CACHE", str(tmp_path_factory.mktemp("cache")))
        yield


@pytest.mark.parametrize("engine", ["openvino", *rarely("torch", "onnxruntime")])
def test_no_more_threads_work_than_this_process_may_have(engine: Name) -> None:
    code = f"""
import time, torch
from models.engines import load_engine
from tests.networks import Busy, noise
engine = load_engine(Busy(), engine={engine!r}, precision="float32", key="busy")
canvas = noise(256, 256)
engine(canvas)
wall, work = time.perf_counter(), time.process_time()
for _ in range(10):
    engine(canvas)
wall, work = time.perf_counter() - wall, time.process_time() - work
assert torch.get_num_threads() == 1
assert work < 1.2 * wall, f"{{work = }} {{wall = }}"
"""
    subprocess.run([sys.executable, "-c", code], check=True, timeout=120, env={**os.environ, "OMP_NUM_THREADS": "1"})


def test_all_threads_work_that_this_process_may_have(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch, "get_num_threads", lambda: 3)
    onnx, vino = (load_engine(Toy(), engine=name, precision="float32", key="toy") for name in ENGINES[1:][::-1])
    compiled = vino._request(64, 96).get_compiled_model()  # type: ignore[attr-defined]
    assert compiled.get_property("INFERENCE_NUM_THREADS") == min(3, len(os.sched_getaffinity(0)))
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
        ({"engine": "torch", "device": "nowhere"}, r"device = 'nowhere' is none; there are auto, cpu, cuda, cuda:1"),
        ({"engine": "onnxruntime", "device": "nowhere"}, r"device = 'nowhere' is none"),
        ({"engine": "torch", "device": "mps"}, r"device = 'mps' is none"),
        ({"engine": "auto", "device": "meta"}, r"device = 'meta' is none"),
        ({"engine": "auto", "device": "cpu:3"}, r"device = 'cpu:3' is none"),
        ({"engine": "auto", "device": "cuda:"}, r"device = 'cuda:' is none"),
        ({"engine": "torch", "precision": "int3"}, r"precision = 'int3'"),
    ],
)
def test_what_cannot_be_had_is_answered_in_one_line(asked: dict[str, str], answer: str) -> None:
    with pytest.raises(ModelError, match=answer) as caught:
        load_engine(Toy(), key="toy", **asked)  # type: ignore[arg-type]
    assert "\n" not in str(caught.value)


@pytest.mark.skipif(choose("cpu")[1] == torch.float32, reason="float32 is the fastest here anyway")
@pytest.mark.parametrize("engine", ["auto", "openvino"])
def test_a_short_format_that_is_too_coarse_for_a_network_is_no_reason_to_give_up_the_engine(
    engine: Name, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(engines.TOLERANCES, "bfloat16", 0.0)
    loaded = load_engine(Toy(), engine=engine, device="cpu", key="toy")
    assert (loaded.name, loaded.precision) == ("openvino", "float32")
    assert "engine openvino in bfloat16: output 1 is" in loaded.note
    with pytest.raises(ModelError, match="in bfloat16"):
        load_engine(Toy(), engine="openvino", precision="bfloat16", device="cpu", key="toy")


def test_a_drawing_is_believed_no_more_than_a_conversion(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ModelError, match=r"engine openvino in float32: output 0 is .* off torch's"):
        load_engine(Drawn(), engine="openvino", precision="float32", key="drawn")
    engine = load_engine(Drawn(), precision="float32", key="drawn")
    assert engine.name == "torch"
    assert "off torch's" in engine.note
    canvas = np.dstack([noise(64, 96), np.full((64, 96), 255, np.uint8)])
    (found,) = engine(canvas)
    assert torch.allclose(found[0, 0], torch.ones(64, 96)), "the last channel of the canvas comes first"
    with pytest.raises(ModelError, match="not converted for it; next: engine torch or openvino"):
        load_engine(Drawn(), engine="onnxruntime", precision="float32", key="drawn")
    with pytest.raises(ValueError, match=r"must be uint8 \[H, W, 4\]"):
        engine(noise(64, 96))


def test_what_cannot_be_had_is_said_before_the_network_is_converted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("models.engines.onnx_engine.exported", lambda network, key: pytest.fail("was converted"))
    monkeypatch.setattr("onnxruntime.get_available_providers", lambda: ["CPUExecutionProvider"])
    with pytest.raises(ModelError, match="device = 'cuda', but it only has"):
        load_engine(Toy(), engine="onnxruntime", device="cuda", key="toy")


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
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    monkeypatch.setattr(torch.cuda, "is_bf16_supported", lambda including_emulation: bfloat16)
    monkeypatch.setattr(torch.cuda, "get_device_capability", lambda device: capability)
    assert choose() == (torch.device("cuda"), chosen)
    assert choose("cpu", "float32") == (torch.device("cpu"), torch.float32)
    assert choose("cuda:1", "float16") == (torch.device("cuda:1"), torch.float16)
    with pytest.raises(ModelError, match=r"device = 'cuda:2' was asked for, but torch .* finds 2 GPU"):
        choose("cuda:2")


@pytest.mark.parametrize(
    ("able", "chosen"),
    [
        ({"amx_bf16": True}, torch.bfloat16),
        ({"amx_bf16": False, "avx512_bf16": True}, torch.bfloat16),
        ({"amx_bf16": False, "avx512_bf16": False}, torch.float32),
        ({}, torch.float32),
    ],
)
def test_the_number_format_follows_what_the_processor_can_do(
    able: dict[str, bool], chosen: torch.dtype, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: able)
    assert choose("cpu") == (torch.device("cpu"), chosen)
