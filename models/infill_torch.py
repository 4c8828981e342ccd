"""Infill in torch: on a GPU as one recorded graph, and wherever OpenVINO is not."""

from __future__ import annotations

import torch

from models.device import Precision
from models.infill_network import InfillNetwork
from models.infill_plan import Weights
from models.on_engine import OnEngine


def on_torch(weights: Weights, key: str, device: str, precision: Precision) -> OnEngine:
    """A runner of the network with these weights. Raises ModelError where torch does not run it like that."""
    return OnEngine(network(weights), key, "torch", device, precision)


def network(weights: Weights) -> InfillNetwork:
    """The network with these weights, in evaluation. Raises RuntimeError where they are not all of it."""
    made = InfillNetwork().eval().requires_grad_(False)
    made.load_state_dict({name: torch.from_numpy(array.copy()) for name, array in weights.items()})
    return made
