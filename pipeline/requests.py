"""What may be asked of a running pipeline, and its answer: JSON, one answer to each request. Knows no socket."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from pipeline.errors import ProtocolError
from pipeline.plan import MOST_WORKERS

MAX_REQUEST = 32_768  # bytes


class Request(BaseModel):
    """Sent by a command of the same user. An Answer follows."""

    model_config = ConfigDict(frozen=True, extra="forbid", ser_json_inf_nan="constants")


class Status(Request):
    """How is it going?"""

    type: Literal["status"] = "status"


class Scale(Request):
    """From now on so many workers for this stage."""

    type: Literal["scale"] = "scale"
    stage: str
    workers: int = Field(ge=1, le=MOST_WORKERS, strict=True)


class Change(Request):
    """A new value for a live field, from some frame on. The answer comes when every worker has it, or none."""

    type: Literal["change"] = "change"
    stage: str
    field: str
    value: Any


class Pause(Request):
    """Bring in nothing more; what is under way is finished."""

    type: Literal["pause"] = "pause"


class Resume(Request):
    """Go on after a pause."""

    type: Literal["resume"] = "resume"


class Answer(BaseModel):
    """What came of a request: content, or the reason for which it was refused."""

    model_config = ConfigDict(frozen=True, extra="forbid", ser_json_inf_nan="constants")

    content: dict[str, Any] = Field(default_factory=dict)
    refused: str = ""


_ANY: TypeAdapter[Any] = TypeAdapter(Annotated[Status | Scale | Change | Pause | Resume, Field(discriminator="type")])


def read_request(data: bytes) -> Request:
    """Raises ProtocolError for anything else."""
    try:
        request: Request = _ANY.validate_json(data)
    except (ValueError, ValidationError) as error:
        raise ProtocolError(f"not a request: {data[:80]!r} ({type(error).__name__})") from error
    return request
