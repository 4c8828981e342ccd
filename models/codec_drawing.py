"""The networks at work: from a picture to numbers, from numbers to the picture that both sides go on with."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional as F

from models.base import Image
from models.codec_choosing import without_silent
from models.codec_network import COARSE, FINE, CodecNetwork, Latents, enlarged
from models.codec_picture import Guess, Numbers, steps_of
from models.codec_picture import enlarged as pixels_of
from models.codec_plan import Plan
from models.codec_steps import BLOCK, step
from models.codec_thumbnail import drawn, means, rounded
from models.device import has_half
from models.finite import demand_finite

DEAD = 0.38  # is added before rounding down: less than a half makes nothing of what costs more than it helps
MOST = 1 << 14  # the largest number that is sent
THRESHOLD = 0.5  # of the head's probability
RIM, GRID = 2, 4  # blocks around what is coded that the networks see; of whose multiples a window is
Part = tuple[slice, slice]
"""Rows and columns."""
HEAD_STEP = 16 * 4  # the quantiser at which the head looks, in quarters


class Drawing:
    """One side's networks."""

    def __init__(self, network: CodecNetwork, device: torch.device) -> None:
        self._network, self._device = network, device
        self._half = device.type == "cpu" and has_half()

    @torch.inference_mode()
    def numbers(self, image: Image, prediction: Image, guess: Guess, levels: tuple[int, int]) -> tuple[Guess, Numbers]:
        """What to send of `image`, both uint8 [H, W, 3] of whole blocks; and the guess without blocks of which nothing
        is left to say. Raises FloatingPointError."""
        plan = guess.plan
        height, width = plan.shape
        coarse = np.zeros((COARSE, height, width), np.int32)
        fine = np.zeros((FINE, 2 * height, 2 * width), np.int32)
        if (part := window(plan.coded)) is not None:
            found = self._analysed(part, image, prediction, plan, levels)
            coarse[:, *part], fine[:, *_times(part, 2)] = found.coarse, found.fine
        said = coarse.any(0) | fine.any(0).reshape(height, 2, width, 2).any((1, 3))
        return without_silent(guess, said), Numbers(coarse, fine)

    @torch.inference_mode()
    def drawn(self, prediction: Image, plan: Plan, numbers: Numbers, levels: tuple[int, int]) -> Image:
        """The picture, uint8 [H, W, 3]: where the plan keeps the prediction, exactly that. Raises
        FloatingPointError."""
        if (part := window(plan.coded)) is None:
            return prediction
        pixels = _times(part, BLOCK)
        predicted = picture(prediction[pixels], self._device)
        sent = Latents(self._tensor(numbers.coarse[:, *part]), self._tensor(numbers.fine[:, *_times(part, 2)]))
        steps = self._tensor(steps_of(plan, levels)[part])
        whole = predicted + self._network.decode(sent, predicted, steps)
        demand_finite(whole)
        made = whole.round().clamp(0, 255).to(torch.uint8)[0].permute(1, 2, 0).cpu().numpy()
        result = prediction.copy()
        np.copyto(result[pixels], made, where=pixels_of(plan.coded[part])[..., None])
        return result

    @torch.inference_mode()
    def people(self, image: Image) -> Image:
        """The head's mask, uint8 [H, W] of 0 and 255. Raises FloatingPointError."""
        predicted = picture(drawn(rounded(means(image), 1), 1), self._device)
        shape = image.shape[0] // BLOCK, image.shape[1] // BLOCK
        steps = self._tensor(np.full(shape, step(HEAD_STEP), np.float32))
        logits = self._network.head(*self._network.features(picture(image, self._device) - predicted, predicted, steps))
        demand_finite(logits)
        large = F.interpolate(logits.softmax(1)[:, 1:], scale_factor=8.0, mode="bilinear")[0, 0]
        return np.where((large > THRESHOLD).cpu().numpy(), 255, 0).astype(np.uint8)

    def _analysed(self, part: Part, image: Image, prediction: Image, plan: Plan, levels: tuple[int, int]) -> Numbers:
        """Half precision will do here: only what is drawn of the numbers has to be the same on both sides."""
        steps, coded = self._tensor(steps_of(plan, levels)[part]), self._tensor(plan.coded[part])
        predicted = picture(prediction[_times(part, BLOCK)], self._device)
        rest = picture(image[_times(part, BLOCK)], self._device) - predicted
        with torch.autocast(self._device.type, torch.bfloat16, enabled=self._half):
            near, far = self._network.features(rest, predicted, steps)
            coarse = _rounded(self._network.coarse_level(rest, far, steps)) * coded
            fine = _rounded(self._network.fine_level(rest, coarse, near, steps)) * enlarged(coded, 2)
        demand_finite(fine)
        return Numbers(*(numbers[0].to(torch.int32).cpu().numpy() for numbers in (coarse, fine)))

    def _tensor(self, blocks: NDArray[np.generic]) -> Tensor:
        tensor = torch.from_numpy(np.ascontiguousarray(blocks)).to(self._device, torch.float32)
        return tensor[None, None] if blocks.ndim == 2 else tensor[None]


def padded(image: Image) -> Image:
    """Made whole blocks: the last row and column are repeated."""
    height, width = image.shape[:2]
    below, right = -height % BLOCK, -width % BLOCK
    return np.ascontiguousarray(np.pad(image, ((0, below), (0, right), (0, 0)), mode="edge"))


def window(coded: NDArray[np.bool_]) -> Part | None:
    """The part of the blocks [h, w] in which the networks have to look: all that are coded and what surrounds them, in
    one of a few sizes, which their library prepares for; None where nothing is."""
    if not coded.any():
        return None
    spans = [np.flatnonzero(coded.any(axis)) for axis in (1, 0)]
    sides = zip(spans, coded.shape, strict=True)
    rows, columns = (
        slice(max(span[0] - RIM, 0) // GRID * GRID, min(-(-(span[-1] + 1 + RIM) // GRID) * GRID, side))
        for span, side in sides
    )
    return rows, columns


def _times(part: Part, times: int) -> Part:
    rows, columns = (slice(span.start * times, span.stop * times) for span in part)
    return rows, columns


def picture(image: Image, device: torch.device) -> Tensor:
    """uint8 [H, W, 3] as the networks want it, float32 [1, 3, H, W]."""
    tensor = torch.from_numpy(image).to(device).permute(2, 0, 1)[None]
    return tensor.to(torch.float32, memory_format=torch.channels_last)


def _rounded(numbers: Tensor) -> Tensor:
    return (numbers.sign() * (numbers.abs() + DEAD).floor()).clamp(-MOST, MOST)
