"""ONNX files as torch networks: the same answers as ONNX Runtime's, and a clear no to anything else."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest
import torch
from onnx import TensorProto, helper, numpy_helper

from models.base import ModelError
from models.onnx_graph import OnnxGraph

RNG = np.random.default_rng(3)


def stored(path: Path, nodes: list[onnx.NodeProto], **tensors: np.ndarray) -> Path:
    held = [numpy_helper.from_array(value.astype(np.float32), name) for name, value in tensors.items()]
    picture = helper.make_tensor_value_info("x", TensorProto.FLOAT, [1, 3, "h", "w"])
    answer = helper.make_tensor_value_info("y", TensorProto.FLOAT, None)
    graph = helper.make_graph(nodes, "toy", [picture], [answer], held)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8)
    onnx.save(model, str(path))
    return path


def every_operator(path: Path) -> Path:
    norm = {name: RNG.uniform(0.5, 1.5, 6) for name in ("scale", "shift", "mean", "variance")}
    nodes = [
        helper.make_node("Conv", ["x", "w1", "b1"], ["a"], strides=[2, 2], pads=[1, 1, 1, 1]),
        helper.make_node("Relu", ["a"], ["b"]),
        helper.make_node("Conv", ["b", "w2"], ["c"], group=6, dilations=[2, 2], pads=[2, 2, 2, 2]),
        helper.make_node("Add", ["b", "c"], ["d"]),
        helper.make_node("BatchNormalization", ["d", *norm], ["e"], epsilon=0.01),
        helper.make_node("ConvTranspose", ["e", "w3", "b3"], ["f"], strides=[2, 2]),
        helper.make_node("Sigmoid", ["f"], ["y"]),
    ]
    shapes = {"w1": (6, 3, 3, 3), "b1": (6,), "w2": (6, 1, 3, 3), "w3": (6, 4, 2, 2), "b3": (4,)}
    return stored(path, nodes, **{name: RNG.normal(0, 0.4, shape) for name, shape in shapes.items()}, **norm)


@pytest.mark.parametrize("size", [(32, 32), (64, 96)])
def test_every_operator_answers_as_in_onnx_runtime(tmp_path: Path, size: tuple[int, int]) -> None:
    path = every_operator(tmp_path / "all.onnx")
    picture = RNG.normal(0, 1, (1, 3, *size)).astype(np.float32)
    wanted = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"]).run(None, {"x": picture})[0]
    (found,) = OnnxGraph(path)(torch.from_numpy(picture))
    assert found.shape == wanted.shape
    assert wanted.std() > 0.05
    np.testing.assert_allclose(found.numpy(), wanted, atol=1e-5)


def test_an_operator_that_is_not_known_is_named(tmp_path: Path) -> None:
    path = stored(tmp_path / "odd.onnx", [helper.make_node("Tanh", ["x"], ["y"])])
    with pytest.raises(ModelError, match=r"operator Tanh is none of Add, BatchNormalization, Conv"):
        OnnxGraph(path)


def test_uneven_padding_is_refused_not_guessed(tmp_path: Path) -> None:
    node = helper.make_node("Conv", ["x", "w"], ["y"], pads=[1, 1, 0, 0])
    path = stored(tmp_path / "odd.onnx", [node], w=RNG.normal(0, 1, (4, 3, 3, 3)))
    with pytest.raises(ModelError, match="more at one end"):
        OnnxGraph(path)


def test_a_file_that_is_no_onnx_is_told_in_one_line(tmp_path: Path) -> None:
    path = tmp_path / "no.onnx"
    path.write_bytes(b"\x80\x04garbage" * 50)
    with pytest.raises(ModelError, match=r"no\.onnx: no ONNX file") as caught:
        OnnxGraph(path)
    assert "\n" not in str(caught.value)


def test_a_weight_of_another_shape_than_the_operator_wants_is_told(tmp_path: Path) -> None:
    path = stored(
        tmp_path / "odd.onnx",
        [helper.make_node("Conv", ["x", "w", "b"], ["y"])],
        w=RNG.normal(0, 1, (4, 3, 3, 3)),
        b=RNG.normal(0, 1, 5),
    )
    with pytest.raises(ModelError, match=r"Conv y: .*size mismatch") as caught:
        OnnxGraph(path)
    assert "\n" not in str(caught.value)
