"""The tests' own care for memory: caches of a file are emptied when it ends, and its pages go back to the system."""

from __future__ import annotations

import sys
from functools import cache
from types import ModuleType
from weakref import ref

import pytest

from tests.memory import forget, resident, trim

SIZE = 64 << 20
linux = pytest.mark.skipif(sys.platform != "linux", reason="needs /proc")


class Network:
    """Something that is held."""


def test_caches_of_a_module_are_emptied_and_those_that_it_borrowed_are_not() -> None:
    module = ModuleType("somewhere")
    own, borrowed = cache(lambda: Network()), cache(lambda: Network())
    own.__module__, borrowed.__module__ = "somewhere", "elsewhere"
    vars(module).update(own=own, borrowed=borrowed, number=3)
    first, second = ref(own()), ref(borrowed())
    forget(module)
    assert first() is None
    assert second() is not None


@linux
def test_what_is_in_memory_is_counted() -> None:
    before = resident()
    held = b"x" * SIZE
    assert SIZE * 0.9 < resident() - before < SIZE * 1.5
    assert len(held) == SIZE


@linux
def test_small_pieces_that_were_freed_go_back_to_the_system() -> None:
    """One that stays behind them keeps the heap from shrinking by itself."""
    before = resident()
    pieces = [bytearray(10_000) for _ in range(SIZE // 10_000)]
    last = bytearray(10_000)
    del pieces
    trim()
    assert resident() - before < SIZE // 4
    assert len(last) == 10_000
