"""Push: sends the result to a streaming server, encoded for little delay; a server that is away stops nothing."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, ClassVar, Literal

import numpy as np
from pydantic import Field, PrivateAttr, ValidationInfo, field_validator

from pipeline.errors import SetupError
from pipeline.frame import Frame, FrameSpec, Image
from stages.ingest.address import expand
from stages.output.codecs import Codec, Preset
from stages.output.encoding import Converter, Encoding, encode_one
from stages.output.push_address import Address
from stages.output.push_carrier import Carrier, connect
from stages.output.push_link import Link
from stages.output.views import Canvas, Viewing
from stages.output.wishes import Bitrate, bits, check_wish, encoding_for

if TYPE_CHECKING:
    from av.packet import Packet
    from av.video.stream import VideoStream

WAITING_S = 1.0  # of video that may wait to be sent; what is older comes too late
FIRST_S = 5.0  # for which a file waits for its server: a camera waits for nobody
FAREWELL_S = 4.0
STEP_S = 0.02
LONGEST_S = 1.0  # that a file's frame is held back; a longer gap in the file is skipped


class Push(Viewing):
    """To `rtsp://HOST:PORT/PATH` (announced and recorded there, as MediaMTX takes it) or `srt://HOST:PORT` (MPEG-TS).

    Frames are left out, and counted, while the server is away and where the network is slower than the video; after
    that it goes on with a key frame. `${NAME}` in the address is taken from the environment."""

    pulse: ClassVar[float | None] = 0.2
    deadline: ClassVar[float] = 10.0

    output: str = Field(default="", description="rtsp://USER:${PASSWORD}@HOST:PORT/PATH, or srt://HOST:PORT")
    codec: Literal["h264", "h265"] = Field(default="h264", description="what the server gets")
    crf: int | None = Field(
        default=None, description="quality, 0 to 51, lower is better; none: 23, or as bitrate wants"
    )
    bitrate: Bitrate | None = Field(
        default=None, description="bits per second, as 4M or 800k; with crf: at most so many"
    )
    preset: Preset | None = Field(default=None, description="effort of the encoder; none: veryfast")
    key_every: float = Field(default=1.0, gt=0, le=60, description="seconds from one key frame to the next")
    transport: Literal["tcp", "udp"] = Field(default="tcp", description="of rtsp")
    show_passphrase: bool = Field(
        default=False, description="srt: let FFmpeg's command line show a password to the users of this machine"
    )
    paced: bool = Field(default=True, description="send a file no faster than it plays")

    _address: Address = PrivateAttr()
    _spec: FrameSpec = PrivateAttr()
    _canvas: Canvas = PrivateAttr()
    _encoder: Encoder = PrivateAttr()
    _link: Link | None = PrivateAttr(default=None)
    _zero: float = PrivateAttr(default=-np.inf)  # when the file's clock stood at 0
    _patience: float = PrivateAttr(default=0.0)  # until when a file waits for its server
    _frames: int = PrivateAttr(default=0)
    _away: int = PrivateAttr(default=0)  # frames that came while it was
    _told: dict[str, int] = PrivateAttr(default_factory=dict)

    @field_validator("crf", "preset")
    @classmethod
    def _fits(cls, value: Any, info: ValidationInfo) -> Any:
        check_wish(info.data.get("codec", ""), "off", **{str(info.field_name): value})
        return value

    def resume(self, frames: int) -> None:
        self._frames = frames

    def setup(self, spec: FrameSpec) -> None:
        self._address = Address.of(expand(self.output))
        if self._address.secret_query and not self.show_passphrase:
            raise SetupError(
                f"{self._address.shown}: FFmpeg takes this password on its command line only, where all users of this"
                " machine can read it; set show_passphrase to true if they may, or push without one"
            )
        self._canvas = self.canvas(spec)
        self._spec = self._canvas.spec
        self._encoder = Encoder(encoding_for(self.codec, "off", self._encode_with, self.context.note))
        self._link = Link(self._connect, max(8, round(WAITING_S * self._spec.rate)))
        self._patience = time.monotonic() + (0 if spec.live else FIRST_S)
        self.context.says("connecting")

    def _connect(self, leaving: Callable[[], bool], told: Callable[[str], None]) -> Carrier:
        return connect(self._address, self._encoder.stream, self.transport, leaving, told)

    def _encode_with(self, codec: Codec) -> Encoding:
        settings = codec.settings(self.crf, self.preset, None)
        settings |= {"g": str(max(1, round(self.key_every * self._spec.rate))), "forced-idr": "1"}
        if codec.encoder == "libx264":
            settings["x264-params"] = "repeat-headers=1"  # who comes later begins at any key frame
        else:
            settings["x265-params"] = f"{codec.options['x265-params']}:open-gop=0"
        if self.crf is None:
            settings["crf"] = "23" if self.bitrate is None else "-1"
        if self.bitrate is not None:
            rate = bits(self.bitrate)
            settings |= {
                "maxrate": str(rate),
                "bufsize": str(rate),
                **({} if self.crf is not None else {"b": str(rate)}),
            }
        return Encoding(codec, self._spec, settings)

    # Frames

    def write(self, frame: Frame) -> None:
        assert self._link is not None
        self._hold_back(frame, self._link)
        self._frames += 1
        if self._link.up:
            image = self._canvas.of(frame)
            self._link.put(self._encoder.encode(image, frame.pts, frame.duration, key=self._link.wants_key))
        else:
            self._away += 1
        self._tell(self._link)

    def idle(self) -> None:
        if self._link is not None:
            self._tell(self._link)

    def _hold_back(self, frame: Frame, link: Link) -> None:
        """A file: until its server is there, and until it is time for its frame."""
        while not link.up and not link.connections and time.monotonic() < self._patience:
            self._wait(STEP_S)
        if self._spec.live or not self.paced:
            return
        place, now = float(frame.pts * self._spec.time_base), time.monotonic()
        if not 0 <= self._zero + place - now <= LONGEST_S:
            self._zero = now - place
        while (left := self._zero + place - time.monotonic()) > 0:
            self._wait(min(left, STEP_S))

    def _wait(self, seconds: float) -> None:
        self.context.progress()
        time.sleep(seconds)

    def _tell(self, link: Link) -> None:
        """What has changed since the last time."""
        now = {
            "frames not sent: no connection": self._away,
            "frames not sent: too slow": link.dropped,
            "reconnects": max(0, link.connections - 1),
        }
        for what, number in now.items():
            if more := number - self._told.get(what, 0):
                self.context.count(what, more)
        self._told = now
        self.context.says("" if link.up else "reconnecting" if link.connections else "connecting")
        if not link.up and link.trouble:
            self.context.note(f"{self._address.shown}: {link.trouble}; tried again and again")

    # The end

    def finish(self) -> dict[str, Any]:
        assert self._link is not None
        link, until = self._link, time.monotonic() + FAREWELL_S
        link.finish()
        while not link.ended and time.monotonic() < until:
            self._wait(STEP_S)
        self._tell(link)
        if self._frames and not link.sent:
            self.context.error("frames not sent: never connected", self._frames)
        facts = {"output": self._address.shown, "frames": self._frames, "sent": link.sent}
        return {**facts, "codec": self.codec, "connections": link.connections}

    def close(self) -> None:
        if self._link is not None:
            self._link.close(FAREWELL_S)


class Encoder:
    """Pictures to packets, each at once; where one is wanted, a key frame."""

    def __init__(self, encoding: Encoding) -> None:
        """Raises SetupError."""
        import av

        try:
            self._box = av.open(os.devnull, "w", format="nut")  # it only says what the stream looks like
            self.stream: VideoStream = encoding.add_to(self._box)
            self._box.start_encoding()
        except (av.FFmpegError, ValueError) as error:
            raise SetupError(f"{encoding.codec.encoder}: cannot be used ({error})") from error
        self._converter = Converter(self.stream, encoding.spec)

    def encode(self, image: Image, pts: int, duration: int, *, key: bool) -> Packet[VideoStream]:
        """The packet of uint8 [H, W, 3] BGR."""
        from av.video.frame import PictureType

        picture = self._converter.convert(image, pts)
        if key:
            picture.pict_type = PictureType.I
        packet = encode_one(self.stream, picture)
        packet.duration = duration
        return packet
