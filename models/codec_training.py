"""One lesson of the neural coder: what its networks are shown, and how far they are from saying it well and briefly."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from models.base import Image
from models.codec_network import BLOCK, COARSE, FINE, CodecNetwork, Latents, enlarged
from models.codec_rate import Rate
from models.codec_steps import UNIT

PRICE = 0.13  # of a bit, in squared steps: what six units for half the bits come to, as in H.264's encoders
EVEN = 0.6  # steps to the power of this weigh a lesson: else the finest ones, of most bits, teach all
DEAD = 0.4  # what is added before rounding down: less than a half makes nothing of what costs more than it helps
LOOK = 0.05  # of the head's loss


@dataclass(frozen=True, slots=True)
class Lesson:
    """float [B, 3, S, S] `image` and `prediction`; [B, 1, S / 16, S / 16] `steps`, and `coded` (0: the prediction is
    left as it is); int [B, S / 8, S / 8] `people`; bool [B, 1, S / 16, S / 16] `region`."""

    image: Tensor
    prediction: Tensor
    steps: Tensor
    coded: Tensor
    people: Tensor
    region: Tensor


@dataclass(frozen=True, slots=True)
class Marks:
    """What came of a lesson: the loss; bits a pixel; dB of region and background (of what was coded); the head's loss;
    the pictures, uint8 [B, S, S, 3]."""

    loss: Tensor
    bits: float
    region: float
    background: float
    head: float
    pictures: Image


class Teacher(nn.Module):
    """The networks and what prices their numbers."""

    def __init__(self) -> None:
        super().__init__()
        self.network = CodecNetwork()
        self.coarse, self.fine = Rate(COARSE), Rate(FINE)

    def forward(self, lesson: Lesson) -> Marks:
        network, steps, coded = self.network, lesson.steps, lesson.coded
        rest = lesson.image - lesson.prediction
        near, far = network.features(rest, lesson.prediction, steps)
        coarse = network.coarse_level(rest, far, steps)
        sent = _rounded(coarse) * coded
        fine = network.fine_level(rest, sent, near, steps)
        latents = Latents(sent, _rounded(fine) * enlarged(coded, 2))
        added = network.decode(latents, lesson.prediction, steps) * enlarged(coded, BLOCK)
        made = lesson.prediction + added.float()
        bits = self.coarse(coarse.float(), coded).sum(1, keepdim=True)
        bits = bits + 4 * F.avg_pool2d(self.fine(fine.float(), enlarged(coded, 2)).sum(1, keepdim=True), 2)
        squares = F.avg_pool2d((made - lesson.image).square().sum(1, keepdim=True), BLOCK) * BLOCK**2
        weight = (steps / 20) ** EVEN
        loss = ((squares / steps**2 + PRICE * bits) * weight * coded).sum() / (coded.sum() * BLOCK**2 + 1)
        logits = network.head(near, far).float()
        look = F.cross_entropy(logits, lesson.people, weight=logits.new_tensor([1.0, 3.0]))
        pictures = made.detach().clamp(0, 255).round().permute(0, 2, 3, 1).to(torch.uint8)
        return Marks(
            loss + LOOK * look,
            float((bits.detach() * coded).sum() / (coded.sum() * BLOCK**2 + 1)),
            _decibels(squares, coded * lesson.region),
            _decibels(squares, coded * ~lesson.region),
            float(look.detach()),
            pictures.numpy(),
        )


def lesson(images: Image, people: Image, predictions: Image, keys: list[bool], random: np.random.Generator) -> Lesson:
    """uint8 [B, S, S, 3], [B, S, S], [B, S, S, 3]; of `keys` the prediction is not used. Draws steps, region, and which
    blocks are coded, and how."""
    batch, size = images.shape[:2]
    image, prediction = (_tensor(part) for part in (images, predictions))
    region = F.max_pool2d(torch.from_numpy(people)[:, None].float(), BLOCK) > 127
    for number in range(batch):
        if random.random() < 0.4 or not region[number].any():
            region[number, 0] = torch.from_numpy(_blob(size // BLOCK, random))
    steps = _steps(region, random)
    thumbs = thumbnail(image, float(random.choice([2, 4, 8])))
    inner = torch.tensor([not key for key in keys])[:, None, None, None]
    errors = [F.avg_pool2d((image - part).square().mean(1, keepdim=True), BLOCK) for part in (prediction, thumbs)]
    kept = (errors[0] < 1.2 * errors[1]) & inner
    skipped = kept & (errors[0] < steps**2 * float(random.uniform(0, 0.06)))
    chosen = torch.where(enlarged(kept.float(), BLOCK) > 0, prediction, thumbs)
    seen = F.max_pool2d(torch.from_numpy(people)[:, None].float(), 8)[:, 0] > 127
    return Lesson(image, chosen, steps, (~skipped).float(), seen.long(), region)


def thumbnail(image: Tensor, step: float) -> Tensor:
    """The means of blocks, rounded to steps, made as large again: [B, 3, H, W]."""
    means = (F.avg_pool2d(image, BLOCK) / step).round() * step
    return F.interpolate(means, scale_factor=float(BLOCK), mode="bilinear").round()


def _steps(region: Tensor, random: np.random.Generator) -> Tensor:
    shape = len(region), 1, 1, 1
    inside = torch.from_numpy(random.uniform(10, 44, shape))
    outside = inside + torch.from_numpy(random.uniform(0, 16, shape))
    return (UNIT * 2 ** (torch.where(region, inside, outside) / 6)).float()


def _blob(size: int, random: np.random.Generator) -> np.ndarray[tuple[int, int], np.dtype[np.bool_]]:
    """Blocks within an ellipse somewhere; at times all or none of them."""
    if random.random() < 0.2:
        return np.full((size, size), random.random() < 0.5)
    rows, columns = np.mgrid[:size, :size]
    (y, x), (tall, wide) = random.uniform(0, size, 2), random.uniform(1, size / 1.5, 2)
    return np.asarray(((rows - y) / tall) ** 2 + ((columns - x) / wide) ** 2 < 1)


def _rounded(numbers: Tensor) -> Tensor:
    """To whole numbers; the gradient passes as if they were not."""
    numbers = numbers.float()
    whole = numbers.detach().sign() * (numbers.detach().abs() + DEAD).floor()
    return numbers + (whole - numbers).detach()


def _decibels(squares: Tensor, chosen: Tensor) -> float:
    count = float(chosen.sum()) * 3 * BLOCK**2
    error = float((squares.detach() * chosen).sum())
    return float("nan") if count == 0 else 10 * float(np.log10(255**2 / max(error / count, 1e-3)))


def _tensor(pictures: Image) -> Tensor:
    return torch.from_numpy(pictures).permute(0, 3, 1, 2).float()
