"""Start and Places: with what a run of a session begins, and where it may leave something."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pipeline.web.catalogue import Offer
from pipeline.web.orders import Orders
from pipeline.web.wishes import Wish


@dataclass(frozen=True)
class Start:
    """With what a run of a session begins."""

    wish: Wish
    offer: Offer
    orders: Orders
    label: str  # of the source, fit for anybody's eyes
    kept: Mapping[str, Any]  # STAGE.FIELD: what was set while a former run went on, and holds for this one


@dataclass(frozen=True)
class Places:
    """`folder` is private and short-lived; `media` holds what its owner keeps, and `check_room` raises Refused where
    nothing more may come into it; that looks at files, and takes its time."""

    folder: Path
    media: Path
    check_room: Callable[[], object]
