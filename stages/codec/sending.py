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
FIRST_S = 5.0
FAREWELL_S = 4.0
STEP_S = 0.02


class Sending:
    """To `rtsp://HOST:PORT/PATH` or `srt://HOST:PORT`. Begins with the first key picture; the connection comes back by
    itself, and then the next key picture is waited for."""

    def __init__(self, address: str, spec: FrameSpec, progress: Callable[[], None]) -> None:
        """`progress` is called while it waits. Raises SetupError."""
        self.address = Address.of(expand(address))
        self._spec, self._progress = spec, progress
        self._link: Link | None = None
        self._early = 0

    def put(self, record: Record) -> None:
        """Waits for nobody."""
        if self._link is None:
            self._early += 1
        else:
            self._link.put(packet_of(record, Fraction(self._spec.time_base)))

    def begin(self, first: Record) -> None:
        """Before each picture; the first key picture says what stream it is. A file waits for its server, for a moment:
        a camera waits for nobody. Raises RunError."""
        if self._link is not None or not first.key:
            return
        template = template_of(first.kind, first.data)
        self._link = link = Link(
            lambda *told: self._connect(template, *told), max(8, round(WAITING_S * self._spec.rate))
        )
        until = time.monotonic() + (0 if self._spec.live else FIRST_S)
        while not link.up and time.monotonic() < until:
            self._progress()
            time.sleep(STEP_S)

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

    def finish(self) -> None:
        """Send what waits, for a moment."""
        if self._link is None:
            return
        self._link.finish()
        until = time.monotonic() + FAREWELL_S
        while not self._link.ended and time.monotonic() < until:
            self._progress()
            time.sleep(STEP_S)

    def close(self) -> None:
        if self._link is not None:
            self._link.close(FAREWELL_S)
