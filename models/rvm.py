"""Robust Video Matting (Lin et al., WACV 2022): a recurrent network that finds people by itself, as a TorchScript."""

from __future__ import annotations

import warnings
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np
import torch
from torch import Tensor

from models import rvm_state, weights
from models.base import Image, Memory, ModelError, ModelInfo
from models.device import Precision, choose, digits
from models.engines import Name
from models.warming import rehearse

if TYPE_CHECKING:
    from models.rvm_openvino import Flat

PROBE = 64  # pixels a side of what a network is tried out on
NEXT = (
    "next: weights: PATH of rvm_mobilenetv3_fp32.torchscript or rvm_resnet50_fp32.torchscript, or URL#sha256=HEX;"
    " they lie at github.com/PeterL1n/RobustVideoMatting, release v1.0.0"
)


class Rvm:
    """Runs a TorchScript `(src, r1, r2, r3, r4, downsample_ratio) -> (fgr, pha, r1, r2, r3, r4)` of any architecture,
    one frame after the other. Follows `models.base.Matter`."""

    def __init__(
        self,
        weights_file: str | None = None,
        *,
        ratio: float | None = None,
        device: str = "auto",
        precision: Precision = "auto",
        engine: Name = "auto",
    ) -> None:
        """`weights_file`: see `models.own`; a TorchScript is code that its owner chose to run. `ratio`: the share of
        the picture's sides that the network looks at; none: such that the long one has 512 pixels.

        `precision` auto is float16 on a GPU and float32 on a processor. `engine` auto is OpenVINO on a processor, where
        it is installed and answers as torch does. Raises ModelError where there is no file, it does not load, or it is
        no such network."""
        if not weights_file:
            raise ModelError(f"rvm has no weights of its own; {NEXT}")
        path = weights.locate(weights_file)
        self._place, self._format = _chosen(device, precision)
        self._ratio, self._path = ratio, path
        self._model = _load(path, self._place, self._format)
        self._try_out()
        ran = str(self._place), digits(self._format), "torchscript"
        self.info = ModelInfo("rvm", str(path), weights.sha256(path), *ran)
        self._engine = _engine(engine, self._place)
        self._flat: dict[tuple[int, int], Flat | None] = {}

    def matte(
        self, image: Image, mask: Image | None, before: Memory, after: Memory, alpha: Image, colours: Image
    ) -> None:
        """See `models.base.Matter`; `mask` is not looked at."""
        ratio = rvm_state.ratio_for(image.shape[0], image.shape[1], self._ratio)
        states = rvm_state.recall(before)
        if states is not None and (flat := self._flattened(states, image.shape[:2], ratio)) is not None:
            colours[:], alpha[:], now = flat(image, states)
        else:
            front, share, left = self._run(image, states, ratio)
            alpha[:], colours[:] = _bytes(share)[..., 0], _bytes(front.flip(1))
            now = tuple(state.float().cpu().numpy() for state in left)
        rvm_state.keep(now, after)

    def warm_up(self, height: int, width: int) -> float:
        """TorchScript watches the first frames and compiles what it has seen."""
        return rehearse(self, rvm_state.memory(height, width, self._ratio), height, width)

    def _flattened(self, states: rvm_state.State, size: tuple[int, ...], ratio: float) -> Flat | None:
        """The network as OpenVINO runs it, for frames of that size after the first; None where torch has to."""
        if self._engine == "torch":
            return None
        height, width = size
        if (height, width) not in self._flat:
            self._flat.clear()  # one at a time
            try:
                from models.rvm_openvino import Flat

                self._flat[height, width] = Flat(self._full_script(), states, height, width, ratio, self._format)
                self.info = replace(self.info, engine="openvino")
            except ModelError as error:
                if self._engine == "openvino":
                    raise
                self._flat[height, width] = None
                self.info = replace(self.info, engine="torchscript", note=str(error))
        return self._flat[height, width]

    def _full_script(self) -> Any:
        """In float32, whatever torch runs it in: the compiler chooses where fewer digits do."""
        return self._model if self._format == torch.float32 else _load(self._path, self._place, torch.float32)

    @torch.inference_mode()
    def _run(self, image: Image, states: rvm_state.State | None, ratio: float) -> tuple[Tensor, Tensor, list[Tensor]]:
        """Colours [1, 3, H, W] RGB and alpha [1, 1, H, W] of 0..1, and the four states."""
        colours = torch.from_numpy(cv2.cvtColor(image, cv2.COLOR_BGR2RGB)).to(self._place)
        pixels = colours.permute(2, 0, 1)[None].to(self._format).div_(255)
        former: list[Tensor | None] = [None] * rvm_state.STATES
        if states is not None:
            former = [torch.from_numpy(state.copy()).to(self._place, self._format) for state in states]
        front, share, *states_now = self._model(pixels, *former, ratio)
        if not bool(torch.isfinite(share).all() and torch.isfinite(front).all()):
            raise FloatingPointError("the matting network's output is not finite")
        return front.float(), share.float(), states_now

    def _try_out(self) -> None:
        """Raise ModelError unless it takes two frames, one after the other, and gives what is expected."""
        image = np.random.default_rng(0).integers(0, 256, (PROBE, PROBE, 3), np.uint8)
        after = {name: np.zeros(shape, kind) for name, (shape, kind) in rvm_state.memory(PROBE, PROBE, 1.0).items()}
        try:
            for _ in range(2):
                front, share, states = self._run(image, rvm_state.recall(after), 1.0)
                rvm_state.keep(tuple(state.float().cpu().numpy() for state in states), after)
        except (RuntimeError, TypeError, ValueError, AttributeError) as error:
            raise ModelError(f"{self._path} is no matting network: {_last_line(error)}; {NEXT}") from error
        except FloatingPointError as error:
            raise ModelError(f"{self._path}: {error} in {digits(self._format)}; next: precision float32") from error
        shapes = tuple(front.shape), tuple(share.shape)
        if shapes != ((1, 3, PROBE, PROBE), (1, 1, PROBE, PROBE)):
            raise ModelError(f"{self._path} is no matting network: it gives pictures of {shapes}; {NEXT}")


