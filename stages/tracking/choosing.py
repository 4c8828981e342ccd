"""Choosing: which of those who are followed are removed and which stay in the picture; knows no picture."""

from __future__ import annotations

from collections.abc import Collection
from typing import Annotated, Literal

from pydantic import Field

from pipeline.stage import live
from stages.zones import Zoned, fingerprint

MOST = 256  # numbers in a list
Track = Annotated[int, Field(ge=1, le=2**31 - 1, strict=True)]
Tracks = Annotated[list[Track], Field(max_length=MOST)]


class Choosing(Zoned):
    """A transform that follows what is found, and removes all of it or a part.

    A number is given once in a run. Who was out of sight for longer than he is followed comes back with another one,
    and so does everybody after a cut: then he is removed in the mode `all`, and stays in the mode `chosen`.
    """

    remove: Literal["all", "chosen"] = live(
        default="all", description="what is removed: everything but `kept`, or nothing but `chosen`"
    )
    kept: Tracks = live(
        default=[],
        description="numbers of tracks that stay, where all are removed; who was lost from sight and comes back has"
        " another number, and is removed",
    )
    chosen: Tracks = live(
        default=[],
        description="numbers of tracks that are removed, where only those are; who was lost from sight and comes back"
        " has another number, and stays until that is chosen",
    )

    overlap: int = live(
        default=8, ge=0, le=256, description="pixels by which what is removed is masked also over what stays beside it"
    )

    def removed(self, track: int) -> bool:
        """Whether the one with this number is."""
        return track not in self.kept if self.remove == "all" else track in self.chosen

    @property
    def removes_all(self) -> bool:
        """Whether there is nobody to ask for."""
        return self.remove == "all" and not self.kept

    def choice(self, found: int, followed: Collection[int], last: int) -> int:
        """Another number whenever it was newly said what is to be removed, or (`found`) what is to be found.

        Where one who was kept is `followed` no longer, also with each number that is given (`last`): whoever gets it
        may be the one who stood there in full sight, and is removed now."""
        astray = self.remove == "all" and any(track <= last and track not in followed for track in self.kept)
        listed = self.kept if self.remove == "all" else self.chosen
        return fingerprint(found, self.remove, listed, last if astray else 0)
