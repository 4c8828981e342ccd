"""Relay: pictures that the web process has from somebody's browser, over a Unix socket on which it listens."""

from __future__ import annotations

import json
import socket
import struct
import time
from collections.abc import Iterator
from fractions import Fraction
from typing import Any, ClassVar

from pydantic import Field, PrivateAttr

from pipeline.errors import SetupError
from pipeline.frame import FrameSpec
from stages.clock import nominal_step
from stages.ingest.arrival import TIME_BASE
from stages.ingest.backoff import Backoff
from stages.ingest.capped import Capped
from stages.ingest.tcp_raw import flat
from stages.ingest.tcp_sender import Sender
from stages.media import check_size

SCHEME = "relay:"
WAITING = "waiting"
LENGTH, STAMP = struct.Struct(">I"), struct.Struct(">Q")
MAX_HEAD = 4096
LEAST_SIDE = 16
RATES = (1, 1000)
SLICE_S = 0.2  # the longest wait without a look at whether the run still goes on


class Relay(Capped):
    """u32 n and n bytes of JSON (width, height, rate), then for each picture u64 of its time in 1/90000 s and its
    pixels, BGR, all of one size. A connection that is lost, or brings nothing for `silence` seconds, is made anew."""

    deadline: ClassVar[float] = 10.0  # it looks up every SLICE_S

    input: str = Field(default="", description="relay:PATH of the Unix socket on which a web process listens")

    _spec: FrameSpec = PrivateAttr()
    _sender: Sender | None = PrivateAttr(default=None)
    _backoff: Backoff = PrivateAttr(default_factory=lambda: Backoff(0.05, SLICE_S))
    _last_came: float = PrivateAttr(default=0.0)
    _trouble: str = PrivateAttr(default="nobody listens there")

    def open(self) -> FrameSpec:
        if not self.input.removeprefix(SCHEME) or not self.input.startswith(SCHEME):
            raise SetupError("no input is given: --input relay:PATH of the socket of a web process")
        self._spec = self.live_spec(self.known or self._first())
        self._last_came = time.monotonic()
        return self._spec

    def _first(self) -> FrameSpec:
        """Wait for who says what comes. Raises SetupError."""
        until = time.monotonic() + self.timeout
        while not self.context.asked_to_leave():
            if (spec := self._meet()) is not None:
                return spec
            if time.monotonic() > until:
                raise SetupError(
                    f"{SCHEME} no picture was announced within {self.timeout:g} s ({self._trouble}); is the browser's "
                    "camera on?"
                )
        raise SetupError(f"{SCHEME} the run was ended before a picture came")

    def frames(self) -> Iterator[None]:
        if self._sender is not None:
            self._sender.patiently()  # models were loaded meanwhile: who is not asked for a picture is not silent
        while not self.context.asked_to_leave():
            if self._sender is None and not self._met_again():
                if self._is_given_up():
                    return
                continue
            assert self._sender is not None
            if self._fill(self._sender):
                self._last_came = time.monotonic()
                self._backoff.reset()
                self.context.says("")
                if self.is_due(time.monotonic()):
                    yield
                self._sender.patiently()
            else:
                self._say_how_it_ended(self._sender)
                self._part_for_a_while()

    def _is_given_up(self) -> bool:
        if self.give_up is None or time.monotonic() - self._last_came < self.give_up:
            return False
        self.context.note(f"{SCHEME} nothing came for {self.give_up:g} s; the run ends")
        return True

    # Who sends

    def _met_again(self) -> bool:
        """Whether he is there again. Raises SetupError where he brings something else."""
        self.context.says(WAITING)
        spec = self._meet()
        if spec is None:
            return False
        size, wanted = (spec.width, spec.height), (self._spec.width, self._spec.height)
        if size != wanted:
            raise SetupError(
                f"{SCHEME} pictures of {size[0]}x{size[1]} after those of {wanted[0]}x{wanted[1]}; a run has one size"
            )
        self.back()
        return True

    def _meet(self) -> FrameSpec | None:
        """Connect and hear what is to come; None: nobody is there as yet, and a moment was waited. Raises
        SetupError for what no picture can be."""
        connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            connection.settimeout(SLICE_S)
            connection.connect(self.input.removeprefix(SCHEME))
        except OSError as error:
            connection.close()
            self._trouble = error.strerror or str(error)
            self._part_for_a_while()
            return None
        self._sender = Sender(connection, self.silence, self.context.asked_to_leave, self._nothing_beside)
        try:
            spec = self._announced(self._sender)
        except SetupError:
            self._part()
            raise
        if spec is None:
            self._trouble = "he who listens there says nothing"
            self._part_for_a_while()
        return spec

    def _announced(self, sender: Sender) -> FrameSpec | None:
        """What the head says; None where it did not come. Raises SetupError."""
        length = bytearray(LENGTH.size)
        if not sender.fill(memoryview(length)):
            return None
        (size,) = LENGTH.unpack(length)
        if size > MAX_HEAD:
            raise SetupError(f"{SCHEME} a head of {size} bytes announces no pictures; {MAX_HEAD} are the most")
        head = bytearray(size)
        return parse_head(bytes(head)) if sender.fill(memoryview(head)) else None

    def _nothing_beside(self) -> None:
        """Nobody else can come."""

    def _part_for_a_while(self) -> None:
        """Longer from time to time, until a picture comes."""
        self._part()
        time.sleep(self._backoff.next())

    def _part(self) -> None:
        sender, self._sender = self._sender, None
        if sender is not None:
            sender.close()

    def _say_how_it_ended(self, sender: Sender) -> None:
        if what := {"short": "short frames", "silent": "timeouts"}.get(sender.end):
            self.context.count(what)

    # What comes

    def _fill(self, sender: Sender) -> bool:
        """Have the next picture in the frame on loan; False: it did not come whole."""
        stamp = bytearray(STAMP.size)
        if not sender.fill(memoryview(stamp)):
            return False
        if not sender.fill(flat(self.frame.image)):
            sender.end = "short" if sender.end == "closed" else sender.end  # its time came, and not a byte of it
            return False
        (ticks,) = STAMP.unpack(stamp)
        self.frame.pts = self._arrival.stamp(float(ticks * TIME_BASE))
        self.frame.duration = nominal_step(self._spec.rate, self._spec.time_base)
        self.judge()
        return True

    def close(self) -> None:
        self._part()


