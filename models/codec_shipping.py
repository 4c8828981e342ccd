"""What a training leaves behind: the file of weights and tables, the curve."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import torch

from models import training_log
from models.codec_counting import count
from models.codec_loading import TABLE
from models.codec_material import Shot
from models.codec_network import CodecNetwork
from models.tensors import Arrays, write

SMOOTH = 5  # lines of the log that make a point of the curve
SHOWN = (("bits", "bits a pixel"), ("region_db", "region, dB"), ("background_db", "background, dB"), ("head", "head"))


def ship(checkpoint: Path, shots: Sequence[Shot], seed: int, out: Path) -> None:
    """Write the mean of a checkpoint's weights, rounded to half precision, and tables counted with just those."""
    state = torch.load(checkpoint, weights_only=True)["mean"]
    half = {name: value.to(torch.float16) for name, value in state.items()}
    network = CodecNetwork()
    network.load_state_dict({name: value.float() for name, value in half.items()})
    tables = count(network.eval(), shots, seed)
    arrays: Arrays = {
        **{name: value.numpy() for name, value in half.items()},
        **{TABLE + name: table for name, table in tables.items()},
    }
    write(out, arrays)


def plot(log: Path, out: Path) -> None:
    """The curve of a training's log."""
    training_log.plot(log, out, SHOWN, SMOOTH)
