"""Inline: the steps of a plan in this very process, one frame at a time, for notebooks, trials and benchmarks."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from types import TracebackType
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from pipeline.config import BuiltStage, Plan, load_config
from pipeline.errors import ConfigError
from pipeline.frame import STANDARD_PLANES, Arrays, Frame, FrameSpec, Image, Layout, read_only
from pipeline.stage import Sink, Source, Stage, Transform

Lasting = tuple[dict[str, NDArray[Any]], dict[str, NDArray[Any]]]


class _Step:
    """A stage with its own view of the planes: what it reads is locked, as it is for a worker."""

    def __init__(self, built: BuiltStage, planes: Arrays, spec: FrameSpec) -> None:
        self.name = built.name
        self.stage: Stage = type(built.stage).model_validate(dict(built.options))
        reads = {name: read_only(planes[name]) for name in built.reads}
        writes = {name: planes[name] for name in built.stage.writes}
        self.frame = Frame(reads | writes)
        memory = built.stage.memory(spec)
        self._lasting: Lasting = (_arrays(memory), _arrays(memory))
        self.frame.pool = _arrays(built.stage.pool(spec))
        self._turn = 0
        self._recalled = [*reads, *writes, *built.recalled] if built.lag else []
        self._finished: deque[Frame] = deque(maxlen=built.lag)

    def set_up(self, spec: FrameSpec) -> None:
        if isinstance(self.stage, Transform | Sink):
            self.stage.setup(spec)

    def run(self) -> float:
        """Do the frame; return the seconds that it took."""
        frame = self.frame
        frame.before = {name: read_only(array) for name, array in self._lasting[self._turn].items()}
        frame.after = self._lasting[1 - self._turn]
        frame.finished = self._finished[0] if self._finished and len(self._finished) == self._finished.maxlen else None
        begun = time.perf_counter()
        if isinstance(self.stage, Transform):
            self.stage.process(frame)
        elif isinstance(self.stage, Sink):
            self.stage.write(frame)
        seconds = time.perf_counter() - begun
        self._turn = 1 - self._turn
        return seconds

    def finish(self, planes: Arrays) -> None:
        """All steps have done their frame: keep what this one will see of it."""
        if self._recalled:
            kept = {name: read_only(planes[name].copy()) for name in self._recalled}
            self._finished.append(Frame(kept, self.frame.index, self.frame.pts, self.frame.duration))


class Inline:
    """Everything behind the source of a plan, set up for frames of one size.

        with Inline.of("remove-people", width=1280, height=720) as steps:
            clean = steps.process(image).clean

    An exception of a stage comes out as it is. Nothing is shared, nothing is restarted: that is what a run is for. Each
    picture is done at once, as if it were the last: `frame.later` is empty.
    """

    def __init__(self, stages: Sequence[BuiltStage], spec: FrameSpec) -> None:
        self.spec = spec
        self.planes: dict[str, NDArray[Any]] = {}
        for built in stages:
            for name in built.stage.writes:
                plane = built.stage.planes.get(name) or STANDARD_PLANES[name]
                self.planes[name] = np.zeros(plane.shape(spec), plane.dtype)
        self._steps = [_Step(built, self.planes, spec) for built in stages if not isinstance(built.stage, Source)]
        self._index = 0
        self._ready = False

    @classmethod
    def of(cls, config: str, *, width: int, height: int, sets: Sequence[str] = ()) -> Self:
        """The transforms of a configuration, by path or shipped name, without its source and its sinks.

        Raises ConfigError."""
        plan = load_config(config, sets=sets, given="pictures", wanted="null:")
        kept = [built for built in plan.stages if not isinstance(built.stage, Sink)]
        try:
            spec = FrameSpec(width=width, height=height)
        except ValueError as error:
            raise ConfigError(f"{width = }, {height = }: a frame is 1 to 16384 pixels wide and high") from error
        return cls(kept, spec)

    @classmethod
    def whole(cls, plan: Plan, spec: FrameSpec) -> Self:
        """All of a plan but its source, the sinks as well."""
        return cls(plan.stages, spec)

    def process(self, image: Image, *, pts: int | None = None) -> Frame:
        """One picture, uint8 [H, W, 3] BGR; the planes of the frame that comes back are overwritten by the next call.

        Raises ConfigError where it is of another size or kind, or the steps are not set up.
        """
        for _ in self.timed(image, pts=pts):
            pass
        return Frame(self.planes, index=self._index - 1)

    def timed(self, image: Image, *, pts: int | None = None, duration: int = 1) -> Iterator[tuple[str, float]]:
        """The same, step by step: the name of each stage and the seconds it took."""
        wanted = (self.spec.height, self.spec.width, 3)
        if not isinstance(image, np.ndarray) or image.shape != wanted or image.dtype != np.uint8:
            kind = f"{image.dtype} {image.shape}" if isinstance(image, np.ndarray) else type(image).__name__
            raise ConfigError(f"a picture of {kind}, but these steps are for uint8 {wanted}")
        if not self._ready:
            raise ConfigError("the steps are not set up: use them inside `with Inline.of(...) as steps:`")
        np.copyto(self.planes["image"], image)
        for step in self._steps:
            frame = step.frame
            frame.index, frame.pts, frame.duration = self._index, self._index if pts is None else pts, duration
            yield step.name, step.run()
        for step in self._steps:
            step.finish(self.planes)
        self._index += 1

    def facts(self) -> list[dict[str, str]]:
        """The models that run: name, source, checksum, device, precision."""
        return [facts for step in self._steps for facts in step.stage.context.models]

    def __enter__(self) -> Self:
        with ExitStack() as begun:
            for step in self._steps:
                step.set_up(self.spec)
                begun.callback(step.stage.close)
            begun.pop_all()
        self._ready = True
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._ready = False
        with ExitStack() as ending:  # one that fails keeps none of the others from being closed
            for step in reversed(self._steps):
                ending.callback(step.stage.close)
                if isinstance(step.stage, Sink) and error is None:
                    ending.callback(step.stage.finish)


def _arrays(layout: Layout) -> dict[str, NDArray[Any]]:
    return {name: np.zeros(shape, dtype) for name, (shape, dtype) in layout.items()}
