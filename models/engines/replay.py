"""CUDA graphs: the kernels of a network recorded once for each shape, then started all together by one call.

big-lama is about 1,100 kernels a forward: started one by one they keep a processor busier than a quick GPU.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

WARM = 3  # runs before the recording: libraries set themselves up in the first


@dataclass(frozen=True, slots=True)
class _Recording:
    graph: Any
    given: Tensor
    answer: tuple[Tensor, ...]


class Replays:
    """A function of one tensor on a GPU, recorded for the last `most` shapes; it must do the same whatever it sees.

    Its answers lie in memory that the next call overwrites. A shape that comes for the first time takes
    many times as long as the next."""

    def __init__(self, compute: Callable[[Tensor], tuple[Tensor, ...]], most: int) -> None:
        self._compute, self._most = compute, most
        self._pool: Any = None  # one for all: no two run at a time
        self._recorded: OrderedDict[tuple[int, ...], _Recording] = OrderedDict()

    def __call__(self, given: Tensor) -> tuple[Tensor, ...]:
        shape = tuple(given.shape)
        if shape not in self._recorded:
            while len(self._recorded) >= self._most:
                self._recorded.popitem(last=False)
            self._recorded[shape] = self._record(given)
        self._recorded.move_to_end(shape)
        recording = self._recorded[shape]
        recording.given.copy_(given, non_blocking=True)
        recording.graph.replay()
        return recording.answer

    def _record(self, given: Tensor) -> _Recording:
        """On a stream of its own, as recordings have to be made."""
        cuda: Any = torch.cuda  # much of it untyped
        given = given.clone()
        stream = cuda.Stream(given.device)
        stream.wait_stream(cuda.current_stream(given.device))
        with cuda.stream(stream):
            for _ in range(WARM):
                self._compute(given)
        cuda.current_stream(given.device).wait_stream(stream)
        graph = cuda.CUDAGraph()
        with cuda.graph(graph, pool=self._pool, stream=stream):
            answer = self._compute(given)
        self._pool = graph.pool()
        return _Recording(graph, given, answer)
