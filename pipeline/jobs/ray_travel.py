"""What runs on a cluster in Ray's own terms: the task of a segment, and the board that says how far each is."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

from pipeline.jobs.ray_needs import Needs
from pipeline.jobs.ray_task import Bytes, Errand, Return, do


class Board:
    """Where the tasks write how far they are. An actor: whoever wants to know it asks."""

    def __init__(self) -> None:
        self._frames: dict[int, int] = {}

    def tell(self, index: int, frames: int) -> None:
        """Segment `index` has so many frames out."""
        self._frames[index] = frames

    def take(self) -> list[tuple[int, int]]:
        """What was told since it was asked last."""
        told, self._frames = list(self._frames.items()), {}
        return told


def run(errand: Errand, copies: tuple[Any, ...] | None, board: Any) -> Return:
    """The task. `copies`: references to the bytes, fetched only where they are needed."""
    import ray
    from ray.exceptions import RayError

    def fetch() -> tuple[Bytes, ...]:
        return tuple(ray.get(list(copies or ())))

    def told(index: int, frames: int) -> None:
        with suppress(RayError):  # the board is being started again
            board.tell.remote(index, frames)

    return do(errand, None if copies is None else fetch, told)


def arrive(needs: Needs, tries: int) -> tuple[Any, Any]:
    """The task as Ray wants it, and a board, on the machine of whoever asks."""
    import ray
    from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

    task = ray.remote(run).options(
        num_cpus=needs.cpus, num_gpus=needs.gpus, max_retries=tries, scheduling_strategy="SPREAD"
    )
    here = NodeAffinitySchedulingStrategy(ray.get_runtime_context().get_node_id(), soft=True)
    board = ray.remote(Board).options(num_cpus=0, max_restarts=-1, scheduling_strategy=here).remote()
    return task, board
