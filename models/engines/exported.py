"""Networks as ONNX files: exports each once and keeps a few of them in the cache folder."""

from __future__ import annotations

import hashlib
import os
import warnings
from contextlib import suppress
from importlib.metadata import version
from pathlib import Path
from uuid import uuid4

import torch
from torch import Tensor, nn

from models.base import ModelError
from models.engines.base import first_line
from models.letterbox import LEAST, STEP
from models.weights import cache_folder

KEPT = 8  # files, of about the size of the weights
LARGEST = 256  # steps of 32 pixels: a side of 8192
FORMAT = "2"  # of what is exported: to be raised where `FromCanvas` or the options change


class FromCanvas(nn.Module):
    """Takes the canvas itself, uint8 [1, H, W, 3] BGR: an engine's compiler melts this into the first layers."""

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network

    def forward(self, canvas: Tensor) -> tuple[Tensor, ...]:
        # Picked as numbers and before the axes are turned, which OpenVINO melts; a flip of bytes it does one by one.
        reversed_ = [*range(canvas.shape[3] - 1, -1, -1)]
        return tuple(self.network((canvas.float() / 255)[..., reversed_].permute(0, 3, 1, 2)))


def exported(network: nn.Module, key: str) -> tuple[bytes, str]:
    """The network behind `FromCanvas` as ONNX, H and W left open, and in one line why it was not kept, else nothing.

    What the cache folder holds for `key` and these versions is taken where it is whole. Raises ModelError where the
    network does not export.
    """
    folder, stem = cache_folder() / "engines", _stem(key)
    kept = _read(folder, stem)
    if kept is not None:
        return kept, ""
    content = _export(network)
    try:
        _keep(folder, stem, content)
    except OSError as error:
        return content, f"the converted network was not kept: {error}"
    return content, ""


def _stem(key: str) -> str:
    """Of a file's name: what was converted, and by what."""
    tools = "-".join((FORMAT, *(version(package) for package in ("torch", "onnx", "onnxscript"))))
    return "-".join(hashlib.sha256(part.encode()).hexdigest()[:16] for part in (key, tools))


def _read(folder: Path, stem: str) -> bytes | None:
    """A file's name ends in the checksum of its content: one that is damaged or cut short is no entry."""
    for path in folder.glob(f"{stem}-*.onnx"):
        try:
            content = path.read_bytes()
        except OSError:  # gone meanwhile or not to be read: as good as none, and written anew
            continue
        if path.stem.endswith(hashlib.sha256(content).hexdigest()):
            with suppress(OSError):  # a folder that may only be read serves as well
                os.utime(path)  # used now: the last to go
            return content
    return None


def _keep(folder: Path, stem: str, content: bytes) -> None:
    """Write the file whole or not at all; then let go what it replaces, and all but the last few used."""
    folder.mkdir(parents=True, exist_ok=True)
    place = folder / f"{stem}-{hashlib.sha256(content).hexdigest()}.onnx"
    unfinished = folder / f"{uuid4().hex}.part"
    try:
        unfinished.write_bytes(content)
        unfinished.replace(place)
    except OSError:
        unfinished.unlink(missing_ok=True)
        raise
    # A process that is killed leaves its part file: it ages out like any other.
    recent = sorted(folder.iterdir(), key=_used, reverse=True)
    of_key = {path for path in recent if path.name.startswith(stem.partition("-")[0])} - {place}
    for path in {*recent[KEPT:], *of_key}:
        path.unlink(missing_ok=True)


def _used(path: Path) -> int:
    try:
        return path.stat().st_mtime_ns
    except FileNotFoundError:  # let go by another worker meanwhile
        return 0


def _export(network: nn.Module) -> bytes:
    side = torch.export.Dim
    height, width = (STEP * side(name, min=LEAST // STEP, max=LARGEST) for name in ("rows", "columns"))
    example = torch.zeros(1, 4 * STEP, 5 * STEP, 3, dtype=torch.uint8)  # two sides: equal ones count as tied
    try:
        with warnings.catch_warnings():
            # torch's own exporter still calls it
            warnings.filterwarnings("ignore", r"`isinstance\(treespec, LeafSpec\)` is deprecated", FutureWarning)
            program = torch.onnx.export(
                FromCanvas(network).eval(),
                (example,),
                dynamo=True,
                dynamic_shapes=({1: height, 2: width},),
                verbose=False,
            )
        assert program is not None
        content: bytes = program.model_proto.SerializeToString()
        return content
    except Exception as error:
        # The exporter's errors share no class; whichever it was, there is no network to go on with.
        raise ModelError(f"the network does not export to ONNX: {first_line(error)}") from error
