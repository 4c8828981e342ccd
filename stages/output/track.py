"""Track: one track of the source on its way into the finished file, as it is or as the container can hold it."""

from __future__ import annotations

import os
from collections.abc import Callable
from fractions import Fraction
from typing import TYPE_CHECKING, Any, Protocol

from stages.output.about import dress

if TYPE_CHECKING:
    from av.audio.stream import AudioStream
    from av.container import OutputContainer
    from av.packet import Packet
    from av.stream import Stream
    from av.subtitles.stream import SubtitleStream

AUDIO = {"webm": "libopus"}  # what a track is encoded to where it cannot be copied; elsewhere aac
SUBTITLES = {"mp4": "mov_text", "mov": "mov_text", "matroska": "subrip", "webm": "webvtt"}
# MP4's muxer ends a text when a packet of any track is late by its count of ticks, whatever their length: too early,
# and the next text comes late, unless the text's own ticks are the shortest.
TEXT_TICK = {"mov_text": Fraction(1, 1_000_000)}
OPUS_RATE = 48000
# By number of channels. Opus knows one arrangement of each, and AC-3's 5.1 has its rear speakers at the sides; AVI, ASF
# and others name none at all.
LAYOUTS = {1: "mono", 2: "stereo", 3: "3.0", 4: "quad", 5: "5.0", 6: "5.1", 7: "6.1", 8: "7.1"}


class Track(Protocol):
    """Takes the packets of one track, in the order of the file."""

    def mux(self, packet: Packet[Any]) -> None:
        """Raises av.FFmpegError."""

    def finish(self) -> None:
        """Give what is held back. Raises av.FFmpegError."""


class Copied:
    """A track whose packets go over as they are."""

    def __init__(self, stream: Stream, container: OutputContainer) -> None:
        self._container = container
        self._out = container.add_stream_from_template(stream, opaque=True)
        if stream.type == "subtitle" and (tick := TEXT_TICK.get(name_of(stream))):
            self._out.time_base = tick
        dress(self._out, stream)

    def mux(self, packet: Packet[Any]) -> None:
        packet.stream = self._out
        self._container.mux_one(packet)

    def finish(self) -> None:
        """Nothing is held back."""


class ReencodedSound:
    """An audio track that the container cannot hold as it is."""

    def __init__(self, stream: AudioStream, container: OutputContainer, encoder: str) -> None:
        self._container = container
        rate = OPUS_RATE if encoder == "libopus" else stream.codec_context.sample_rate
        self._out: AudioStream = container.add_stream(encoder, rate=rate)  # type: ignore[assignment]
        given = stream.codec_context.layout
        known = encoder != "libopus" and "channels" not in given.name
        self._out.codec_context.layout = given.name if known else LAYOUTS.get(given.nb_channels, "stereo")
        dress(self._out, stream)

    def mux(self, packet: Packet[AudioStream]) -> None:
        for frame in packet.decode():
            self._container.mux(self._out.encode(frame))

    def finish(self) -> None:
        self._container.mux(self._out.encode(None))


class ConvertedText:
    """A subtitle track of text, in the container's own way of writing text."""

    def __init__(self, stream: SubtitleStream, container: OutputContainer, encoder: str) -> None:
        self._container = container
        self._given = stream.codec_context
        self._given.open(strict=False)
        self._out: SubtitleStream = container.add_stream(encoder)  # type: ignore[assignment]
        made = self._out.codec_context
        made.subtitle_header = self._given.subtitle_header
        made.time_base = self._out.time_base = TEXT_TICK.get(encoder) or stream.time_base or Fraction(1, 1000)
        dress(self._out, stream)

    def mux(self, packet: Packet[Any]) -> None:
        found = self._given.decode2(packet)
        if found is None or not len(found):
            return
        made = self._out.codec_context.encode_subtitle(found)
        made.time_base = packet.time_base
        made.pts = made.dts = packet.pts
        made.duration = packet.duration
        made.stream = self._out
        self._container.mux_one(made)

    def finish(self) -> None:
        """Nothing is held back."""


def open_track(stream: Stream, container: OutputContainer, note: Callable[[str], None]) -> Track | None:
    """The track in `container` that takes the packets of `stream`; None, and a note, where it can hold none."""
    kind, label = container.format.name, f"{stream.type} track {stream.index} ({name_of(stream)})"
    if stream.codec_context is None and stream.type in ("audio", "subtitle"):
        note(f"{label}: nothing here knows it; left out")
        return None
    if can_hold(kind, lambda trial: Copied(stream, trial)):
        return Copied(stream, container)
    converted, encoder = _conversion(kind, stream)
    if converted is not None and can_hold(kind, converted):
        what = "re-encoded" if stream.type == "audio" else "converted"
        note(f"{label}: {kind} cannot hold it; {what} to {encoder}")
        return converted(container)
    note(f"{label}: {kind} cannot hold it; left out")
    return None


def _conversion(kind: str, stream: Any) -> tuple[Callable[[OutputContainer], Track] | None, str]:
    """How a track is turned into one that the container can hold, and into what; None where there is no way."""
    if stream.type == "audio":
        encoder = AUDIO.get(kind, "aac")
        return lambda container: ReencodedSound(stream, container, encoder), encoder
    if stream.type == "subtitle" and stream.codec_context.codec.text_sub and kind in SUBTITLES:
        text = SUBTITLES[kind]
        return lambda container: ConvertedText(stream, container, text), text
    return None, ""


def name_of(stream: Stream) -> str:
    """What a track holds: its codec, else its tag."""
    if stream.type == "attachment":
        return stream.metadata.get("filename", "no name")
    context = stream.codec_context
    return context.name if context is not None else getattr(stream, "name", None) or "unknown"


def can_hold(kind: str, add: Callable[[OutputContainer], object]) -> bool:
    """Whether a container takes a track: only writing its header tells."""
    import av

    try:
        with av.open(os.devnull, "w", format=kind) as trial:
            add(trial)
            trial.start_encoding()
    except (av.FFmpegError, ValueError):
        return False
    return True
