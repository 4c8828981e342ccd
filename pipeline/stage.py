"""Source, Transform and Sink: what the author of a stage subclasses. Knows no process and no socket."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from pydantic import BaseModel, ConfigDict, Field, PrivateAttr

from pipeline.frame import Frame, FrameSpec, Layout, Plane

RESERVED_KEYS = frozenset({"name", "uses", "with", "workers", "autoscale", "after", "restart", "on_error"})


def live(default: Any, **facts: Any) -> Any:
    """A field, as by pydantic's `Field`, that may be changed while frames flow: between two of them."""
    return Field(default=default, json_schema_extra={"x-live": True}, **facts)


@dataclass(frozen=True)
class News:
    """How the run is going: the latency of the last frames from in to out (median), frames dropped and rejected so
    far, and what the source is doing, where that is not its usual work."""

    latency_ms: float = 0.0
    dropped: int = 0
    rejected: int = 0
    source: str = ""


class Context:
    """A stage's line to the runtime. This one only remembers: it serves notebooks and tests."""

    def __init__(self) -> None:
        self.notes: list[str] = []
        self.lines: list[str] = []
        self.errors: Counter[str] = Counter()
        self.counts: Counter[str] = Counter()
        self.models: list[dict[str, str]] = []
        self.slowest_step = 0.0
        self.state = ""
        self.news = News()
        self.leaving = False

    def progress(self) -> None:
        """Say that long work goes on; a worker that says nothing within its deadline is taken for hung."""

    def says(self, state: str) -> None:
        """What it is doing at the moment, in a word or two, where that is not its usual work: `reconnecting`; empty
        where it is."""
        self.state = state

    def asked_to_leave(self) -> bool:
        """Whether a source that waits for its input should wait no longer and return."""
        return self.leaving

    def end(self) -> None:
        """The user has had enough, as who closes a window: no more frames come in, and the run ends well."""
        self.leaving = True

    def note(self, text: str) -> None:
        """Tell the user something once: one line on stderr, and in the run report."""
        if text not in self.notes:
            self.notes.append(text)

    def line(self, text: str) -> None:
        """Say how it is going, now and then: one line on stderr as it stands, and in the log. Not in the report; what
        comes faster than anybody reads is left out."""
        self.lines.append(text)

    def count(self, what: str, by: int = 1) -> None:
        """Count something for the run report."""
        self.counts[what] += by

    def error(self, what: str, by: int = 1) -> None:
        """Count something that went wrong but did not stop the work: the run ends as `completed_with_errors`."""
        self.errors[what] += by

    def model(self, **facts: str) -> None:
        """Name a loaded model for the run report: name, source, checksum, device, precision."""
        self.models.append(facts)

    def warmed(self, seconds: float) -> None:
        """Say how long the slowest step of the warm-up took; the deadline for a frame follows from it."""
        self.slowest_step = max(self.slowest_step, seconds)


