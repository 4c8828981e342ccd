"""Export: the coded pictures themselves, as the codec made them, into a file or to a server; none is coded again."""

from __future__ import annotations

import os
import time
from collections.abc import Mapping
from typing import Any, ClassVar

from pydantic import Field, PrivateAttr

from pipeline.errors import SetupError
from pipeline.frame import Frame, FrameSpec, Plane
from pipeline.outlets import NOWHERE
from pipeline.stage import Sink
from stages.codec import publishing
from stages.codec.delivery import Delivery
from stages.codec.growing import Growing
from stages.codec.packet import KINDS, Packet
from stages.codec.records import Head, Record, is_recorded
from stages.codec.sending import Sending
from stages.ingest.pace import Pace
from stages.media import shown
from stages.output.target import check_target

BESIDE = ".part.old99"  # no name that stands beside the file meanwhile has a longer ending
STEP_S = 0.5  # of a wait, after which it says that it is alive


class Export(Sink):
    """Grows `OUTPUT.part` while the run goes on, and makes the file of it at the end; or sends each picture at once.

    A picture that never came, as where a live run drops some, makes those after it worthless: they are left out, and
    counted, until the next key picture."""

    deadline: ClassVar[float] = 10.0
    pulse: ClassVar[float | None] = 0.2
    reads: ClassVar[tuple[str, ...]] = ("coded",)
    writes: ClassVar[tuple[str, ...]] = ("delivered",)
    planes: ClassVar[Mapping[str, Plane]] = {"delivered": Plane("delivered", "numbers")}

    output: str = Field(
        default=NOWHERE,
        description="null:, a file (.mp4, .mov, .mkv, .webm, .ts; .h264, .h265, .av1 for the pictures alone; .sem,"
        " which holds what any coder makes), rtsp://HOST:PORT/PATH or srt://HOST:PORT",
    )
    paced: bool = Field(default=True, description="send a file no faster than it plays")

    _spec: FrameSpec = PrivateAttr()
    _resumed: int | None = PrivateAttr(default=None)
    _growing: Growing | None = PrivateAttr(default=None)
    _sending: Sending | None = PrivateAttr(default=None)
    _pace: Pace = PrivateAttr()
    _next: int | None = PrivateAttr(default=None)  # number of the picture that is wanted; None: of a key picture
    _frames: int = PrivateAttr(default=0)
    _bytes: int = PrivateAttr(default=0)
    _pictures: int = PrivateAttr(default=0)
    _told: int = PrivateAttr(default=0)  # pictures not sent that are counted already
    _published: bool = PrivateAttr(default=False)

    def resume(self, frames: int) -> None:
        self._resumed = frames

    def setup(self, spec: FrameSpec) -> None:
        self._spec, self._pace = spec, Pace(self._wait)
        self._frames = self._resumed or 0
        if self.output == NOWHERE:
            return
        if "://" in self.output:
            self._sending = Sending(self.output, spec, self.context.progress)
            return
        publishing.check_name(self.output)
        check_target(self.output, spec.source, BESIDE)
        growing = Growing(f"{self.output}.part")
        if not self._resumed:
            growing.create(Head.of(spec), again=self._resumed is not None)
        elif os.path.exists(growing.path):
            growing.take_up(self._resumed)
            self._next = None if growing.last is None else growing.last.number + 1
        elif os.path.exists(self.output):
            self._published = True  # an earlier incarnation has finished it before it died
        else:
            raise SetupError(f"{shown(growing.path)}: is gone, and with it {self._resumed} pictures")
        self._growing = growing

    # Frames

    def write(self, frame: Frame) -> None:
        record = self._record(frame)
        if self._growing is not None:
            self._growing.add(record)
        if self._sending is not None and record.data:
            self._send(self._sending, record)
        self._frames += 1
        self._bytes += len(record.data)
        self._pictures += bool(record.data)
        if not frame.blank:
            self._delivery().put(frame.planes["delivered"])

    def _record(self, frame: Frame) -> Record:
        """Of the picture, or of none: where nothing was coded, and where it cannot be decoded after what came."""
        packet = None if frame.blank else Packet.of(frame.planes["coded"])
        if packet is None:
            return Record(b"", frame.pts, frame.duration)
        if not packet.key and packet.number != self._next:
            self._next = None
            self.context.error("pictures not exported: one before was missed")
            return Record(b"", frame.pts, frame.duration)
        if self._next is None and self._growing is not None:
            publishing.check_held(self.output, packet.kind)
        self._next = packet.number + 1
        return Record(packet.data, frame.pts, frame.duration, packet.kind, packet.key, packet.number)

    def _send(self, sending: Sending, record: Record) -> None:
        if record.kind == KINDS[-1]:
            raise SetupError(f"{sending.address.shown}: takes h264 and h265, not what the neural coder makes")
        sending.begin(record)
        if not self._spec.live and self.paced:
            self._pace.wait(float(record.pts * self._spec.time_base))
        sending.put(record)
        self._tell(sending)

    def _wait(self, seconds: float) -> None:
        while seconds > 0:
            self.context.progress()
            time.sleep(min(seconds, STEP_S))
            seconds -= STEP_S

    def idle(self) -> None:
        if self._sending is not None:
            self._tell(self._sending)

    def _delivery(self) -> Delivery:
        """How it stands with what was given."""
        if self._sending is None:
            return Delivery(sent=self._pictures)
        one = self._sending
        return Delivery(one.sent, one.waiting, one.dropped, up=one.up, wants_key=one.wants_key, linked=True)

    def _tell(self, sending: Sending) -> None:
        """What has changed since the last time."""
        if more := sending.dropped - self._told:
            self.context.count("pictures not sent", more)
        self._told = sending.dropped
        self.context.says("" if sending.up else "connecting")
        if sending.trouble:
            self.context.note(f"{sending.address.shown}: {sending.trouble}; tried again and again")

    # The end

    def finish(self) -> dict[str, Any]:
        facts: dict[str, Any] = {"output": self.output, "frames": self._frames, "bytes": self._bytes}
        if self._sending is not None:
            self._sending.finish()
            self._tell(self._sending)
            return {**facts, "output": self._sending.address.shown, "sent": self._sending.sent}
        if self._growing is not None:
            self._growing.close()
            if self._growing.last is not None and not self._published:
                publishing.publish(self._growing.path, self.output)
                self._published = True
            facts["bytes"] = os.path.getsize(self.output) if self._published else 0
        return facts

    def close(self) -> None:
        """Without a single picture there is nothing to keep."""
        if self._sending is not None:
            self._sending.close()
        if self._growing is not None and not self._published:
            self._growing.close()
            if self._growing.last is None and is_recorded(self._growing.path):
                os.unlink(self._growing.path)
