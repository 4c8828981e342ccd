"""Kinds: the names of what can be shown in the place of somebody, and which object is to have which."""

from __future__ import annotations

from typing import Literal

import numpy as np

from pipeline.errors import RunError
from pipeline.frame import EFFECT_SHIFT, EFFECTS, KEPT, Table

Effect = Literal["solid", "mosaic", "blur", "silhouette", "remove", "template", "face", "sticker"]
TemplateName = Literal["auto", "eu", "eu-yellow", "uk", "us", "jp", "kr", "blank"]
AVERAGED = frozenset({"mosaic", "blur"})


def wished(objects: Table, usual: str) -> list[tuple[Table, str]]:
    """The objects that are not kept, the smallest first, each with its effect: its own, or the usual one. Raises
    RunError where one wants what nobody knows."""
    objects = objects[objects["flags"] & KEPT == 0]
    numbers = objects["flags"] >> EFFECT_SHIFT
    if (numbers > len(EFFECTS)).any():
        raise RunError(f"cover: an object wants effect {int(numbers.max())}, and there are {len(EFFECTS)}")
    if usual == "solid" and not (numbers > 1).any():
        return []
    sides = (objects["box"][:, 2:] - objects["box"][:, :2]).max(1, initial=0)
    order = np.argsort(sides, kind="stable")
    return [(objects[at], EFFECTS[numbers[at] - 1] if numbers[at] else usual) for at in order]
