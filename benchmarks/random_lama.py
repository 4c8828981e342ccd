"""A file like the public big-lama.pt with random weights: takes the time of the real one, but knows no pictures.

As a program: `python -m benchmarks.random_lama FOLDER` writes it and prints its path, for LAMA_MODEL.
"""

from __future__ import annotations

import sys
import warnings
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from models.lama_network import Block, Generator, Inpainted

NAME = "random-big-lama.pt"
BRANCH = 0.3  # by which the blocks of a trained network change what passes through them; any more, and rounding tells


def big_lama(folder: Path) -> Path:
    """The path of the file in that folder, written there if it is not yet."""
    path = folder / NAME
    if not path.is_file():
        unfinished = path.with_suffix(".part")
        traced(random_generator()).save(str(unfinished))
        unfinished.replace(path)
    return path


def random_generator(seed: int = 0) -> Generator:
    """With weights drawn at random, and normalised by what passes through them, so that nothing runs out of range."""
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        generator = Generator()
        for module in generator.modules():
            if isinstance(module, nn.Conv2d | nn.ConvTranspose2d):
                nn.init.kaiming_normal_(module.weight, nonlinearity="relu")
            elif isinstance(module, nn.BatchNorm2d):
                module.momentum = None  # its mean and variance are those of what it sees
        for block in (module for module in generator.modules() if isinstance(module, Block)):
            for norm in (block.conv2.bn_l, block.conv2.bn_g):
                nn.init.constant_(norm.weight, BRANCH)  # type: ignore[union-attr]
        sample = _sample()
        with torch.no_grad():
            generator.train()(sample)
            _spread(generator.eval(), sample)
    return generator.requires_grad_(False)


def _spread(generator: Generator, sample: Tensor) -> None:
    """Let the answers lie about in the middle of 0..1 and not at its ends."""
    logits = generator.model[:-1](sample)
    head = generator.model[-2]
    assert isinstance(head, nn.Conv2d)
    assert head.bias is not None
    head.bias.sub_(logits.mean((0, 2, 3))).div_(logits.std())
    head.weight.div_(logits.std())


def traced(generator: nn.Module) -> torch.jit.ScriptModule:
    """As the public file was made: `torch.jit.trace` of `(image, mask) -> image`, with another module around it."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message=r"`torch\.jit", category=DeprecationWarning)
        example = torch.rand(1, 3, 64, 64), torch.ones(1, 1, 64, 64)
        trace: Any = torch.jit.trace  # untyped
        whole = trace(Wrapped(Inpainted(generator)).eval(), example, check_trace=False)
    assert isinstance(whole, torch.jit.ScriptModule)
    return whole


class Wrapped(nn.Module):
    """The names in the public file begin with `model.generator.`."""

    def __init__(self, model: nn.Module) -> None:
        super().__init__()
        self.model = model

    def forward(self, image: Tensor, mask: Tensor) -> Tensor:
        return self.model(image, mask)  # type: ignore[no-any-return]


def _sample() -> Tensor:
    """Two smooth pictures with a hole in each, as the generator sees them."""
    images = nn.functional.interpolate(torch.rand(2, 3, 12, 12), scale_factor=8.0, mode="bilinear")
    masks = torch.zeros(2, 1, 96, 96)
    masks[:, :, 24:64, 32:72] = 1
    return torch.cat([images * (1 - masks), masks], 1)


if __name__ == "__main__":
    print(big_lama(Path(sys.argv[1])))
