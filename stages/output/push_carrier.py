"""Carrier: a process that takes an encoded stream to a server; whatever hangs, it is ended, and nobody else waits."""

from __future__ import annotations

import os
import re
import select
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from fractions import Fraction
from typing import TYPE_CHECKING, Any, Protocol

from stages.media import reason, stamp
from stages.output.push_address import Address
from stages.output.push_child import BASE, HEAD, UP, Order

if TYPE_CHECKING:
    from av.container import OutputContainer
    from av.packet import Packet
    from av.video.stream import VideoStream

PATIENCE_S = 3.0  # for a server to accept a stream, and for it to take a packet
SILENCE_S = 3 * PATIENCE_S  # of a process that is to tell how it fares: it is hung
FAREWELL_S = 1.0
MOST_SAID = 4000  # bytes
LOOK_S = 0.1  # between two looks at whether the run has ended
DELIMITER = b"\x00\x00\x00\x01\x09\xf0"  # of H.264: what follows begins a picture
_WHERE = re.compile(r"^\[[^\]]* @ 0x[0-9a-f]+\] ")  # in FFmpeg's memory: another one each time
TS_UNIT = 7 * 188  # bytes in a packet of SRT
TS_NOTHING = b"\x47\x1f\xff\x10" + b"\xff" * 184  # a packet that every receiver skips


class CarrierError(Exception):
    """The server cannot be reached, or no more; in half a sentence."""


class Wire(Protocol):
    """The form in which a child takes packets."""

    def of(self, packet: Packet[VideoStream]) -> bytes: ...


class Ts:
    """MPEG-TS in whole units of SRT."""

    def __init__(self, template: VideoStream) -> None:
        self._buffer = Buffer()
        self._box, self._stream = muxer(self._buffer, "mpegts", template)

    def of(self, packet: Packet[VideoStream]) -> bytes:
        packet.stream = self._stream
        self._box.mux_one(packet)
        data = self._buffer.take()
        return data + TS_NOTHING * (-len(data) % TS_UNIT // len(TS_NOTHING))


class Records:
    """Packets behind their heads, as `push_child` reads them."""

    def of(self, packet: Packet[VideoStream]) -> bytes:
        pts, duration = (round(ticks * packet.time_base / BASE) for ticks in (stamp(packet), packet.duration or 0))
        return HEAD.pack(pts, duration, packet.is_keyframe, packet.size) + bytes(packet)


class Buffer:
    """A file that is emptied again and again."""

    def __init__(self) -> None:
        self._written = bytearray()

    def write(self, data: bytes) -> int:
        self._written += data
        return len(data)

    def take(self) -> bytes:
        data = bytes(self._written)
        self._written.clear()
        return data


def muxer(buffer: Buffer, form: str, template: VideoStream) -> tuple[OutputContainer, VideoStream]:
    import av

    box = av.open(buffer, "w", format=form, container_options={"flush_packets": "1"})
    stream = box.add_stream_from_template(template, opaque=True)
    box.start_encoding()
    return box, stream


def sample_of(template: VideoStream) -> bytes:
    """A file without a picture, from which a reader learns what the stream is."""
    from av.packet import Packet

    buffer = Buffer()
    box, stream = muxer(buffer, "nut", template)
    empty: Packet[Any] = Packet(DELIMITER)
    empty.is_keyframe = True
    empty.pts = empty.dts = 0
    empty.time_base, empty.stream = Fraction(1), stream
    box.mux_one(empty)
    box.close()
    return buffer.take()


class Carrier:
    """One connection: begun, sent to, ended; by one thread."""

    def __init__(self, command: Sequence[str], first: bytes, wire: Wire, clean: Callable[[str], str]) -> None:
        self._child = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, bufsize=0
        )
        assert self._child.stdin is not None
        assert self._child.stdout is not None
        self._in, self._out = self._child.stdin.fileno(), self._child.stdout.fileno()
        os.set_blocking(self._in, False)
        os.set_blocking(self._out, False)
        self._wire, self._clean = wire, clean
        self._said, self._words = b"", ""
        self._first = first

    @property
    def pid(self) -> int:
        return self._child.pid

    def begin(self, leaving: Callable[[], bool], told: Callable[[str], None]) -> None:
        """Until the server has accepted the stream; why it has not yet is `told`. Raises CarrierError."""
        self._write(self._first, PATIENCE_S)
        until = time.monotonic() + SILENCE_S
        while (line := self._line()) != UP and not line.startswith("progress="):
            if line and "=" not in line:
                told(self._clean(self._words))
                until = time.monotonic() + SILENCE_S
            if leaving():
                raise CarrierError("was not reached")
            if time.monotonic() > until:
                raise CarrierError("does not answer in time")
            if not line and not self._listen() and self._child.poll() is not None:
                raise CarrierError(self._why())
        self._words = ""  # why it had to be tried again

    def send(self, packet: Packet[VideoStream]) -> None:
        """Raises CarrierError."""
        import av

        self._listen(0)
        try:
            data = self._wire.of(packet)
        except (av.FFmpegError, ValueError) as error:
            raise CarrierError(f"cannot be sent what was encoded ({reason(error)})") from error
        self._write(data, PATIENCE_S)

    def end(self, *, gently: bool) -> None:
        """`gently`: let it say goodbye to the server, for a moment."""
        assert self._child.stdin is not None
        self._child.stdin.close()
        try:
            self._child.wait(FAREWELL_S if gently else 0)
        except subprocess.TimeoutExpired:
            self._child.kill()
            self._child.wait()
        if self._child.stdout is not None:
            self._child.stdout.close()

    def _line(self) -> str:
        """The next line that it said, if there is one."""
        line, end, rest = self._said.partition(b"\n")
        if not end:
            return ""
        self._said, said = rest, line.decode(errors="replace").strip()
        if said and said != UP and "=" not in said:
            self._words = _WHERE.sub("", said)
        return said

    def _listen(self, wait_s: float = LOOK_S) -> bool:
        """Whether it said anything; what is too long is cut."""
        select.select([self._out], [], [], wait_s)
        try:
            said = os.read(self._out, 65536)
        except BlockingIOError:
            return False
        self._said = (self._said + said)[-MOST_SAID:]
        return bool(said)

    def _write(self, data: bytes, patience_s: float) -> None:
        until = time.monotonic() + patience_s
        rest = memoryview(data)
        while rest:
            try:
                rest = rest[os.write(self._in, rest) :]
            except BlockingIOError:
                if (left := until - time.monotonic()) <= 0:
                    raise CarrierError(f"takes nothing for {patience_s:g} s") from None
                select.select([], [self._in], [], left)
            except OSError as error:
                raise CarrierError(self._why()) from error

    def _why(self) -> str:
        """Its last words."""
        self._listen(LOOK_S)
        while self._said.strip():
            self._said += b"\n"
            self._line()
        return self._clean(self._words or "has gone")


