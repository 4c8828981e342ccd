"""What a training of `infill` leaves behind: the file of weights, the curve."""

from __future__ import annotations

from pathlib import Path

import torch
from torch import nn
from torch.nn.utils.fusion import fuse_conv_bn_eval

from models import training_log
from models.infill_network import InfillNetwork
from models.tensors import write

SMOOTH = 8  # lines of the log that make a point of the curve
SHOWN = (
    ("better", "dB above the membrane"), ("hole", "in the hole"), ("edges", "differences of neighbours"),
    ("critic", "the critic's loss"),
)  # fmt: skip


def ship(checkpoint: Path, out: Path) -> None:
    """Write the mean of a checkpoint's weights as safetensors, rounded to half precision, its norms folded into the
    convolutions."""
    network = InfillNetwork(learning=True)
    network.load_state_dict(torch.load(checkpoint, "cpu", weights_only=True)["mean"])
    state = folded(network.eval()).state_dict()
    write(out, {name: value.to(torch.float16).contiguous().numpy() for name, value in state.items()})


def folded(network: InfillNetwork) -> InfillNetwork:
    """As the network answers in evaluation, without norms."""
    plain = InfillNetwork().eval()
    for name, layer in network.named_modules():
        if isinstance(layer, nn.Sequential) and len(layer) == 2 and isinstance(layer[1], nn.BatchNorm2d):
            conv = layer[0]
            assert isinstance(conv, nn.Conv2d)
            plain.get_submodule(name).load_state_dict(fuse_conv_bn_eval(conv, layer[1]).state_dict())
    plain.carrying.load_state_dict(network.carrying.state_dict())
    plain.leave.load_state_dict(network.leave.state_dict())
    return plain


def plot(log: Path, out: Path) -> None:
    """The curve of a training's log."""
    training_log.plot(log, out, SHOWN, SMOOTH)
