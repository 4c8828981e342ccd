"""Whether what a network gave is finite, looked at without waking threads beside an engine's own."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor


def demand_finite(part: Tensor) -> None:
    """Raises FloatingPointError where any value is not finite, or all of them are too large together."""
    if part.device.type == "cpu" and part.dtype == torch.float32:
        finite = np.isfinite(np.add.reduce(part.numpy(), axis=None))
    else:
        finite = torch.isfinite(part.sum(dtype=torch.float32))
    if not bool(finite):
        raise FloatingPointError("the network's output is not finite")