def connect(
    address: Address, template: VideoStream, transport: str, leaving: Callable[[], bool], told: Callable[[str], None]
) -> Carrier:
    """Raises CarrierError."""
    try:
        carrier = _started(address, template, transport)
    except (OSError, RuntimeError) as error:
        raise CarrierError(address.clean(f"no process can be started for it ({reason(error)})")) from error
    try:
        carrier.begin(leaving, told)
    except CarrierError:
        carrier.end(gently=False)
        raise
    return carrier


def _started(address: Address, template: VideoStream, transport: str) -> Carrier:
    if address.scheme == "srt":
        return Carrier(_ffmpeg(address), TS_NOTHING * 7, Ts(template), address.clean)
    sample = sample_of(template)
    order = Order(
        parent=os.getpid(),
        url=address.url,
        transport=transport,
        patience_s=PATIENCE_S,
        sample=len(sample),
    )
    first = order.model_dump_json().encode() + b"\n" + sample
    return Carrier((sys.executable, "-m", "stages.output.push_child"), first, Records(), address.clean)


def _ffmpeg(address: Address) -> tuple[str, ...]:
    """The one inside PyAV knows no SRT. It passes bytes on, and tells of its progress once it is connected."""
    import imageio_ffmpeg

    quiet = ("-hide_banner", "-loglevel", "error", "-stats_period", "0.2", "-progress", "pipe:1")
    given = ("-f", "data", "-raw_packet_size", str(TS_UNIT), "-i", "pipe:0", "-map", "0", "-c", "copy")
    taken = ("-f", "data", "-flush_packets", "0", address.srt(PATIENCE_S))
    return (imageio_ffmpeg.get_ffmpeg_exe(), *quiet, *given, *taken)
