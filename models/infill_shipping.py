"""What a training of `infill` leaves behind: the file of weights, the curve."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import torch
from torch import nn
from torch.nn.utils.fusion import fuse_conv_bn_eval

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
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    with log.open(newline="") as file:
        rows = list(csv.DictReader(file))
    figure, axes = pyplot.subplots(2, 2, figsize=(10, 6), sharex=True, layout="constrained")
    steps = np.array([float(row["step"]) for row in rows])
    for axis, (column, label) in zip(axes.flat, SHOWN, strict=True):
        values = np.array([float(row[column]) for row in rows])
        axis.plot(steps, values, color="0.8", linewidth=0.5)
        starts = [
            at for at in range(0, len(values) - SMOOTH + 1, SMOOTH) if np.isfinite(values[at : at + SMOOTH]).any()
        ]
        axis.plot([steps[at + SMOOTH // 2] for at in starts], [np.nanmean(values[at : at + SMOOTH]) for at in starts])
        axis.set_ylabel(label)
    figure.supxlabel("steps")
    out.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(out, dpi=80)
