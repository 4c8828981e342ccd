"""Tcp: sends bare BGR24, or nut, to who listens at an address; the pipeline never waits for him."""

from __future__ import annotations

from typing import Any, ClassVar, Literal

from pydantic import Field, PrivateAttr, field_validator
from pydantic_core import PydanticCustomError

from pipeline.errors import SetupError
from pipeline.frame import Frame, FrameSpec
from stages.ingest.tcp_address import split
from stages.output.tcp_post import LAST_WORDS_S, Post
from stages.output.tcp_wire import Wire
from stages.output.views import Canvas, Viewing

Form = Literal["rawvideo", "nut"]


class Tcp(Viewing):
    """Whole frames, or none: what does not get away in time is dropped and counted. A connection that breaks is made
    anew; then a new frame begins, and in nut a new stream. FFmpeg listens so:

        ffplay -f rawvideo -pixel_format bgr24 -video_size 1280x720 -framerate 30 'tcp://0.0.0.0:5001?listen=1'
        ffplay -f nut 'tcp://0.0.0.0:5001?listen=1'"""

    deadline: ClassVar[float] = 10.0
    pulse: ClassVar[float] = 1.0

    output: str = Field(default="", description="who listens: tcp://HOST:PORT; with ?format=nut it says what it is")
    waiting: int = Field(default=3, ge=1, le=64, description="frames that may wait to be sent; the oldest is dropped")

    _canvas: Canvas = PrivateAttr()
    _post: Post | None = PrivateAttr(default=None)
    _frames: int = PrivateAttr(default=0)
    _told: dict[str, int] = PrivateAttr(default_factory=dict)

    @field_validator("output")
    @classmethod
    def _is_address(cls, value: str) -> str:
        if value:
            try:
                _parse(value)
            except ValueError as error:
                raise PydanticCustomError("address", "{why}", {"why": str(error)}) from error
        return value

    def resume(self, frames: int) -> None:
        self._frames = frames

    def setup(self, spec: FrameSpec) -> None:
        if not self.output:
            raise SetupError("no output is given: --output tcp://HOST:PORT")
        host, port, form = _parse(self.output)
        self._canvas = self.canvas(spec)
        wire = Wire(host, port, self._canvas.spec, nut=form == "nut")
        self._post = Post(wire, (self._canvas.spec.height, self._canvas.spec.width, 3), self.waiting)

    def write(self, frame: Frame) -> None:
        assert self._post is not None
        self._post.put(self._canvas.of(frame), frame.pts)
        self._frames += 1
        self._tell()

    def idle(self) -> None:
        self._tell()

    def finish(self) -> dict[str, Any]:
        assert self._post is not None
        self._post.flush(LAST_WORDS_S, self.context.progress)
        self._tell()
        return {"output": self.output, "frames": self._frames, **self._post.counts()}

    def close(self) -> None:
        if self._post is not None:
            self._post.close()

    def _tell(self) -> None:
        """What the other thread has counted since, for the report; and where it stands."""
        assert self._post is not None
        counts = self._post.counts()
        for what, number in counts.items():
            if what != "sent" and number > self._told.get(what, 0):
                self.context.count(f"tcp: {what}", number - self._told.get(what, 0))
        self._told = counts
        if why := self._post.trouble:
            self.context.note(f"{self.output}: nobody takes frames there ({why}); they are dropped until somebody does")


def _parse(text: str) -> tuple[str, int, Form]:
    """Host, port and format. Raises ValueError, in one line."""
    host, port, options = split(text, ("format",))
    if port == 0:
        raise ValueError("port 0 is nobody's; name the one where somebody listens")
    match options.get("format", "rawvideo"):
        case "rawvideo":
            return host, port, "rawvideo"
        case "nut":
            return host, port, "nut"
        case other:
            raise ValueError(f"format={other[:20]} is neither rawvideo nor nut")
