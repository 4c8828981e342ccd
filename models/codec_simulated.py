"""A coder that only pretends: noise on the numbers instead of bits, as demonstrations of semantic coding have it.

For comparison only. No bit is counted, and the "bandwidth" is a word: nothing here could be sent.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np
import torch
from torch import Tensor

from models.base import Image
from models.codec_drawing import padded, picture
from models.codec_loading import Loaded, load
from models.codec_network import Latents, enlarged
from models.codec_steps import matters, step
from models.codec_thumbnail import drawn, means, rounded
from models.finite import demand_finite

QUANTISER = 16 * 4  # at which the networks are asked, in quarters


def simulate(image: Image, mask: Image, ratio: float = 0.10, inside: float = 0.15, outside: float = 2.8) -> Image:
    """`Simulated.simulate` with the networks that are shipped, loaded once. Raises ModelError."""
    return _shipped().simulate(image, mask, ratio, inside, outside)


class Simulated:
    """Pictures as the neural coder's networks draw them from numbers that noise was added to."""

    def __init__(self, loaded: Loaded, seed: int = 0) -> None:
        self._network, self._device = loaded.network, loaded.device
        self._random = torch.Generator().manual_seed(seed)

    @torch.inference_mode()
    def simulate(
        self, image: Image, mask: Image, ratio: float = 0.10, inside: float = 0.15, outside: float = 2.8
    ) -> Image:
        """A new picture of `image`, uint8 [H, W, 3] BGR; `mask` uint8 [H, W].

        Noise is Gaussian: (1 - ratio) times `inside` where the mask is, `outside` elsewhere, times the spread of each
        channel over the picture. Raises FloatingPointError."""
        whole = padded(image)
        predicted = picture(drawn(rounded(means(whole), 1), 1), self._device)
        rest = picture(whole, self._device) - predicted
        noise = (1 - ratio) * torch.from_numpy(np.where(matters(mask), inside, outside)).float().to(self._device)
        steps = torch.full_like(noise, float(step(QUANTISER)))[None, None]
        near, far = self._network.features(rest, predicted, steps)
        coarse = self._noisy(self._network.coarse_level(rest, far, steps), noise)
        fine = self._network.fine_level(rest, coarse, near, steps)
        fine = self._noisy(fine, enlarged(noise[None, None], 2)[0, 0])
        made = predicted + self._network.decode(Latents(coarse, fine), predicted, steps)
        demand_finite(made)
        made = made.round().clamp(0, 255).to(torch.uint8)[0].permute(1, 2, 0)
        return made.cpu().numpy()[: image.shape[0], : image.shape[1]]

    def _noisy(self, numbers: Tensor, noise: Tensor) -> Tensor:
        drawn_noise = torch.randn(numbers.shape, generator=self._random).to(self._device)
        return numbers + drawn_noise * noise * numbers.std((2, 3), keepdim=True, correction=0)


@lru_cache(1)
def _shipped() -> Simulated:
    return Simulated(load())
