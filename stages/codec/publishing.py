"""Publishing: coded pictures become a file that is played anywhere, as they are: no picture is decoded for it."""

from __future__ import annotations

import os
from collections.abc import Iterator
from fractions import Fraction
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pipeline.errors import RunError, SetupError
from stages.codec.records import Record, RecordError, read_head, read_records
from stages.media import reason, shown
from stages.output.part import count_packets
from stages.output.publish import sync

if TYPE_CHECKING:
    from av.packet import Packet
    from av.video.stream import VideoStream

PLAIN = ".sem"
FORMS = {".mp4": "mp4", ".m4v": "mp4", ".mov": "mov", ".mkv": "matroska", ".webm": "webm", ".ts": "mpegts"}
RAW = {
    ".h264": "h264", ".264": "h264", ".h265": "h265", ".265": "h265", ".hevc": "h265", ".av1": "av1", ".obu": "av1",
}  # fmt: skip
DEMUXERS = {"h264": "h264", "h265": "hevc", "av1": "obu"}
"""What finds out of a key picture what a container wants to know of a stream."""


def check_name(path: str) -> None:
    """Raises SetupError where its ending says nothing."""
    ending = Path(path).suffix.lower()
    if ending not in (PLAIN, *FORMS, *RAW):
        raise SetupError(
            f"{shown(path)}: {ending or 'no ending'!r} is none of {', '.join((PLAIN, *FORMS, *RAW))}, and no address"
        )


def check_held(path: str, kind: str) -> None:
    """Raises RunError where a file of this name cannot hold such pictures."""
    ending = Path(path).suffix.lower()
    if kind == "semantic" and ending != PLAIN:
        raise RunError(f"{shown(path)}: only {PLAIN} holds what the neural coder makes")
    if ending == ".webm" and kind != "av1":
        raise RunError(f"{shown(path)}: .webm cannot hold {kind}; take .mkv or .mp4")
    if RAW.get(ending, kind) != kind:
        raise RunError(f"{shown(path)}: holds {RAW[ending]}, and this is {kind}")


def publish(part: str, output: str) -> int:
    """Make `output` of a part, at once and whole; then the part goes. How many pictures it holds. Raises RunError, and
    the part stays."""
    import av

    made, ending = f"{part}.out", Path(output).suffix.lower()
    try:
        if ending == PLAIN:
            found = sum(bool(record.data) for record in _records(part))
            sync(part)
            os.replace(part, output)
        else:
            found = _join(part, made) if ending in RAW else _mux(part, made, FORMS[ending])
            sync(made)
            if ending in FORMS and (whole := count_packets(made, lambda: None)) != found:
                raise RunError(f"{shown(output)}: {whole} of {found} pictures can be read back; see {part}")
            os.replace(made, output)
            os.unlink(part)
        sync(os.path.dirname(os.path.abspath(output)))
    except (av.FFmpegError, OSError, RecordError, ValueError) as error:
        raise RunError(f"{shown(output)}: cannot be written ({reason(error)})") from error
    return found


def template_of(kind: str, key: bytes) -> VideoStream:
    """A stream as a key picture describes it. Raises RunError."""
    import av

    try:
        return av.open(BytesIO(key), format=DEMUXERS[kind]).streams.video[0]
    except (av.FFmpegError, IndexError, ValueError) as error:
        raise RunError(f"the coder's first picture is no {kind} stream ({reason(error)})") from error


def packet_of(record: Record, time_base: Fraction) -> Packet[Any]:
    from av.packet import Packet

    packet: Packet[Any] = Packet(record.data)
    packet.pts = packet.dts = record.pts
    packet.duration, packet.is_keyframe, packet.time_base = record.duration, record.key, time_base
    return packet


def lasting(records: Iterator[Record]) -> Iterator[tuple[Record, int]]:
    """Those that hold a picture, each with how long it lasts: until the next one, or the end of what was not coded."""
    before: Record | None = None
    end = 0
    for record in records:
        if record.data:
            if before is not None:
                yield before, max(1, record.pts - before.pts)
            before = record
        end = record.pts + record.duration
    if before is not None:
        yield before, max(1, end - before.pts)


def _records(part: str) -> Iterator[Record]:
    with open(part, "rb") as file:
        read_head(file)
        for record in read_records(file):
            if record.broken:
                raise RecordError(f"the picture at {record.pts} is damaged")
            yield record


def _join(part: str, made: str) -> int:
    """The pictures one after the other, and nothing else."""
    found = 0
    with open(made, "wb") as file:
        for record in _records(part):
            file.write(record.data)
            found += bool(record.data)
    return found


def _mux(part: str, made: str, form: str) -> int:
    import av

    with open(part, "rb") as file:
        head = read_head(file)
    first = next(record for record in _records(part) if record.data)
    found = 0
    with av.open(f"file:{made}", "w", format=form) as container:
        stream = container.add_stream_from_template(template_of(first.kind, first.data), opaque=True)
        stream.time_base = head.time_base
        for record, duration in lasting(_records(part)):
            packet = packet_of(record, head.time_base)
            packet.pts = packet.dts = record.pts - first.pts
            packet.duration, packet.stream = duration, stream
            container.mux_one(packet)
            found += 1
    return found
