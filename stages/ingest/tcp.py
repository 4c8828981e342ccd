"""Tcp: listens at a port for one sender at a time: bare BGR24 as FFmpeg sends it, or a stream that describes itself."""

from __future__ import annotations

import time
from collections.abc import Iterator
from fractions import Fraction
from typing import ClassVar, Literal

from pydantic import Field, PrivateAttr, field_validator
from pydantic_core import PydanticCustomError

from pipeline.errors import SetupError
from pipeline.frame import FrameSpec
from pipeline.masking import masked
from stages.ingest.arrival import TIME_BASE
from stages.ingest.live import Live
from stages.ingest.tcp_address import Address, parse
from stages.ingest.tcp_described import Described
from stages.ingest.tcp_listener import Listener
from stages.ingest.tcp_raw import Raw
from stages.ingest.tcp_sender import Sender, container_of, stranger
from stages.ingest.tcp_stamps import Stamps
from stages.ingest.tcp_trial import Trial
from stages.media import check_size

WAITING = "waiting"
FORMATS = "nut, matroska or yuv4mpegpipe"


class Tcp(Live):
    """Frames of whoever connects, one after the other; after `timeout` seconds without any first one it fails, after
    `give_up` seconds (as long as `timeout`, where that is not set) without a next one the run ends well.

    Bare pictures are of the size that the address says; their first ones must look like it: see `Trial`. Streams in a
    container say it themselves, and are scaled where the address says another one."""

    sender_kind: ClassVar[type[Sender]] = Sender

    input: str = Field(default="", description="where to listen: tcp://HOST:PORT?width=W&height=H&rate=R")
    give_up: float | None = Field(
        default=None, gt=0, description="seconds without a sender after which the run ends; none: as long as `timeout`"
    )
    framing: Literal["auto", "described"] = Field(
        default="auto", description=f"described: bare pixels are refused; only {FORMATS} says what it holds"
    )

    _address: Address = PrivateAttr()
    _listener: Listener | None = PrivateAttr(default=None)
    _sender: Sender | None = PrivateAttr(default=None)
    _stream: Raw | Described | None = PrivateAttr(default=None)  # what the sender brings, once that is known
    _spec: FrameSpec = PrivateAttr()
    _step: Fraction = PrivateAttr()  # ticks of a frame, as a rule
    _stamps: Stamps = PrivateAttr()
    _complaint: str = PrivateAttr(default="")  # about the last who came and brought nothing
    _started: bool = PrivateAttr(default=False)  # at least one frame was accepted, by whatever incarnation
    _alone_since: float | None = PrivateAttr(default=None)
    _brings: bool = PrivateAttr(default=False)  # the sender at hand has brought a whole picture

    @field_validator("input")
    @classmethod
    def _is_address(cls, value: str) -> str:
        if value:
            try:
                parse(value)
            except ValueError as error:
                raise PydanticCustomError("address", "{why}", {"why": str(error)}) from error
        return value

    # From start to end

    def open(self) -> FrameSpec:
        if not self.input:
            raise SetupError("no input is given: --input tcp://HOST:PORT?width=W&height=H")
        self._address = parse(self.input)
        width, height = self._address.size or (0, 0)
        check_size(width, height, self._label)
        self._listener = Listener(self._address)
        self._stamps = Stamps(self._arrival, self._address.rate)
        self.context.note(f"{self._label}: waits for a sender; {self._hint}")
        if self._address.size:
            spec = FrameSpec(width=width, height=height, rate=self._address.rate or Fraction(30))
        else:
            spec = self.known or self._first_described()
        self._spec = self.live_spec(spec.model_copy(update={"source": masked(self.input)}))
        self._step = 1 / (self._spec.rate * TIME_BASE)
        return self._spec

    def resume(self, frames: int, pts: int) -> None:
        self._stamps.resume(frames, pts)
        self._started = frames > 0

    def frames(self) -> Iterator[None]:
        while self._sender is not None or self._await():
            if self._stream is None:
                self._stream = self._meet()
            if self._stream is not None:
                self.context.says("")
                self._stamps.begin()
                self.frame.fresh = True
                assert self._sender is not None
                self._sender.patiently()  # models may have been loaded since he said what he brings
                yield from self._bare(self._stream) if isinstance(self._stream, Raw) else self._coded(self._stream)
            if self._part():
                return

    def close(self) -> None:
        self._part()
        if self._listener is not None:
            self._listener.close()

    # Who comes

    def _await(self) -> bool:
        """Wait for a sender; False: the run is to end. Raises SetupError: no first one has come."""
        assert self._listener is not None
        self.context.says(WAITING)
        if self._alone_since is None:
            self._alone_since = time.monotonic()
        patience = self.timeout if not self._started or self.give_up is None else self.give_up
        while not self.context.asked_to_leave():
            if time.monotonic() - self._alone_since > patience:  # also where strangers keep knocking
                if self._started:
                    return False
                why = self._complaint or f"nobody has connected within {self.timeout:g} s; {self._hint}"
                raise SetupError(f"{self._label}: {why}")
            if (connection := self._listener.accept()) is not None:
                leaving, beside = self.context.asked_to_leave, self._turn_others_away
                self._sender = self.sender_kind(connection, self.silence, leaving, beside)
                self._brings = False
                return True
        return False

    def _turn_others_away(self) -> None:
        """While one sends. Who has brought nothing yet may be no sender at all: then they wait for him to be gone."""
        assert self._listener is not None
        if not self._brings or self._sender is None or self._sender.gone:
            return  # who comes when he has gone, while his last pictures are still being read, is the next one
        if others := self._listener.turn_away():
            self.context.count("second clients", others)
            self.context.note(f"{self._label}: a second client was turned away; one sends at a time")

    def _meet(self) -> Raw | Described | None:
        """See what the sender brings; None: nothing that can be taken, and it has been said why."""
        assert self._sender is not None
        head = self._sender.head()
        try:
            if form := container_of(head):
                return self._described(form)
        except SetupError as error:
            self._refuse(str(error), "refused senders")
            return None
        if self._sender.end == "left":
            return None
        if what := stranger(head):
            self._refuse(f"{self._label}: closed a client that sent {what}", "strangers")
            return None
        if self.framing == "described":
            self._refuse(
                f"{self._label}: bare pixels are refused, as framing=described; {self._hint}", "refused senders"
            )
            return None
        if not self._address.size:
            self._refuse(f"{self._label}: bare pixels do not say their size; {self._size_hint}", "refused senders")
            return None
        trial = Trial(*self._address.size) if self.check else None
        return Raw(self._sender, trial, lambda: self.frame.image)

    def _described(self, form: str) -> Described:
        """Raises SetupError."""
        assert self._sender is not None
        made = Described(self._sender, form, self._label, self.context.count)
        size, agreed = (made.spec.width, made.spec.height), self._address.size
        if agreed and size != agreed:
            said = f"pictures of {size[0]}x{size[1]} are scaled to {agreed[0]}x{agreed[1]}"
            self.context.note(f"{self._label}: {said}, as the address says")
        return made

    def _first_described(self) -> FrameSpec:
        """Wait for one who says what his pictures are like. Raises SetupError."""
        while self._await():
            self._stream = self._meet()
            if isinstance(self._stream, Described):
                return self._stream.spec
            self._part()
        raise SetupError(f"{self._label}: asked to end before anybody had sent a picture")

    def _refuse(self, why: str, counted: str) -> None:
        self._complaint = why.removeprefix(f"{self._label}: ")
        self.context.count(counted)
        self.context.note(why)

    def _part(self) -> bool:
        """With the sender, saying how it ended; whether the run is to end as well."""
        sender, self._sender = self._sender, None
        if sender is None:
            return False
        if isinstance(self._stream, Described):
            self._stream.close()
        elif self._stream is not None and sender.end == "short":
            self.context.count("short frames")
            self.context.note(f"{self._label}: a sender went within a picture; what had come of it is not shown")
        if sender.end == "silent":
            self.context.count("timeouts")
            self.context.note(f"{self._label}: closed a sender that brought no whole picture for {self.silence:g} s")
        self._stream = None
        sender.close()
        return sender.end == "left"

    # What comes

    def _bare(self, raw: Raw) -> Iterator[None]:
        for why in raw.pictures():
            self.frame.pts = self._stamps.raw(raw.came)
            yield from self._let_in(why)
        if raw.refused:
            self._refuse(f"{self._label}: {raw.refused}, or say --set ingest.check=false", "refused senders")

    def _coded(self, described: Described) -> Iterator[None]:
        try:
            for picture, seconds in described.pictures():
                self.frame.pts = self._stamps.described(seconds, time.monotonic(), self._step)
                described.paint(picture, self.frame.image)
                damaged = picture.is_corrupt
                del picture
                yield from self._let_in("damaged" if damaged else "")
        except SetupError as error:  # his pictures are absurdly large all at once: that ends him, not the run
            self._refuse(str(error), "refused senders")

    def _let_in(self, why: str) -> Iterator[None]:
        """The picture on loan, unless something speaks against it."""
        self.frame.duration = round(self._step)
        self.frame.rejected = why
        if not self._brings:
            self._brings = True
            self.context.count("senders")
        if not why and self.judge():
            self._started, self._alone_since = True, None
        yield
        assert self._sender is not None
        self._sender.patiently()  # it is not his fault if the pipeline has paused
        self._turn_others_away()

    # Words

    @property
    def _label(self) -> str:
        address = self._address
        port = self._listener.port if self._listener is not None else address.port
        return f"tcp://{f'[{address.host}]' if ':' in address.host else address.host}:{port}"

    @property
    def _hint(self) -> str:
        """The line that sends what is waited for."""
        address = self._address
        port = self._listener.port if self._listener is not None else address.port
        if self.framing == "described" or not address.size:
            return f"send with: ffmpeg -i INPUT -c:v rawvideo -f nut {address.reached_by(port)}"
        form = f"-s {address.width}x{address.height}{f' -r {address.rate}' if address.rate else ''} -pix_fmt bgr24"
        return f"send with: ffmpeg -i INPUT {form} -f rawvideo {address.reached_by(port)}"

    @property
    def _size_hint(self) -> str:
        return f"listen at {self._label}?width=W&height=H, or {self._hint}"
