"""An ONNX file as it is, run by OpenVINO or ONNX Runtime: for networks of which only the file is known; knows no pixel.

The file is data: both engines run the operators of ONNX and no code of anybody else's.
"""

from __future__ import annotations

import ast
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import torch
from numpy.typing import NDArray

from models.base import ModelError
from models.device import Precision
from models.engines.base import first_line

Arrays = list[NDArray[Any]]
ENGINES = "openvino", "onnxruntime"
_FLOATS: dict[int, np.dtype[Any]] = {1: np.dtype(np.float32), 10: np.dtype(np.float16)}  # ONNX' numbers of them


@dataclass(frozen=True, slots=True)
class Header:
    """What a file says of itself: the form of the picture it takes, [1, 3, height, width] (0: any), and its notes."""

    height: int
    width: int
    dtype: np.dtype[Any]
    names: tuple[str, ...]
    points: tuple[int, int] | None  # of things with key points: how many, and values of each
    stride: int


class Runner(Protocol):
    """A file on an engine."""

    name: str
    device: str

    def __call__(self, pixels: NDArray[Any]) -> Arrays:
        """The outputs for pixels [1, 3, H, W], of the header's type; valid until the next call."""
        ...


def read(path: Path) -> tuple[Header, bytes]:
    """A file's header and content. Raises ModelError: no ONNX, more files than one, another input than one picture."""
    try:
        import onnx
    except ImportError as error:
        raise ModelError(f"{path}: to be read it takes the package onnx; next: pip install onnx") from error
    try:
        content = path.read_bytes()
        model = onnx.load_model_from_string(content)
    except Exception as error:  # protobuf's errors share no class
        raise ModelError(f"{path}: no ONNX file: {(str(error).strip() or 'damaged').splitlines()[0]}") from error
    if any(one.data_location == onnx.TensorProto.EXTERNAL for one in model.graph.initializer):
        raise ModelError(f"{path}: its weights lie in another file; next: export it as one file")
    return _header(path, model), content


def start(path: Path, content: bytes, *, engine: str, device: str, precision: Precision) -> tuple[Runner, str]:
    """The file on the engine of that name (auto: the first that can), and why no faster one was taken. Raises
    ModelError. Always in float32: a shorter format rounds places to several pixels."""
    if precision not in ("auto", "float32"):
        raise ModelError(f"{path}: {precision = }, but a detector's places need float32; next: precision auto")
    if engine not in ("auto", *ENGINES):
        raise ModelError(f"{path}: an ONNX file runs on openvino or onnxruntime, not on {engine}; next: engine auto")
    on_gpu = device.startswith("cuda") or (device == "auto" and torch.cuda.is_available())
    names = (engine,) if engine != "auto" else ENGINES[::-1] if on_gpu else ENGINES
    notes: list[str] = []
    for name in names:
        try:
            return _started(name, content, device), "; ".join(notes)
        except ModelError as error:
            notes.append(str(error))
    raise ModelError(f"{path}: {'; '.join(notes)}")


def _started(name: str, content: bytes, device: str) -> Runner:
    from models.engines import EXTRAS, missing

    if lacking := missing(name):
        raise ModelError(
            f"engine {name}: {', '.join(lacking)} not installed; next: pip install 'cleanplate[{EXTRAS[name]}]'"
        )
    if name == "openvino":
        from models.engines.openvino_engine import FileOnOpenvino

        return FileOnOpenvino(content, device)
    from models.engines.onnx_engine import FileOnOnnxruntime

    return FileOnOnnxruntime(content, device)


def _header(path: Path, model: Any) -> Header:
    held = {one.name for one in model.graph.initializer}
    inputs = [one.type.tensor_type for one in model.graph.input if one.name not in held]
    shapes = [[side.dim_value for side in one.shape.dim] for one in inputs]
    if len(inputs) != 1 or len(shapes[0]) != 4 or shapes[0][0] not in (0, 1) or shapes[0][1] not in (0, 3):
        raise ModelError(f"{path}: takes {shapes}, but one picture [1, 3, height, width] is what there is (0: any)")
    dtype = _FLOATS.get(inputs[0].elem_type)
    if dtype is None:
        raise ModelError(f"{path}: takes numbers of ONNX type {inputs[0].elem_type}, not float32 or float16 of 0 to 1")
    notes = {one.key: one.value for one in model.metadata_props}
    points = _noted(path, notes, "kpt_shape")
    points = (int(points[0]), int(points[1])) if isinstance(points, list | tuple) and len(points) == 2 else None
    stride = _noted(path, notes, "stride")
    height, width = shapes[0][2:]
    return Header(height, width, dtype, _names(path, notes), points, int(stride) if stride else 32)


def _names(path: Path, notes: dict[str, str]) -> tuple[str, ...]:
    """Exporters write a dict of numbers to names, or a list."""
    names = _noted(path, notes, "names")
    if isinstance(names, dict):
        names = [names[key] for key in sorted(names)]
    return tuple(map(str, names)) if isinstance(names, list | tuple) else ()


def _noted(path: Path, notes: dict[str, str], key: str) -> Any:
    """A note as the Python literal that it is written as; None where there is none. Evaluates no expression."""
    if key not in notes:
        return None
    try:
        return ast.literal_eval(notes[key])
    except (ValueError, SyntaxError, MemoryError, RecursionError) as error:
        raise ModelError(f"{path}: its note {key} is {notes[key]!r:.80}: {first_line(error)}") from error
