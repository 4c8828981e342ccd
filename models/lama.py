"""LaMa (Suvorov et al., WACV 2022): invents texture in large holes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from models import lama_weights, weights
from models.base import ModelError, ModelInfo
from models.canvas import FIXED, MANY, Sizes
from models.device import Precision, choose
from models.engines import Name
from models.lama_script import Script, load
from models.network_inpainter import NetworkInpainter, Runner
from models.on_engine import OnEngine

PIXEL_S = 6e-6  # seconds that a pixel takes, until it has been measured


class Lama(NetworkInpainter):
    """Of big-lama itself the weights are taken, for a generator of our own that runs several times as fast; any other
    network runs as it is."""

    def __init__(
        self,
        weights_file: str | None = None,
        *,
        engine: Name = "auto",
        device: str = "auto",
        precision: Precision = "auto",
    ) -> None:
        """`weights_file` is a path to a TorchScript `(image, mask) -> image`: code that its owner chose to run.

        Without it LAMA_MODEL, then the cache folder. `engine`, `precision`: see `models.engines`; a network that is not
        big-lama runs in torch, auto being float32. Raises ModelError where there is no file, it does not load, or it
        does not run like that.
        """
        path = weights.locate(weights_file or "big-lama")
        if precision == "float16":
            raise ModelError(f"lama: {precision = } is too coarse for it; next: bfloat16 or float32")
        runner = _runner(path, engine, device, precision)
        sizes: Sizes = MANY if runner.name == "torchscript" and not runner.device.startswith("cuda") else FIXED
        ran = runner.device, runner.precision, runner.name, runner.note
        super().__init__(runner, sizes, ModelInfo("big-lama", str(path), weights.sha256(path), *ran), PIXEL_S)


def _runner(path: Path, engine: Name, device: str, precision: Precision) -> Runner:
    """Our own generator with the file's weights where it is big-lama's; else the file as it is, and why."""
    script = load(path, choose(device)[0])
    note = ""
    try:
        network = lama_weights.folded(script)
    except ModelError as error:
        network, note = None, f"{path} runs as it is, not several times as fast: {error}"
    if network is not None:
        return OnEngine(network, f"big-lama-{weights.sha256(path)}", engine, device, precision)
    if engine not in ("auto", "torch"):
        why = note or f"{path} is not big-lama"
        raise ModelError(f"lama: {engine = } runs big-lama only; {why}; next: engine auto or torch")
    runner: Any = Script(script, path, device, precision)
    runner.note = note
    return runner  # type: ignore[no-any-return]
