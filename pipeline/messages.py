"""Every control message: who sends it and what follows. Knows no socket.

Grants and commits are small fixed structs, everything else is JSON; the first byte tells which. All of it travels over
ZeroMQ between the supervisor (ROUTER) and one worker (DEALER), whole or not at all, in order.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from pipeline.blanks import Blank
from pipeline.errors import ProtocolError
from pipeline.frame import FrameSpec
from pipeline.ledger import Verdict
from pipeline.posts import Loan

_VERDICTS = {int(verdict): verdict for verdict in Verdict}
MAX_BYTES = 65536  # of one message; the sockets refuse more

Count = Annotated[int, Field(gt=-(1 << 53), lt=1 << 53)]  # what any reader of JSON can hold

_GRANT = struct.Struct("<BBHIqqqBIH")
_COMMIT = struct.Struct("<BBHIqqq?")
_LOAN = struct.Struct("<HIqqq")
_GRANT_KIND, _COMMIT_KIND = 1, 2
_BLANK, _FINISHED = 1, 2
MOST_LOANS = 65  # beside one frame


@dataclass(frozen=True, slots=True)
class Grant:
    """Sent by the supervisor: the worker may touch this slot until it commits. A Commit follows, or its death.

    `pts` and `duration` are in the stream's time base; `buffer` is the half of its lasting memory to read; `stamp`: see
    tripwire.py; `life`: see Frame. `finished` and `later` may be read as long.
    """

    slot: int
    generation: int
    index: int
    pts: int
    duration: int
    blank: bool = False
    buffer: int = 0
    stamp: int = 0
    life: int = 0
    finished: Loan | None = None
    later: tuple[Loan, ...] = ()

    def pack(self) -> bytes:
        flags = (_BLANK if self.blank else 0) | (_FINISHED if self.finished else 0)
        frame = self.slot, self.generation, self.index, self.pts, self.duration
        packed = _GRANT.pack(_GRANT_KIND, flags, *frame, self.buffer, self.stamp, self.life)
        if not self.finished and not self.later:
            return packed
        loans = (self.finished, *self.later) if self.finished else self.later
        return packed + b"".join(_LOAN.pack(one.slot, one.stamp, one.index, one.pts, one.duration) for one in loans)


@dataclass(frozen=True, slots=True)
class Commit:
    """Sent by a worker: it has let go of this slot. Grants of the next stages follow.

    `pts`, `duration` and `fresh` count from a source only; `busy_ns` is the time spent in the stage's own code.
    """

    slot: int
    generation: int
    verdict: Verdict
    pts: int = 0
    duration: int = 0
    busy_ns: int = 0
    fresh: bool = False

    def pack(self) -> bytes:
        frame = self.slot, self.generation, self.pts, self.duration
        return _COMMIT.pack(_COMMIT_KIND, self.verdict, *frame, self.busy_ns, self.fresh)


class Message(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")

    def pack(self) -> bytes:
        return self.model_dump_json().encode()


class Hello(Message):
    """Sent by a worker as soon as it runs. Start follows: to a source at once, to others when the size is known."""

    type: Literal["hello"] = "hello"
    pid: int


class Mapping(Message):
    """One memory file among the descriptors that come over the lifeline, in this order.

    `memory`: the lasting memory of a stage; with a `count` of 2 it is swapped by commits, with 1 it is kept once.
    `recalled`: a plane that the stage sees of finished frames only."""

    name: str
    shape: tuple[int, ...]
    dtype: str
    count: int
    writable: bool
    memory: bool = False
    recalled: bool = False


class Start(Message):
    """Sent by the supervisor: set up. Ready or Fault follows.

    `resume` counts the frames that this stage's earlier incarnations have finished (None: there was none), `pts` is the
    last one's. `blank`: what a sink lets out in the place of a frame that nobody vouches for."""

    model_config = ConfigDict(ser_json_inf_nan="constants")  # an option may be .inf

    type: Literal["start"] = "start"
    uses: str
    options: dict[str, Any]
    spec: FrameSpec | None = None
    mappings: tuple[Mapping, ...] = ()
    resume: int | None = None
    pts: int = 0
    blank: Blank = "slate"


class Mapped(Message):
    """Sent by the supervisor to a source after its Ready: the memory is there. Grants follow."""

    type: Literal["mapped"] = "mapped"
    spec: FrameSpec
    mappings: tuple[Mapping, ...]


class Ready(Message):
    """Sent by a worker that is set up. Grants follow (to a source, Mapped first).

    `deadline` is how many seconds it may be silent over one frame."""

    type: Literal["ready"] = "ready"
    deadline: float = Field(gt=0, allow_inf_nan=False)
    spec: FrameSpec | None = None
    models: tuple[dict[str, str], ...] = ()
    seconds: float = Field(default=0.0, allow_inf_nan=False)


