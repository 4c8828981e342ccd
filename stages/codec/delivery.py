"""Delivery: what the end of a stream tells its beginning: how much has gone out, how much waits, what was lost."""

from __future__ import annotations

from dataclasses import astuple, dataclass, fields
from typing import Any

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, slots=True)
class Delivery:
    """Lies in the plane `delivered`; counts of pictures since the sink began."""

    sent: float = 0.0
    waiting: float = 0.0
    dropped: float = 0.0
    up: bool = False  # there is a connection
    wants_key: bool = False  # nothing can be sent before the next key picture
    linked: bool = False  # it goes over a network

    def put(self, plane: NDArray[np.float32]) -> None:
        """Into float32 [N]."""
        plane[: len(_FIELDS)] = astuple(self)

    @classmethod
    def of(cls, plane: NDArray[Any]) -> Delivery:
        """What lies in float32 [N]."""
        sent, waiting, dropped, *flags = plane[: len(_FIELDS)].tolist()
        return cls(sent, waiting, dropped, *(flag > 0 for flag in flags))


_FIELDS = fields(Delivery)