def parse_head(head: bytes) -> FrameSpec:
    """What a head announces. Raises SetupError, in words."""
    try:
        said = json.loads(head)
    except (ValueError, RecursionError) as error:
        raise SetupError(f"{SCHEME} the head is no JSON: {head[:40]!r}") from error
    if not isinstance(said, dict):
        raise SetupError(f"{SCHEME} the head is no JSON object: {head[:40]!r}")
    width, height, rate = (_number(said, name) for name in ("width", "height", "rate"))
    if not all(side == int(side) and side >= LEAST_SIDE for side in (width, height)):
        raise SetupError(f"{SCHEME} pictures of {width:g}x{height:g}: sides are whole and at least {LEAST_SIDE} pixels")
    check_size(int(width), int(height), SCHEME.rstrip(":"))
    if not RATES[0] <= rate <= RATES[1]:
        raise SetupError(f"{SCHEME} {rate = :g} is not {RATES[0]} to {RATES[1]} frames/s")
    return FrameSpec(width=int(width), height=int(height), rate=Fraction(rate).limit_denominator(1001), live=True)


def _number(said: dict[str, Any], name: str) -> float:
    value = said.get(name)
    if isinstance(value, bool) or not isinstance(value, int | float) or not abs(value) < 1e9:
        raise SetupError(f"{SCHEME} {name} = {str(value)[:40]} in the head is no number")
    return float(value)
