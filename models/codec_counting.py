"""Counts how often each symbol comes where trained networks code what they have learned from: the coder's tables."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray

from models.codec_choosing import choose_plan
from models.codec_drawing import Drawing
from models.codec_entropy import Counter, Port
from models.codec_material import Shot
from models.codec_network import CodecNetwork
from models.codec_picture import Past, code_guess, code_numbers, table_shapes
from models.codec_scenes import LENGTH, Scene
from models.codec_steps import matters, rounded
from models.coding import Quantiser

SIZE = 256  # pixels a side
SCENES = 200


def count(network: CodecNetwork, shots: Sequence[Shot], seed: int) -> dict[str, NDArray[np.uint16]]:
    """The tables, from scenes at all kinds of quantisers."""
    counter, random = Counter(table_shapes()), np.random.default_rng(seed)
    drawing = Drawing(network, torch.device("cpu"))
    for _ in range(SCENES):
        _follow(counter, drawing, Scene(shots, SIZE, random), random)
    return counter.tables()


def _follow(port: Port, drawing: Drawing, scene: Scene, random: np.random.Generator) -> None:
    """Code a scene as the encoder does."""
    inside = random.uniform(12, 44)
    levels = rounded(Quantiser(inside, inside + random.uniform(0, 14)))
    past: Past | None = None
    for number in range(LENGTH):
        view = scene.view(number)
        guess, prediction = choose_plan(view.image, matters(view.mask), past, levels)
        guess, numbers = drawing.numbers(view.image, prediction, guess, levels)
        guess, prediction = code_guess(port, guess, guess.plan.shape, past, levels)
        code_numbers(port, numbers, guess.plan)
        past = Past(drawing.drawn(prediction, guess.plan, numbers, levels), guess.plan)
