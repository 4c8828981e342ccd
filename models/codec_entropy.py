"""Symbols to bytes and back by range coding, with tables of whole numbers: the same on any machine.

What is coded is written once, as a walk over a `Port` that asks for one symbol after the other: a `Writer` takes those
it is given, a `Reader` gives those of its bytes, a `Counter` learns how often each comes.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from models.base import ModelError
from models.coding import CodingError

Symbols = NDArray[np.int32]
Tables = Mapping[str, NDArray[np.uint16]]
"""By name: how often each symbol comes, [contexts, symbols], of 65535 or so; none is 0."""

TOTAL = 1 << 15  # what the numbers of a table come to, about
WORD = 4  # bytes


class Port(Protocol):
    """One end of the wire."""

    def code(self, table: str, contexts: Symbols, symbols: Symbols | None) -> Symbols:
        """The symbols, int32 [N], each with its context [N]; to a reader they are None."""
        ...

    def plain(self, bound: int, count: int, symbols: Symbols | None) -> Symbols:
        """`count` symbols 0..bound - 1 that are all as likely."""
        ...


class Models:
    """Tables as the range coder wants them, made once."""

    def __init__(self, tables: Tables) -> None:
        """Raises ModelError where constriction is not installed."""
        try:
            import constriction
        except ImportError as error:
            raise ModelError("the neural coder needs constriction; next: pip install 'cleanplate[codec]'") from error
        self._library: Any = constriction.stream
        self._tables = tables
        self._made: dict[tuple[str, int], Any] = {}
        self._uniform: dict[int, Any] = {}

    def of(self, table: str, context: int) -> Any:
        """The model of one context: whole numbers below 2**16 as doubles, so every machine makes the same of them."""
        if (table, context) not in self._made:
            row = self._tables[table][context].astype(np.float64)
            self._made[table, context] = self._library.model.Categorical(row, perfect=False)
        return self._made[table, context]

    def uniform(self, bound: int) -> Any:
        """All of 0..bound - 1 alike."""
        if bound not in self._uniform:
            self._uniform[bound] = self._library.model.Uniform(bound)
        return self._uniform[bound]

    def encoder(self) -> Any:
        return self._library.queue.RangeEncoder()

    def decoder(self, words: NDArray[np.uint32]) -> Any:
        return self._library.queue.RangeDecoder(words)


class Writer:
    """A port that makes bytes."""

    def __init__(self, models: Models) -> None:
        self._models, self._encoder = models, models.encoder()

    def code(self, table: str, contexts: Symbols, symbols: Symbols | None) -> Symbols:
        """See `Port`."""
        assert symbols is not None, "a writer is told what to write"
        order, runs = _grouped(contexts)
        sorted_symbols = symbols[order]
        for context, start, end in runs:
            self._encoder.encode(sorted_symbols[start:end], self._models.of(table, context))
        return symbols

    def plain(self, bound: int, count: int, symbols: Symbols | None) -> Symbols:
        """See `Port`."""
        assert symbols is not None, "a writer is told what to write"
        if count:
            self._encoder.encode(np.ascontiguousarray(symbols, np.int32), self._models.uniform(bound))
        return symbols

    def data(self) -> bytes:
        """All so far; low bytes that the reader supplies itself are left out."""
        words: NDArray[np.uint32] = self._encoder.get_compressed()
        return words.astype("<u4").tobytes()


class Reader:
    """A port that reads bytes. What they lack it takes for zeros: whoever checks them does so before."""

    def __init__(self, models: Models, data: bytes) -> None:
        """Raises CodingError for a length that no writer makes."""
        if len(data) % WORD:
            raise CodingError(f"{len(data)} bytes of symbols are no whole number of words")
        self._models = models
        self._decoder = models.decoder(np.frombuffer(data, "<u4").astype(np.uint32))

    def code(self, table: str, contexts: Symbols, symbols: Symbols | None) -> Symbols:
        """See `Port`."""
        order, runs = _grouped(contexts)
        found = np.empty(len(contexts), np.int32)
        for context, start, end in runs:
            found[start:end] = self._take(self._models.of(table, context), end - start)
        result = np.empty_like(found)
        result[order] = found
        return result

    def plain(self, bound: int, count: int, symbols: Symbols | None) -> Symbols:
        """See `Port`."""
        return self._take(self._models.uniform(bound), count) if count else np.empty(0, np.int32)

    def _take(self, model: Any, count: int) -> Symbols:
        try:
            return np.asarray(self._decoder.decode(model, count), np.int32)
        except AssertionError as error:
            raise CodingError("the symbols are not what any writer makes") from error


class Counter:
    """A port that counts; from what it has seen come the tables."""

    def __init__(self, shapes: Mapping[str, tuple[int, int]]) -> None:
        self._counts = {name: np.zeros(shape, np.int64) for name, shape in shapes.items()}

    def code(self, table: str, contexts: Symbols, symbols: Symbols | None) -> Symbols:
        """See `Port`."""
        assert symbols is not None, "a counter is told what there is"
        np.add.at(self._counts[table], (contexts, symbols), 1)
        return symbols

    def plain(self, bound: int, count: int, symbols: Symbols | None) -> Symbols:
        """See `Port`."""
        assert symbols is not None, "a counter is told what there is"
        return symbols

    def tables(self) -> dict[str, NDArray[np.uint16]]:
        """Frequencies; a context that was hardly seen is told by the mean of all of its table."""
        return {name: _frequencies(counts) for name, counts in self._counts.items()}


def _frequencies(counts: NDArray[np.int64]) -> NDArray[np.uint16]:
    symbols = counts.shape[1]
    total = counts.sum(0) + 1.0
    prior = 20 * total / total.sum()  # as good as having seen twenty
    shares = (counts + prior) / (counts + prior).sum(1, keepdims=True)
    return np.asarray(np.maximum(np.round(shares * (TOTAL - symbols)), 1), np.uint16)


def _grouped(contexts: Symbols) -> tuple[NDArray[np.intp], list[tuple[int, int, int]]]:
    """An order in which equal contexts stand together, and each with where it begins and ends."""
    order = np.argsort(contexts, kind="stable")
    ordered = contexts[order]
    starts = np.flatnonzero(np.diff(ordered, prepend=-1))
    ends = np.append(starts[1:], len(ordered))[: len(starts)]  # of none there is no end
    return order, list(zip(ordered[starts].tolist(), starts.tolist(), ends.tolist(), strict=True))
