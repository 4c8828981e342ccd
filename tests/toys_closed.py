"""Toy stages that want to show too much."""

from __future__ import annotations

from typing import ClassVar

from tests.toys import Collect, Numbers


class Finished(Numbers):
    """Says itself what the result is."""

    writes: ClassVar[tuple[str, ...]] = ("image", "clean")


class Curious(Collect):
    """Would look at the input, where it is there."""

    may_read: ClassVar[tuple[str, ...]] = ("image",)
