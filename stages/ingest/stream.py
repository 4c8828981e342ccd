"""Stream: RTSP, HTTP (MJPEG, HLS and what else comes that way) and SRT as a source that comes back."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from pydantic import Field, PrivateAttr

from pipeline.errors import ConfigError, SetupError
from pipeline.frame import FrameSpec
from stages.ingest.address import expand
from stages.ingest.feed import Feed
from stages.ingest.reader import Line
from stages.ingest.rtsp_door import Door
from stages.ingest.rtsp_watch import Strayed
from stages.ingest.srt import check, open_srt
from stages.media import CONTAINERS

if TYPE_CHECKING:
    from av.container import InputContainer

# Nothing that comes over a network may name a file of this machine.
PROTOCOLS = {
    "rtsp": "rtsp,rtp,rtcp,udp,tcp",
    "rtsps": "rtsps,rtsp,rtp,srtp,udp,tcp,tls",
    "http": "http,https,httpproxy,tcp,tls,hls,crypto,data",
    "https": "http,https,httpproxy,tcp,tls,hls,crypto,data",
}
FORMATS = f"rtsp,rtp,sdp,hls,dash,mpjpeg,mjpeg,jpeg_pipe,aac,mp3,ac3,webvtt,{CONTAINERS}"
# How long FFmpeg looks before it says what comes: microseconds and bytes.
PROBE = {"analyzeduration": "300000", "probesize": "500000"}
UNTIMED = ("mpjpeg", "mjpeg")  # FFmpeg numbers their pictures, at a rate that it makes up


class Stream(Feed):
    """What a network brings. `${NAME}` in the address is taken from the environment: no password need stand in it."""

    input: str = Field(default="", description="rtsp://, rtsps://, http://, https:// or srt://")
    transport: Literal["auto", "tcp", "udp"] = Field(
        default="auto", description="how RTSP brings the pictures; auto: over tcp, and over udp where that is refused"
    )
    direct: bool = Field(
        default=False,
        description="RTSP to this very server only, over tcp: where it sends on to another, that is refused",
    )

    _url: str = PrivateAttr(default="")
    _over_udp: bool = PrivateAttr(default=False)

    def open(self) -> FrameSpec:
        self._url = expand(self.input)
        if self.scheme not in (*PROTOCOLS, "srt"):
            raise ConfigError(f"--input {self.label}: not an address of rtsp, rtsps, http, https or srt")
        if self.scheme == "srt":
            check(self.input)
        return super().open()

    @property
    def address(self) -> str:
        return self._url

    @property
    def scheme(self) -> str:
        return self.input.partition("://")[0].lower()

    def connect(self) -> Line:
        if self.scheme == "srt":
            container, close = open_srt(self._url, self.silence)
            return Line(container, close=close)
        if self.scheme in ("rtsp", "rtsps"):
            return self._through_door() if self.direct else Line(self._open_rtsp())
        container = self._open({})
        kind = container.format.name
        whole = container.duration is not None  # a film, not a broadcast
        return Line(container, paced=whole or "hls" in kind or "dash" in kind, timed=kind not in UNTIMED, ends=whole)

    def _open_rtsp(self) -> InputContainer:
        """By `auto` the other transport comes next where the server answers, but not to this one."""
        import av

        over = {"tcp": "tcp", "udp": "udp", "auto": "udp" if self._over_udp else "tcp"}[self.transport]
        try:
            return self._open({"rtsp_transport": over, "allowed_media_types": "video"})
        except (av.error.HTTPError, OSError) as error:
            lost = isinstance(error, ConnectionError | TimeoutError)
            self._over_udp ^= self.transport == "auto" and not lost
            raise

    def _through_door(self) -> Line:
        """FFmpeg follows an RTSP server that sends it elsewhere, be it to this machine itself: here it cannot."""
        door = Door(self._url, self.silence)
        try:
            options = {"rtsp_transport": "tcp", "allowed_media_types": "video"}
            return Line(self._open(options, door.url), close=door.close)
        except BaseException as error:
            door.close()
            if isinstance(door.error, Strayed):
                raise SetupError(f"{self.label}: {door.error}") from error
            if door.error is not None:
                raise door.error from error
            raise

    def _open(self, options: dict[str, str], url: str = "") -> InputContainer:
        import av

        fixed = {
            **PROBE,
            "protocol_whitelist": PROTOCOLS["rtsp" if url else self.scheme],
            "format_whitelist": FORMATS,
            "user_agent": "cleanplate",
        }
        return av.open(
            url or self._url,
            mode="r",
            options={**fixed, **options},
            timeout=(2 * self.silence, self.silence),
            metadata_errors="replace",
        )