class Stage(BaseModel):
    """A stage is its configuration: the fields are the YAML keys, underscored attributes are made in `setup()`.

    Importing a stage must be cheap: heavy libraries load in `setup()`.

    A stateful transform may see other frames beside its own. With `recalls`, planes that a later stage writes, it gets
    `frame.finished`: the frame `lag` before this one (its field or attribute, 1 where it has none; not live) with what
    it reads, writes and recalls; None where there is none. Where frames drop it is the newest one that it has not had.
    With `looks_ahead` it gets `frame.later`: as many of the frames that follow as the pipeline's `delay` says, with
    what it reads; fewer only at the end of the stream and where one of them was rejected or went out blank. All of them
    are read only, and gone when `process()` returns.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    reads: ClassVar[tuple[str, ...]] = ("image",)
    may_read: ClassVar[tuple[str, ...]] = ()  # the same, where a stage before it writes them
    writes: ClassVar[tuple[str, ...]] = ()
    planes: ClassVar[Mapping[str, Plane]] = {}  # planes of one's own, beside the standard ones
    recalls: ClassVar[tuple[str, ...]] = ()  # planes of finished frames
    looks_ahead: ClassVar[bool] = False
    stateful: ClassVar[bool] = False  # frames come in order, to one worker
    heavy: ClassVar[bool] = False  # holds a model: gets the cores, and time to load
    deadline: ClassVar[float] = 2.0  # seconds without progress after which it is taken for hung
    setup_deadline: ClassVar[float] = 60.0
    pulse: ClassVar[float | None] = None  # seconds after which it is told that no frame came: see `idle()`

    _context: Context = PrivateAttr(default_factory=Context)

    @property
    def context(self) -> Context:
        return self._context

    def lacks(self, planes: Collection[str]) -> str:
        """What its options need that is not among the planes which the stages before it write, and what to add, as
        the end of a line; empty where nothing is wanting."""
        return ""

    def memory(self, spec: FrameSpec) -> Layout:
        """Arrays (name: shape, dtype) that outlive a crash of the worker; zero at first. Stateful stages only."""
        return {}

    def pool(self, spec: FrameSpec) -> Layout:
        """The same for what is too large to be kept twice: lent as `frame.pool`, zero at first, writable.

        A frame may be done again after a crash in its midst: write only where nothing in `frame.before` points to, and
        let `frame.after` point to what was written."""
        return {}

    @classmethod
    def live_fields(cls) -> tuple[str, ...]:
        """The fields that may be changed while frames flow."""
        extras = {name: field.json_schema_extra for name, field in cls.model_fields.items()}
        return tuple(name for name, extra in extras.items() if isinstance(extra, dict) and extra.get("x-live"))

    def changed(self, fields: frozenset[str]) -> None:
        """Told between two frames that these live fields have new values. May raise: then the old ones come back, and
        it is told so in the same way."""

    @property
    def lasting(self) -> tuple[str, ...]:
        """The names in `memory()` and in `pool()`, which are the same for frames of any size."""
        spec = FrameSpec(width=16, height=16)
        return (*self.memory(spec), *self.pool(spec))

    def renew(self, spec: FrameSpec) -> bool:
        """Told instead of `setup()` to a transform that is set up, with the same fields, when another stream begins:
        forget all that is known of frames, and keep what was loaded. False where it is to be made anew, as all are that
        do not say otherwise."""
        return False

    def idle(self) -> None:
        """Told every `pulse` seconds while no frame comes."""

    def close(self) -> None:
        """Let go of what `setup()` took."""


class Source(Stage):
    """Brings frames in. A restarted source gets `resume()` after `open()`."""

    reads: ClassVar[tuple[str, ...]] = ()
    writes: ClassVar[tuple[str, ...]] = ("image",)
    stateful: ClassVar[bool] = True
    live: ClassVar[bool] = False  # a live source is never made to wait: frames drop instead

    _frame: Frame = PrivateAttr()
    _known: FrameSpec | None = PrivateAttr(default=None)

    @property
    def known(self) -> FrameSpec | None:
        """What an earlier incarnation said that it brings, which this one must bring as well; None for the first."""
        return self._known

    @property
    def frame(self) -> Frame:
        """The frame on loan to be filled next."""
        return self._frame

    def open(self) -> FrameSpec:
        """Open the input and say what comes out of it. Raises SetupError."""
        raise NotImplementedError

    def resume(self, frames: int, pts: int) -> None:
        """Told after `open()` to a new incarnation: go on after `frames` accepted frames, the last one at `pts`."""
        raise NotImplementedError

    def frames(self) -> Iterator[None]:
        """Fill `self.frame` (planes, pts, duration, or `rejected`), yield, and find the next one there."""
        raise NotImplementedError


class Transform(Stage):
    """Turns some planes of a frame into others. Stateless unless it says `stateful`."""

    def setup(self, spec: FrameSpec) -> None:
        """Load what is needed, warm it up. Raises SetupError."""

    def process(self, frame: Frame) -> None:
        """Read the planes in `reads`, write every pixel of those in `writes`."""
        raise NotImplementedError


class Sink(Stage):
    """Takes frames out, in order. A restarted sink gets `resume()` before `setup()`.

    One that `wants_news` finds them in `context.news`, renewed a few times a second."""

    reads: ClassVar[tuple[str, ...]] = ("clean",)
    stateful: ClassVar[bool] = True
    wants_news: ClassVar[bool] = False

    def setup(self, spec: FrameSpec) -> None:
        """Open the output. Raises SetupError."""

    def resume(self, frames: int) -> None:
        """Told before `setup()` to a new incarnation: take up the output, cut it after `frames` frames and go on.

        With 0 frames the output may not exist yet."""

    def write(self, frame: Frame) -> None:
        """Take one frame; when this returns it must survive the death of the process."""
        raise NotImplementedError

    def skip(self, frame: Frame) -> None:
        """Told of a frame that does not come out: nobody vouches for it, and `blank: drop` shows nothing in its place.
        It has a time and a length, and counts as no frame in `resume()`."""

    def finish(self) -> dict[str, Any]:
        """Complete the output after the last frame; may be called again after a crash. Facts for the report."""
        return {}
