"""Actions: what was done about each track over a run, in so much memory and no more. Knows the rows, not the pixels."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from pipeline.frame import EFFECT_SHIFT, EFFECTS, HELD, KEPT, Table

MOST_TRACKS = 20_000
OWN = "cover"  # the effect that the covering stage is set to


@dataclass(slots=True)
class Action:
    """Of one track: the frames in which it is known, and of those that came out how many show what."""

    cls: int
    first: int
    last: int
    frames: int = 0
    held: int = 0
    kept: int = 0
    covered: int = 0
    effects: dict[str, int] = field(default_factory=dict)


class Actions:
    """By track and class. Tracks beyond MOST_TRACKS are counted together; the audit has each of them."""

    def __init__(self) -> None:
        self.further: Action | None = None
        self._of: dict[tuple[int, int], Action] = {}

    def add(self, index: int, rows: Table, *, shown: bool) -> None:
        """The rows of one frame; `shown`: it came out, and not as a blank."""
        for track, cls, flags in zip(rows["track"].tolist(), rows["cls"].tolist(), rows["flags"].tolist(), strict=True):
            action = self._of.get((track, cls)) or self._new(track, cls, index)
            action.first, action.last = min(action.first, index), max(action.last, index)
            action.frames += 1
            action.held += bool(flags & HELD)
            if not shown:
                continue
            if flags & KEPT:
                action.kept += 1
                continue
            action.covered += 1
            effect = effect_of(flags)
            action.effects[effect] = action.effects.get(effect, 0) + 1

    def facts(self, names: tuple[str, ...]) -> list[dict[str, Any]]:
        """One for each track, by number; `names` of the classes."""
        found = [_facts(action, names) | {"track": track} for (track, _), action in sorted(self._of.items())]
        return found + ([_facts(self.further, names) | {"track": "further ones"}] if self.further else [])

    def _new(self, track: int, cls: int, index: int) -> Action:
        if len(self._of) >= MOST_TRACKS:
            self.further = self.further or Action(cls, index, index)
            return self.further
        return self._of.setdefault((track, cls), Action(cls, index, index))


def effect_of(flags: int) -> str:
    """What `flags` of an object say is shown instead of it."""
    at = flags >> EFFECT_SHIFT
    return OWN if at == 0 else EFFECTS[at - 1] if at <= len(EFFECTS) else f"number {at}"


def _facts(action: Action, names: tuple[str, ...]) -> dict[str, Any]:
    name = names[action.cls] if 0 <= action.cls < len(names) else action.cls
    return {
        "class": name,
        "first": action.first,
        "last": action.last,
        "frames": action.frames,
        "covered": action.covered,
        "held": action.held,
        "kept": action.kept,
        "effects": action.effects,
    }
