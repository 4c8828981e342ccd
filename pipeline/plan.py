"""PipelineConfig: a pipeline as its user writes it, strict and frozen; and Plan: the same, valid and ready to run."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, model_validator

from pipeline.blanks import Blank
from pipeline.posts import StageRule
from pipeline.stage import Sink, Stage

OnError = Literal["blank", "stop"]
MOST_WORKERS = 64  # of a stage
NAME = r"^[a-z0-9][a-z0-9_-]{0,47}$"  # of a pipeline, and of a run


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


def _as_word(value: Any) -> Any:
    """YAML reads on and off as true and false."""
    return {True: "on", False: "off"}[value] if isinstance(value, bool) else value


Switch = Annotated[Literal["auto", "on", "off"], BeforeValidator(_as_word)]


class GpuConfig(_Strict):
    """How the workers of a run share a GPU."""

    mps: Switch = Field(
        default="auto", description="NVIDIA's MPS lets their work overlap; auto: where it can be had, on: or not at all"
    )


class RestartPolicy(_Strict):
    """How often a stage may die before it has done anything, until the run is given up."""

    max_restarts: int = Field(default=3, ge=0, strict=True, description="deaths before a first frame that are forgiven")
    within_s: float = Field(default=60.0, gt=0, description="seconds over which they are counted")


class Autoscale(_Strict):
    """As many workers as the backlog asks for, within these bounds."""

    min: int = Field(default=1, ge=1, le=MOST_WORKERS, strict=True, description="workers that are always there")
    max: int = Field(ge=1, le=MOST_WORKERS, strict=True, description="workers at most")

    @model_validator(mode="after")
    def _check(self) -> Self:
        if self.min > self.max:
            raise ValueError(f"min = {self.min} is more than max = {self.max}")
        return self


class StageConfig(_Strict):
    """One step of a pipeline: the class that does it, and that class's own fields under `with`."""

    name: str = Field(pattern=r"^[a-z][a-z0-9_-]{0,31}$", description="by which `set`, `scale` and reports call it")
    uses: str = Field(pattern=r"^\w+(\.\w+)*:\w+$", description="module:Class")
    options: dict[str, Any] = Field(default_factory=dict, alias="with", description="the fields of that class")
    workers: int = Field(default=1, ge=1, le=MOST_WORKERS, strict=True, description="processes that share its frames")
    autoscale: Autoscale | None = Field(default=None, description="change the number of workers with the backlog")
    after: str | None = Field(default=None, description="the stage it follows; the one above by default")
    restart: RestartPolicy = Field(default=RestartPolicy(), description="how often it may die before a first frame")
    on_error: OnError | None = Field(default=None, description="overrides the pipeline's own")


class PipelineConfig(_Strict):
    """A pipeline: its stages in order, and what holds for all of them."""

    name: str = Field(pattern=NAME, description="by which `ps`, `top` and `stop` call a run of it")
    stages: tuple[StageConfig, ...] = Field(
        min_length=2,
        max_length=32,
        description="the source first; each follows the one above, unless `after` says otherwise",
    )
    slots: int | None = Field(
        default=None, ge=2, le=1024, strict=True, description="frames under way; chosen by default"
    )
    on_full: Literal["block", "drop_oldest"] | None = Field(
        default=None, description="block for files, drop_oldest for live sources by default"
    )
    max_tries: int = Field(default=3, ge=1, strict=True, description="deaths over one frame until it goes out blank")
    on_error: OnError = Field(default="blank", description="what becomes of a frame whose stage raised")
    fail: Literal["open", "closed"] = Field(
        default="open", description="closed: no sink sees anything but the result, and a frame in doubt goes out blank"
    )
    blank: Blank = Field(
        default="slate",
        description="what comes out for a frame in doubt: slate: a plain picture, hold_last: the last one that was not,"
        " of live sources for a few seconds, drop: nothing",
    )
    gpu: GpuConfig = Field(default=GpuConfig(), description="how workers share a GPU")
    delay: int = Field(
        default=0, ge=0, le=64, strict=True, description="frames that may be waited for by stages that look ahead"
    )


@dataclass(frozen=True)
class BuiltStage:
    """A stage whose class is found and whose fields are valid."""

    name: str
    uses: str
    options: Mapping[str, Any]
    stage: Stage
    config: StageConfig
    after: str | None
    on_error: OnError
    extra: tuple[str, ...] = ()  # planes that it reads because they are there
    recalls_from: str | None = None  # the stage below that finishes the frames which it recalls
    later: int = 0  # frames that it sees beyond its own

    @property
    def reads(self) -> tuple[str, ...]:
        """All the planes that it is lent to read."""
        return self.stage.reads + self.extra

    @property
    def recalled(self) -> tuple[str, ...]:
        """The planes of finished frames that it is lent beside its own."""
        return self.stage.recalls if self.recalls_from else ()

    @property
    def lag(self) -> int:
        """How many frames before its own the finished one is that it sees; 0: it sees none."""
        return int(getattr(self.stage, "lag", 1)) if self.recalls_from else 0

    @property
    def credits(self) -> int:
        """Frames that a worker may have granted when it works alone: the next one while it works.

        A stage with lasting memory has one: its two buffers are told apart by its commits."""
        return 1 if self.stage.lasting else 2

    @property
    def workers(self) -> int:
        """With how many it begins."""
        scale = self.config.autoscale
        return self.config.workers if scale is None else max(scale.min, min(self.config.workers, scale.max))

    @property
    def most_workers(self) -> int:
        """How many the ring has room for without anybody waiting."""
        return max(self.workers, self.config.autoscale.max if self.config.autoscale else 1)


@dataclass(frozen=True)
class Plan:
    """A valid pipeline, ready to run."""

    config: PipelineConfig
    stages: tuple[BuiltStage, ...]
    on_full: Literal["block", "drop_oldest"]
    slots: int

    @property
    def outputs(self) -> list[str]:
        """Where its sinks put their results."""
        return [str(built.options["output"]) for built in self.stages if built.options.get("output")]

    @property
    def rules(self) -> list[StageRule]:
        """What the ledger must know of each stage."""
        return [
            StageRule(
                built.name, built.after, built.stage.stateful, self.credits(built), self.ahead(built),
                built.recalls_from, built.lag, built.later, self.withholds(built),
            )
            for built in self.stages
        ]  # fmt: skip

    def withholds(self, stage: BuiltStage) -> bool:
        """Whether no blank comes out of it."""
        return self.config.blank == "drop" and isinstance(stage.stage, Sink)

    def ahead(self, stage: BuiltStage) -> bool:
        """Whether a worker that is nearly done may be granted its next frame: not a source, whose end depends on its
        input, nor a stage with lasting memory."""
        return stage.after is not None and not stage.stage.lasting

    def credits(self, stage: BuiltStage) -> int:
        return 1 if self.on_full == "drop_oldest" else stage.credits