def _engine(wanted: Name, place: torch.device) -> Name:
    """What may run it. Raises ModelError where what was asked for cannot."""
    if wanted == "onnxruntime":
        raise ModelError("engine onnxruntime: runs no TorchScript; next: engine auto, openvino or torch")
    if wanted == "openvino" and place.type != "cpu":
        raise ModelError(f"engine openvino runs on the processor, not on {place}; next: engine torch")
    if wanted == "openvino" and not find_spec("openvino"):
        raise ModelError("engine openvino: not installed; next: pip install 'cleanplate[openvino]'")
    suits = place.type == "cpu" and find_spec("openvino")
    return wanted if suits else "torch"


def _chosen(device: str, precision: Precision) -> tuple[torch.device, torch.dtype]:
    place, form = choose(device, precision)
    if precision != "auto":
        return place, form
    return place, torch.float32 if place.type == "cpu" else torch.float16


def _load(path: Path, place: torch.device, form: torch.dtype) -> Any:
    """The network on the device. Raises ModelError."""
    try:
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", message=r"`torch\.jit", category=DeprecationWarning)
            load: Any = torch.jit.load
            model = load(str(path), map_location=place)
        return model.eval().to(form)
    except (RuntimeError, OSError, ValueError) as error:
        raise ModelError(f"{path} is no TorchScript file that loads: {_first_line(error)}; {NEXT}") from error


def _bytes(part: Tensor) -> Image:
    """[1, C, H, W] of 0..1 as uint8 [H, W, C]."""
    return part[0].clamp(0, 1).mul(255).round().byte().permute(1, 2, 0).cpu().contiguous().numpy()


def _first_line(error: Exception) -> str:
    return str(error).strip().partition("\n")[0][:200]


def _last_line(error: Exception) -> str:
    """TorchScript tells the story first and the reason last."""
    return (str(error).strip().splitlines() or [type(error).__name__])[-1][:200]
