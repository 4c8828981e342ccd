"""Takes the weights of big-lama out of a TorchScript file: every one of them, or it says which are in the way."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import torch
from torch import Tensor

from models.base import ModelError
from models.lama_folded import Folded
from models.lama_network import Generator

FIRST = "model.1.ffc.convl2l.weight"  # of the generator; what stands before it in a file is the file's own affair
COUNTER = "num_batches_tracked"  # of a batch norm: no weight, and not in every file
SIDE = 64  # pixels a side of the picture on which both have to agree
TOLERANCE = 4 / 255


def folded(script: Any) -> Folded | None:
    """The generator that a TorchScript `(image, mask) -> image` holds, ready to run; None where it holds another one.

    Raises ModelError where it is big-lama by its first layer and not by all others, or answers otherwise.
    """
    found = {name: value for name, value in script.state_dict().items() if not name.endswith(COUNTER)}
    prefix = next((name.removesuffix(FIRST) for name in found if name.endswith(FIRST)), None)
    if prefix is None:
        return None
    with torch.device("meta"):
        generator = Generator()
    wanted = {name: value for name, value in generator.state_dict().items() if not name.endswith(COUNTER)}
    _check(wanted, found, prefix)
    weights = {name: found[prefix + name].detach().float().cpu() for name in wanted}
    generator.load_state_dict(weights, strict=False, assign=True)
    network = Folded(generator.eval())
    _compare(network, script)
    return network


def _check(wanted: Mapping[str, Tensor], found: Mapping[str, Tensor], prefix: str) -> None:
    """Raise ModelError unless every weight has its place, and every place its weight."""
    missing = [name for name in wanted if prefix + name not in found]
    left = [name for name in found if name.removeprefix(prefix) not in wanted or not name.startswith(prefix)]
    other = [name for name, value in wanted.items() if found.get(prefix + name, value).shape != value.shape]
    faults = (("lacks", missing), ("has besides", left), ("has another shape of", other))
    said = [f"{what} {_some(names)}" for what, names in faults if names]
    if said:
        raise ModelError(f"its weights are not those of big-lama: it {'; it '.join(said)}")


def _some(names: Iterable[str]) -> str:
    first, *rest = sorted(names)
    return f"{first} and {len(rest)} more" if rest else first


@torch.inference_mode()
def _compare(network: Folded, script: Any) -> None:
    """Raise ModelError unless both fill a hole alike: the same weights may be put to another use."""
    image = torch.rand(1, 3, SIDE, SIDE, generator=torch.Generator().manual_seed(0))
    hole = torch.zeros(1, 1, SIDE, SIDE)
    hole[:, :, SIDE // 4 : SIDE // 2, SIDE // 4 : SIDE // 2] = 1
    (invented,) = network(torch.cat([hole, image], 1))
    place = next(script.parameters()).device
    right = script(image.to(place), hole.to(place)).cpu()
    off = float(((invented - right) * hole).abs().max())
    if not off <= TOLERANCE:
        raise ModelError(f"it has the weights of big-lama, but its answer is {off:.3g} off, {TOLERANCE:.3g} allowed")
