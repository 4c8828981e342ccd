"""The networks and tables of the neural coder, as shipped, ready to run."""

from __future__ import annotations

import zlib
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from models.base import ModelError, ModelInfo
from models.codec_entropy import Models
from models.codec_network import CodecNetwork
from models.codec_picture import table_shapes
from models.device import choose, to_channels_last
from models.tensors import read

SHIPPED = Path(__file__).with_name("codec.safetensors")
TABLE = "table."  # what the names of tables begin with


@dataclass(frozen=True, slots=True)
class Loaded:
    """`number` tells these weights from others in a stream."""

    network: CodecNetwork
    models: Models
    device: torch.device
    number: int
    info: ModelInfo


def load(weights_file: str | None = None, device: str = "cpu") -> Loaded:
    """Networks and tables of a file, the shipped ones where none is named. Numbers are float32 everywhere: what a
    decoder makes is to be what its encoder reckoned with. Raises ModelError."""
    path = Path(weights_file) if weights_file else SHIPPED
    arrays = read(path)
    place, _ = choose(device, "float32")
    tables = {name.removeprefix(TABLE): array for name, array in arrays.items() if name.startswith(TABLE)}
    weights = {name: array for name, array in arrays.items() if not name.startswith(TABLE)}
    data = path.read_bytes()
    info = ModelInfo("neural", str(path), sha256(data).hexdigest(), str(place))
    models = Models(_checked(path, tables))
    return Loaded(_network(path, weights).to(place), models, place, zlib.crc32(data) & 0xFFFF, info)


def _network(path: Path, weights: dict[str, NDArray[np.generic]]) -> CodecNetwork:
    network = CodecNetwork()
    tensors = {name: torch.from_numpy(array.astype(np.float32)) for name, array in weights.items()}
    try:
        network.load_state_dict(tensors)
    except RuntimeError as error:
        said = str(error).splitlines()[-1].strip()
        raise ModelError(f"{path}: not the weights of the neural coder ({said})") from error
    if not all(bool(torch.isfinite(tensor).all()) for tensor in tensors.values()):
        raise ModelError(f"{path}: some weights are not finite")
    return to_channels_last(network.eval().requires_grad_(False))


def _checked(path: Path, tables: dict[str, NDArray[Any]]) -> dict[str, NDArray[np.uint16]]:
    """The tables. Raises ModelError where one is missing, of another shape, or has a symbol that cannot come."""
    for name, shape in table_shapes().items():
        table = tables.get(name)
        if table is None or table.shape != shape or table.dtype != np.uint16 or not (table > 0).all():
            raise ModelError(f"{path}: no table {name!r} of {shape} numbers above 0")
    return {name: table.astype(np.uint16) for name, table in tables.items()}
