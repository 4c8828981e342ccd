"""Numbers by name in a safetensors file, read and written: no library, no code of anybody else's is run."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from models.base import ModelError

LARGEST = 32 << 20  # bytes of a file
HEADER = 1 << 20  # bytes of its header
KINDS: dict[str, np.dtype[np.generic]] = {"F16": np.dtype("<f2"), "F32": np.dtype("<f4"), "U16": np.dtype("<u2")}
Arrays = Mapping[str, NDArray[np.generic]]


def read(path: Path) -> dict[str, NDArray[np.generic]]:
    """The arrays of a safetensors file, by name. Raises ModelError where it is none: one line that says why."""
    try:
        if path.stat().st_size > LARGEST:
            raise ModelError(f"{path}: {path.stat().st_size} bytes, at most {LARGEST} are read")
        return parsed(path.read_bytes())
    except OSError as error:
        raise ModelError(f"{path}: {error.strerror or error}; next: install cleanplate again") from error
    except ModelError as error:
        raise ModelError(f"{path}: {error}") from error


def parsed(data: bytes) -> dict[str, NDArray[np.generic]]:
    """The arrays of a file's bytes. Raises ModelError."""
    length = int.from_bytes(data[:8], "little")
    if len(data) < 8 or length > min(HEADER, len(data) - 8):
        raise ModelError("cut short, or no safetensors file")
    try:
        entries = json.loads(data[8 : 8 + length])
        body = memoryview(data)[8 + length :]
        return {name: _array(entry, body) for name, entry in entries.items() if name != "__metadata__"}
    except (AttributeError, KeyError, OverflowError, TypeError, ValueError) as error:
        raise ModelError(f"its header is not that of a safetensors file ({error})") from error


def write(path: Path, arrays: Arrays) -> None:
    """Arrays of the KINDS as a safetensors file."""
    entries, parts, start = {}, [], 0
    for name in sorted(arrays):
        array = np.asarray(arrays[name], order="C")
        kind = next(kind for kind, dtype in KINDS.items() if dtype == array.dtype)
        end = start + array.nbytes
        entries[name] = {"dtype": kind, "shape": list(array.shape), "data_offsets": [start, end]}
        parts.append(array.astype(KINDS[kind]).tobytes())
        start = end
    header = json.dumps(entries, separators=(",", ":")).encode()
    header += b" " * (-len(header) % 8)
    path.write_bytes(len(header).to_bytes(8, "little") + header + b"".join(parts))


def _array(entry: Mapping[str, object], body: memoryview) -> NDArray[np.generic]:
    kind, shape, offsets = KINDS[str(entry["dtype"])], entry["shape"], entry["data_offsets"]
    if not isinstance(shape, list) or not isinstance(offsets, list):
        raise ValueError("no shape")
    start, end = (int(at) for at in offsets)
    if not 0 <= start <= end <= len(body):
        raise ValueError("an array lies beyond the end")
    flat: NDArray[np.generic] = np.frombuffer(body[start:end], kind)
    return flat.reshape([int(side) for side in shape])
