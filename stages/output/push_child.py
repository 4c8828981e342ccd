"""A process that carries packets from its stdin to an RTSP server. FFmpeg stands still, and holds Python's lock, where
a server does: here that harms nobody, and who started it ends it.

On stdin: an Order as a line of JSON, the `sample` bytes of a NUT file that say what the stream is, then packets, each
behind its HEAD. On stdout: `up` when the server has accepted the stream; any other line says why it did not (it is
tried again), or why all ended."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable
from fractions import Fraction
from io import BytesIO
from struct import Struct
from typing import TYPE_CHECKING, Any, BinaryIO

from pydantic import BaseModel, ConfigDict, Field

from pipeline.lifeline import die_with_parent
from stages.ingest.backoff import Backoff
from stages.media import reason

if TYPE_CHECKING:
    from av.container import OutputContainer
    from av.packet import Packet
    from av.video.stream import VideoStream

UP = "up"
LONGEST_S = 1.0  # between two tries: one that is refused costs next to nothing
BASE = Fraction(1, 90000)  # seconds in a tick, as in RTP
HEAD = Struct("<qq?I")  # time stamp, duration, whether it is a key frame, bytes


class Order(BaseModel):
    """Sent by the sink's worker as the first line. The stream follows."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    parent: int
    url: str
    transport: str
    patience_s: float
    sample: int = Field(ge=1, le=1 << 20)


def carry(order: Order, stdin: BinaryIO, say: Callable[[str], None]) -> None:
    """Until the stream ends. Raises FFmpegError."""
    import av

    with av.open(BytesIO(stdin.read(order.sample)), format="nut") as sample:
        server, stream = _accepted(order, sample.streams.video[0], say)
        say(UP)
        with server:
            while len(head := stdin.read(HEAD.size)) == HEAD.size:
                server.mux_one(_packet(head, stdin, stream))


def _packet(head: bytes, stdin: BinaryIO, stream: VideoStream) -> Packet[Any]:
    from av.packet import Packet

    pts, duration, key, size = HEAD.unpack(head)
    packet: Packet[Any] = Packet(stdin.read(size))
    packet.pts = packet.dts = pts
    packet.duration, packet.is_keyframe = duration, bool(key)
    packet.time_base, packet.stream = BASE, stream
    return packet


def _accepted(order: Order, given: VideoStream, say: Callable[[str], None]) -> tuple[OutputContainer, VideoStream]:
    """A server that takes the stream, as soon as there is one."""
    import av

    backoff = Backoff(longest=LONGEST_S)
    options = {"rtsp_transport": order.transport, "timeout": str(round(order.patience_s * 1e6))}
    while True:
        server = av.open(order.url, "w", format="rtsp", options=options)
        try:
            taken = server.add_stream_from_template(given, opaque=True)
            server.start_encoding()
        except (av.FFmpegError, OSError) as error:
            server.close()
            say(reason(error))
            time.sleep(backoff.next())
        else:
            return server, taken


def main() -> int:
    """Returns the exit code."""

    def say(words: str) -> None:
        sys.stdout.write(words.replace("\n", " ") + "\n")
        sys.stdout.flush()

    stdin = sys.stdin.buffer
    order = Order.model_validate_json(stdin.readline())
    die_with_parent(order.parent)
    import av

    try:
        carry(order, stdin, say)
    except (av.FFmpegError, OSError, ValueError) as error:
        say(reason(error))
        return 1
    return 0


if __name__ == "__main__":
    code = main()
    sys.stdout.flush()
    os._exit(code)  # a server that has gone is not waited for
