"""Sending: coded pictures to a server, as they are; what it takes, and what waits, is told."""

from __future__ import annotations

import time
from collections.abc import Callable
from fractions import Fraction
from typing import TYPE_CHECKING

from pipeline.frame import FrameSpec
from stages.codec.publishing import packet_of, template_of
from stages.codec.records import Record
from stages.ingest.address import expand
from stages.output.push_address import Address
from stages.output.push_carrier import Carrier, connect
from stages.output.push_link import Link

if TYPE_CHECKING:
    from av.video.stream import VideoStream

WAITING_S = 2.0  # of pictures that may wait; what is older comes too late
FAREWELL_S = 4.0
STEP_S = 0.02


class Sending:
    """To `rtsp://HOST:PORT/PATH` or `srt://HOST:PORT`. Begins with the first key picture; the connection comes back by
    itself, and then the next key picture is waited for."""

    def __init__(self, address: str, spec: FrameSpec) -> None:
        """Raises SetupError."""
        self.address = Address.of(expand(address))
        self._spec = spec
        self._link: Link | None = None
        self._early = 0

    def put(self, record: Record) -> None:
        """Never waits. Raises RunError where the first picture says nothing of the stream."""
        if self._link is None and record.key:
            template = template_of(record.kind, record.data)
            self._link = Link(lambda *told: self._connect(template, *told), max(8, round(WAITING_S * self._spec.rate)))
        if self._link is None:
            self._early += 1
        else:
            self._link.put(packet_of(record, Fraction(self._spec.time_base)))

    def _connect(self, template: VideoStream, leaving: Callable[[], bool], told: Callable[[str], None]) -> Carrier:
        return connect(self.address, template, "tcp", leaving, told)

    @property
    def up(self) -> bool:
        return self._link is not None and self._link.up

    @property
    def wants_key(self) -> bool:
        return self._link is not None and self._link.up and self._link.wants_key

    @property
    def waiting(self) -> int:
        """Pictures that were taken and not sent yet."""
        return self._link.waiting if self._link is not None else 0

    @property
    def sent(self) -> int:
        """Pictures."""
        return self._link.sent if self._link is not None else 0

    @property
    def dropped(self) -> int:
        return self._early + (self._link.dropped if self._link is not None else 0)

    @property
    def trouble(self) -> str:
        return self._link.trouble if self._link is not None and not self._link.up else ""

    def finish(self, progress: Callable[[], None]) -> None:
        """Send what waits, for a moment."""
        if self._link is None:
            return
        self._link.finish()
        until = time.monotonic() + FAREWELL_S
        while not self._link.ended and time.monotonic() < until:
            progress()
            time.sleep(STEP_S)

    def close(self) -> None:
        if self._link is not None:
            self._link.close(FAREWELL_S)
