"""Reads torch zip checkpoints without running a line of what is pickled in them; knows no network.

A checkpoint that pickles a whole `nn.Module` names foreign classes, and unpickling one calls them. Here every class but
a few containers becomes an inert `Record` that keeps its arguments and its state, and tensors are made only afterwards,
from the bytes of the zip file.
"""

from __future__ import annotations

import math
import pickle
import zipfile
from collections import OrderedDict
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

import torch

from models.base import ModelError

_DTYPES: dict[str, torch.dtype] = {
    "DoubleStorage": torch.float64,
    "FloatStorage": torch.float32,
    "HalfStorage": torch.float16,
    "BFloat16Storage": torch.bfloat16,
    "LongStorage": torch.int64,
    "IntStorage": torch.int32,
    "ShortStorage": torch.int16,
    "CharStorage": torch.int8,
    "ByteStorage": torch.uint8,
    "BoolStorage": torch.bool,
}
_PLAIN: dict[tuple[str, str], Any] = {
    ("collections", "OrderedDict"): OrderedDict,
    ("builtins", "set"): set,
    ("__builtin__", "set"): set,  # as pickle protocol 2 spells it
}


class Record:
    """What is left of a pickled object of a foreign class: its name, arguments, state and items. It can do nothing."""

    kind = ""

    def __init__(self, *args: Any) -> None:
        self.args = args
        self.state: Any = {}
        self.items: list[Any] = []

    def __new__(cls, *args: Any) -> Record:
        record = super().__new__(cls)
        Record.__init__(record, *args)
        return record

    def __setstate__(self, state: Any) -> None:
        self.state = state

    def __setitem__(self, key: Any, value: Any) -> None:
        self.items.append((key, value))

    def append(self, item: Any) -> None:
        self.items.append(item)

    def get(self, name: str, default: Any = None) -> Any:
        """An attribute that the object had, its registered buffers and parameters included."""
        if not isinstance(self.state, dict):
            return default
        for place in (self.state, self.state.get("_buffers"), self.state.get("_parameters")):
            if isinstance(place, dict) and name in place:
                return place[name]
        return default


@dataclass(frozen=True, slots=True)
class TensorRef:
    """Where a tensor lies in the zip file: storage key, element type, offset and strides in elements."""

    key: str
    dtype: torch.dtype
    offset: int
    size: tuple[int, ...]
    stride: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class _Storage:
    key: str
    dtype: torch.dtype


def _rebuild_tensor(storage: Any, offset: Any, size: Any, stride: Any, *_: Any) -> TensorRef:
    if not isinstance(storage, _Storage):
        raise pickle.UnpicklingError("a tensor without a storage")
    return TensorRef(storage.key, storage.dtype, int(offset), tuple(map(int, size)), tuple(map(int, stride)))


def _rebuild_parameter(data: Any, *_: Any) -> Any:
    return data


class _Unpickler(pickle.Unpickler):
    """Knows tensor rebuilds and plain containers; any other name yields a class of inert records."""

    def find_class(self, module: str, name: str) -> Any:
        if (module, name) in _PLAIN:
            return _PLAIN[module, name]
        if module == "torch._utils" and name == "_rebuild_tensor_v2":
            return _rebuild_tensor
        if module == "torch._utils" and name == "_rebuild_parameter":
            return _rebuild_parameter
        if module == "torch" and name in _DTYPES:
            return _DTYPES[name]
        return type("Record", (Record,), {"kind": f"{module}.{name}"})

    def persistent_load(self, pid: Any) -> _Storage:
        """`pid` is ("storage", element type, key, device, number of elements), as `torch.save` writes it."""
        tag, dtype, key = pid[0], pid[1], pid[2]
        if tag != "storage" or not isinstance(dtype, torch.dtype):
            raise pickle.UnpicklingError(f"unknown persistent id {pid!r}")
        return _Storage(str(key), dtype)


@dataclass
class Checkpoint:
    """A checkpoint as inert data: `root` holds what was saved, of dicts, lists, `Record`s and `TensorRef`s."""

    path: Path
    root: Any
    _blobs: dict[str, bytes] = field(default_factory=dict)

    def tensor(self, ref: TensorRef) -> torch.Tensor:
        """Make the tensor that `ref` names. Raises ModelError where it reaches beyond its storage."""
        blob = self._blobs.get(ref.key)
        if blob is None:
            raise ModelError(f"{self.path}: storage {ref.key!r} is missing: the file is damaged, get it again")
        try:
            if math.prod(ref.size) * ref.dtype.itemsize > len(blob):
                raise ValueError(f"it holds {len(blob)} bytes")
            if not blob:
                return torch.empty(ref.size, dtype=ref.dtype)
            flat = torch.frombuffer(bytearray(blob), dtype=ref.dtype)
            return flat.as_strided(ref.size, ref.stride, ref.offset).clone()
        except (RuntimeError, ValueError) as error:
            raise ModelError(f"{self.path}: storage {ref.key!r} is too short for {ref.size}: {error}") from error

    def state_dict(self, module: Any) -> dict[str, torch.Tensor]:
        """Parameters and buffers of a pickled module by the names `nn.Module.state_dict` would give them."""
        return {name: self.tensor(ref) for name, ref in _walk(module, "")}


def _walk(module: Any, prefix: str) -> Iterator[tuple[str, TensorRef]]:
    if not isinstance(module, Record) or not isinstance(module.state, dict):
        return
    transient = module.state.get("_non_persistent_buffers_set")
    transient = transient if isinstance(transient, set) else set()
    for place in ("_parameters", "_buffers"):
        for name, value in (module.state.get(place) or {}).items():
            if isinstance(value, TensorRef) and name not in transient:
                yield prefix + name, value
    for name, child in (module.state.get("_modules") or {}).items():
        yield from _walk(child, f"{prefix}{name}.")


def read_checkpoint(path: Path) -> Checkpoint:
    """Read a file that `torch.save` wrote (zip format, since torch 1.6). Raises ModelError; runs no foreign code."""
    try:
        with zipfile.ZipFile(path) as box:
            entries = {info.filename.split("/", 1)[-1]: info for info in box.infolist()}
            if any(info.compress_type != zipfile.ZIP_STORED for info in entries.values()):
                raise ModelError(f"{path}: a compressed archive is no torch checkpoint")
            with box.open(entries["data.pkl"]) as stream:
                root = _unpickle(stream)
            blobs = {name[5:]: box.read(info) for name, info in entries.items() if name.startswith("data/")}
    except (OSError, KeyError, zipfile.BadZipFile, pickle.UnpicklingError, EOFError) as error:
        raise ModelError(f"{path} is no torch checkpoint that can be read: {error!r}") from error
    return Checkpoint(path, root, blobs)


def _unpickle(stream: IO[bytes]) -> Any:
    try:
        return _Unpickler(stream).load()
    except (TypeError, ValueError, AttributeError, IndexError) as error:  # what a malformed pickle makes of itself
        raise pickle.UnpicklingError(f"malformed pickle: {error}") from error