class Heartbeat(Message):
    """Sent by a worker's work loop when it waits, or by long work that makes progress. Nothing follows."""

    type: Literal["heartbeat"] = "heartbeat"


class Note(Message):
    """Sent by a worker: something to tell the user once; or, in `passing`, how it is going. Nothing follows."""

    type: Literal["note"] = "note"
    text: str
    passing: bool = False


class Tally(Message):
    """Sent by a worker before it waits or leaves: what it counted since the last one. Nothing follows."""

    type: Literal["tally"] = "tally"
    counts: dict[str, Count] = Field(default_factory=dict)
    errors: dict[str, Count] = Field(default_factory=dict)


class State(Message):
    """Sent by a worker: what it is doing, where that is not its usual work. Nothing follows."""

    type: Literal["state"] = "state"
    text: str = Field(max_length=100)


class End(Message):
    """Sent by a worker: its user has had enough. The source is drained; the run ends as after the last frame."""

    type: Literal["end"] = "end"


class Bulletin(Message):
    """Sent by the supervisor to sinks that want to know how the run is going. Nothing follows.

    `latency_ms`: from in to out, the median of the last frames of this sink; `dropped` (those that only this sink did
    not get among them), `rejected`: frames so far; `source`: what the source is doing, where that is not its usual
    work."""

    type: Literal["bulletin"] = "bulletin"
    latency_ms: float = Field(default=0.0, allow_inf_nan=False)
    dropped: Count = 0
    rejected: Count = 0
    source: str = Field(default="", max_length=100)


class Fault(Message):
    """Sent by a worker whose stage raised. Over a frame, its commit follows; in set-up or at a sink, its end does."""

    type: Literal["fault"] = "fault"
    when: Literal["setup", "frame", "finish"]
    error: str
    traceback: str
    usage: bool = False  # the user can mend it: no traceback needed


class Set(Message):
    """Sent by the supervisor: these live fields have new values from the next frame on. Changed follows."""

    model_config = ConfigDict(ser_json_inf_nan="constants")

    type: Literal["set"] = "set"
    revision: int
    values: dict[str, Any]


class Changed(Message):
    """Sent by a worker that has taken over the new values, or (with an error) kept the old ones. Nothing follows."""

    type: Literal["changed"] = "changed"
    revision: int
    error: str = ""


class Drain(Message):
    """Sent by the supervisor: a source brings no more, a sink completes its output, any other ends. Done follows."""

    type: Literal["drain"] = "drain"


class Done(Message):
    """Sent by a worker that has done all it was asked for. Stop follows."""

    type: Literal["done"] = "done"
    facts: dict[str, Any] = Field(default_factory=dict)


class Stop(Message):
    """Sent by the supervisor: end now. The worker's end follows."""

    type: Literal["stop"] = "stop"


_ANY: TypeAdapter[Any] = TypeAdapter(
    Annotated[
        Hello
        | Start
        | Mapped
        | Ready
        | Heartbeat
        | Note
        | Tally
        | State
        | End
        | Bulletin
        | Fault
        | Set
        | Changed
        | Drain
        | Done
        | Stop,
        Field(discriminator="type"),
    ]
)


def as_unicode(text: str) -> str:
    """The text in a form that any message can carry: what is not Unicode (a file name's bytes, say) is escaped."""
    return text.encode(errors="backslashreplace").decode()


Anything = Grant | Commit | Message


def unpack(data: bytes) -> Anything:
    """The message in these bytes. Raises ProtocolError for anything else."""
    try:
        if data[:1] == b"\x02":
            _, verdict, slot, generation, pts, duration, busy_ns, fresh = _COMMIT.unpack(data)
            return Commit(slot, generation, _VERDICTS[verdict], pts, duration, busy_ns, fresh)
        if data[:1] == b"\x01":
            return _grant(data)
        message: Message = _ANY.validate_json(data)
    except (struct.error, KeyError, ValueError, ValidationError) as error:
        raise ProtocolError(f"not a message: {data[:80]!r} ({type(error).__name__})") from error
    return message


def _grant(data: bytes) -> Grant:
    """Raises struct.error, ValueError."""
    _, flags, slot, generation, index, pts, duration, buffer, stamp, life = _GRANT.unpack_from(data)
    loans = tuple(Loan(*fields) for fields in _LOAN.iter_unpack(data[_GRANT.size :]))
    finished = bool(flags & _FINISHED)
    if not finished <= len(loans) <= MOST_LOANS:
        raise ValueError(f"{len(loans)} loans")
    frame = slot, generation, index, pts, duration, bool(flags & _BLANK)
    return Grant(*frame, buffer, stamp, life, loans[0] if finished else None, loans[finished:])
