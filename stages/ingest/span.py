"""Span: the part of a source that is taken, from one time to another; and how times are written."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from fractions import Fraction
from typing import Annotated, Any, Self

from pydantic import BeforeValidator, Field, PlainSerializer, ValidationInfo, WithJsonSchema, field_validator
from pydantic_core import PydanticCustomError

from pipeline.stage import Source

WRITTEN = "seconds, MM:SS or HH:MM:SS, as in 12.5, 1:30 or 1:02:03.5"
_PATTERN = r"^(([0-9]+:)?[0-9]+:)?[0-9]+(\.[0-9]+)?$"
_TIME = re.compile(r"(?:(?:([0-9]{1,9}):)?([0-9]{1,9}):)?([0-9]{1,12}(?:\.[0-9]{1,12})?)", re.ASCII)


def parse_time(value: Any) -> Fraction:
    """Seconds from a number, or from a text as in `WRITTEN`. Raises ValueError."""
    if isinstance(value, bool) or not isinstance(value, int | float | Fraction | str):
        raise ValueError(f"is not a time ({WRITTEN})")
    if not isinstance(value, str):
        if not math.isfinite(value) or value < 0:
            raise ValueError(f"is not a time ({WRITTEN})")
        return Fraction(round(Fraction(value) * 10**9), 10**9)  # a binary 0.1 is meant as a tenth
    match = _TIME.fullmatch(value.strip())
    if match is None:
        raise ValueError(f"is not a time ({WRITTEN})")
    hours, minutes, seconds = int(match[1] or 0), int(match[2] or 0), Fraction(match[3])
    if (match[2] and seconds >= 60) or (match[1] and minutes >= 60):
        raise ValueError("is not a time: minutes and seconds go up to 59")
    return hours * 3600 + minutes * 60 + seconds


def write_time(seconds: Fraction) -> str:
    """As a person would read it, to the millisecond: 12.5, 1:30, 1:02:03.5."""
    thousandths = round(seconds * 1000)
    minutes, rest = divmod(thousandths, 60_000)
    hours, minutes = divmod(minutes, 60)
    tail = f"{rest // 1000:02d}.{rest % 1000:03d}".rstrip("0").rstrip(".") if rest % 1000 else f"{rest // 1000:02d}"
    if hours:
        return f"{hours}:{minutes:02d}:{tail}"
    return f"{minutes}:{tail}" if minutes else tail.removeprefix("0") or "0"


def _validated(value: Any) -> Fraction:
    try:
        return parse_time(value)
    except ValueError as error:
        raise PydanticCustomError("time", "{said}", {"said": str(error)}) from error


Time = Annotated[
    Fraction,
    BeforeValidator(_validated),
    PlainSerializer(write_time),
    WithJsonSchema({"anyOf": [{"type": "number", "minimum": 0}, {"type": "string", "pattern": _PATTERN}]}),
]


class Ranged(Source):
    """A source of which a part may be taken.

    Times are those that a player shows: zero is where the container starts, which may be before its first picture.
    """

    start: Time | None = Field(default=None, description=f"leave out what comes before: {WRITTEN}")
    end: Time | None = Field(default=None, description="leave out this time and what comes after it")

    @field_validator("end")
    @classmethod
    def _check_order(cls, end: Fraction | None, info: ValidationInfo) -> Fraction | None:
        start = info.data.get("start") or Fraction(0)
        if end is not None and end <= start:
            raise PydanticCustomError("range", "must be after the start, {start}", {"start": write_time(start)})
        return end


@dataclass(frozen=True)
class Span:
    """Time stamps in ticks: those at `first` or later and before `stop` are taken (None: no bound)."""

    first: int | None = None
    stop: int | None = None

    @classmethod
    def of(cls, start: Fraction | None, end: Fraction | None, time_base: Fraction) -> Self:
        """From seconds on the clock of the time stamps."""
        return cls(*(None if bound is None else math.ceil(bound / time_base) for bound in (start, end)))

    def begun(self, pts: int) -> bool:
        return self.first is None or pts >= self.first

    def over(self, pts: int) -> bool:
        return self.stop is not None and pts >= self.stop
