"""What may be asked for in the body of a request; wrong shapes are refused before anybody looks at them."""

from __future__ import annotations

import math
from typing import Annotated, Any, Literal, Self

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator

from pipeline.frame import EFFECTS
from pipeline.web.sources import Source

Share = Annotated[float, Field(ge=0, le=1, allow_inf_nan=False)]
Point = tuple[Share, Share]
Polygon = Annotated[list[Point], Field(min_length=3, max_length=64)]
Track = Annotated[int, Field(ge=1, le=2**31 - 1, strict=True)]
Pixels = Annotated[int, Field(ge=1, le=1 << 14, strict=True)]
MOST_DEPTH = 8  # of lists in lists, as a value of a setting
MOST_POINTS = 256  # of all zones: they travel in one request


class _Body(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


Text = Annotated[str, Field(max_length=200)]


def _passable(value: Any) -> Any:
    """What can be handed on to a pipeline as JSON: Python reads more than that. Raises ValueError."""
    level = [value]
    for _ in range(MOST_DEPTH):
        inner: list[Any] = []
        for one in level:
            match one:
                case dict():
                    inner += [*one, *one.values()]
                case list():
                    inner += one
                case str() if not one.isascii() and any("\ud800" <= char <= "\udfff" for char in one):
                    raise ValueError("half a character")
                case float() if not math.isfinite(one):
                    raise ValueError("not a number")
        level = inner
    if level:
        raise ValueError(f"lists in lists, more than {MOST_DEPTH} deep")
    return value


Value = Annotated[Any, AfterValidator(_passable)]


class Wish(_Body):
    """A session."""

    pipeline: str = Field(max_length=200, examples=["live-camera"])
    source: Source
    settings: dict[Text, Value] = Field(default={}, max_length=100, description="STAGE.FIELD: value, as in `stages`")
    height: int | None = Field(default=None, ge=16, le=4320, description="rows to which pictures are scaled")
    fps: float | None = Field(default=None, gt=0, le=240, description="the most frames a second of a live source")
    targets: list[Text] = Field(default=[], max_length=16, description="what to follow: x,y,w,h@frame, car:2@10")
    pinned: bool = Field(default=False, description="goes on without a page that watches it")
    title: str = Field(default="", max_length=120)


class Rewish(_Body):
    """The same, all of it optional: what is not given, or null, stays as it was; of `height` and `fps` null takes the
    bound away. `settings` are laid over the former ones; those of another pipeline are forgotten."""

    pipeline: str | None = Field(default=None, max_length=200)
    source: Source | None = None
    settings: dict[Text, Value] | None = Field(default=None, max_length=100)
    height: int | None = Field(default=None, ge=16, le=4320)
    fps: float | None = Field(default=None, gt=0, le=240)
    targets: list[Text] | None = Field(default=None, max_length=16)
    pinned: bool | None = None
    title: str | None = Field(default=None, max_length=120)

    def over(self, wish: Wish) -> Wish:
        """The wish with what is given here in the place of what it said."""
        given = {name: getattr(self, name) for name in self.model_fields_set}
        same = self.pipeline in (None, wish.pipeline)
        given["settings"] = {**(wish.settings if same else {}), **(self.settings or {})}
        bounds = ("height", "fps")
        return wish.model_copy(
            update={name: value for name, value in given.items() if value is not None or name in bounds}
        )


class Naming(_Body):
    pinned: bool | None = None
    title: str | None = Field(default=None, max_length=120)


class Setting(_Body):
    """A new value for a live field."""

    stage: Text
    field: Text
    value: Value


class Scaling(_Body):
    stage: Text
    workers: int = Field(ge=1, le=64, strict=True)


class Choice(_Body):
    """A point of the picture, from its left upper corner: 0 to 1."""

    x: Share
    y: Share
    do: Literal["remove", "keep", "toggle"] = "toggle"


class Zones(_Body):
    """Polygons of points x, y from 0 to 1: what is always hidden, and what is never touched."""

    hide: list[Polygon] = Field(default=[], max_length=32)
    spare: list[Polygon] = Field(default=[], max_length=32)

    @model_validator(mode="after")
    def _check(self) -> Self:
        points = sum(map(len, (*self.hide, *self.spare)))
        if points > MOST_POINTS:
            raise ValueError(f"zones of {points} points: at most {MOST_POINTS}")
        return self


class When(_Body):
    """Whom a rule is about: all of it has to be true; without any it is everybody."""

    model_config = ConfigDict(validate_by_alias=True, validate_by_name=False, serialize_by_alias=True)

    track: list[Track] | None = Field(default=None, min_length=1, max_length=64)
    classes: list[Text] | None = Field(default=None, alias="class", min_length=1, max_length=80)
    zone: Polygon | None = Field(default=None, description="points x, y from 0 to 1")
    min_size: Pixels | None = Field(default=None, description="of the longer side of its box")
    max_size: Pixels | None = None


class Rule(_Body):
    """What is done with whom it is about: an effect that is shown in the place, or `keep`: it is seen as it is."""

    when: When = When()
    do: str = Field(max_length=20, examples=["mosaic", "keep"])

    @model_validator(mode="after")
    def _check(self) -> Self:
        if self.do not in ("keep", *EFFECTS):
            raise ValueError(f"{self.do!r} is neither keep nor one of {', '.join(EFFECTS)}")
        return self


class Rules(_Body):
    """The first one that fits counts; whom none fits is covered. `former`: what is replaced by them, where they are to
    be refused if that has changed meanwhile."""

    rules: list[Rule] = Field(max_length=64)
    former: list[Rule] | None = Field(default=None, max_length=64)

    @model_validator(mode="after")
    def _check_points(self) -> Self:
        points = sum(len(rule.when.zone or ()) for rule in self.rules)
        if points > MOST_POINTS:
            raise ValueError(f"zones of {points} points: at most {MOST_POINTS}")
        return self


class Switch(_Body):
    on: bool = Field(strict=True)
