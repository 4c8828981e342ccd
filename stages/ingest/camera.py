"""Camera: a camera of this machine as a source, or one that FFmpeg draws, in real time, where there is none."""

from __future__ import annotations

import sys
from collections import deque
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from pydantic import Field, PrivateAttr

from pipeline.errors import SetupError
from pipeline.frame import FrameSpec
from stages.ingest.feed import Feed
from stages.ingest.reader import QUICK, Line
from stages.media import reason, shown, video_stream

if TYPE_CHECKING:
    from av.container import InputContainer

SCHEME = "cam:"
TEST = "testsrc2=size=640x360:rate=30"
DRAWN = ("test", "lavfi:")
LATELY, SPOILT = 60, 15  # of so many pictures so many spoilt ones: another format is tried
DEVICES = Path("/dev")
KINDS = Path("/sys/class/video4linux")

Format = Literal["auto", "mjpeg", "yuyv422", "default"]
ORDER: tuple[Format, ...] = ("mjpeg", "yuyv422", "default")  # a USB 2 cable carries no more than mjpeg at 720p and 30/s


class Camera(Feed):
    """`cam:0`, `cam:/dev/video2` or `cam:NAME`; `cam:test` and `cam:lavfi:GRAPH` are drawn, at the rate they say.

    A camera that gives nothing in one format, or too many spoilt pictures, is asked for the next one."""

    setup_deadline: ClassVar[float] = 60.0

    input: str = Field(default=f"{SCHEME}0", description="cam:N, cam:PATH, cam:NAME, cam:test or cam:lavfi:GRAPH")
    size: str | None = Field(
        default=None,
        pattern=r"^[1-9]\d{1,4}x[1-9]\d{1,4}$",
        description="what the camera is asked for, such as 1280x720",
    )
    rate: float | None = Field(default=None, gt=0, le=1000, description="the same, pictures a second")
    format: Format = Field(default="auto", description="the same; auto: mjpeg, yuyv422 and the camera's own, in turn")
    frozen: float | None = Field(
        default=2.0, gt=0, description="seconds after which pictures alike to the bit are rejected; none: never"
    )

    _strategy: int = PrivateAttr(default=0)
    _lately: deque[bool] = PrivateAttr(default_factory=lambda: deque(maxlen=LATELY))

    @property
    def place(self) -> str:
        """The address without its scheme."""
        return self.input[len(SCHEME) :] if self.input.lower().startswith(SCHEME) else self.input

    @property
    def drawn(self) -> str | None:
        """The graph to draw, None for a camera."""
        if self.place == DRAWN[0]:
            return TEST
        return self.place[len(DRAWN[1]) :] if self.place.startswith(DRAWN[1]) else None

    def live_spec(self, spec: FrameSpec) -> FrameSpec:
        spec = super().live_spec(spec)
        if self.drawn is not None:
            self._gate = None  # whatever it draws is meant
        return spec

    def open(self) -> FrameSpec:
        if (graph := self.drawn) is not None:
            _try(graph, self.label)
        elif not self.place:
            raise SetupError(f"{self.label}: which camera? {cameras()}")
        elif sys.platform.startswith("linux") and self.known is None:
            device_of(self.place)  # one that is not there now is told now; later on it is waited for
        return super().open()

    def connect(self) -> Line:
        import av

        if (graph := self.drawn) is not None:
            return Line(av.open(graph, format="lavfi"), paced=True, ends=True)
        return Line(self._open_camera())

    def _open_camera(self) -> InputContainer:
        """In the format whose turn it is, or the next one that the camera can; the last one's error where it cannot."""
        import av

        formats = ORDER if self.format == "auto" else (self.format,)
        turns = [formats[(self._strategy + turn) % len(formats)] for turn in range(len(formats))]
        for turn in turns:
            kind, name, options = self._how(turn)
            try:
                return av.open(name, format=kind, options=options, timeout=(2 * self.silence, self.silence))
            except (av.FFmpegError, OSError) as error:
                if turn == turns[-1] or isinstance(error, FileNotFoundError | PermissionError):
                    raise
        raise AssertionError

    def _how(self, turn: Format) -> tuple[str, str, dict[str, str]]:
        """FFmpeg's input device, its name for the camera, and the options."""
        options = dict(QUICK) if self.size is None else {**QUICK, "video_size": self.size}
        if self.rate is not None:
            options["framerate"] = f"{self.rate:g}"
        if sys.platform == "darwin":
            options |= {"pixel_format": turn} if turn == "yuyv422" else {}
            return "avfoundation", f"{self.place}:none", options
        if sys.platform == "win32":
            options["rtbufsize"] = "256M"  # DirectShow's own 3 MB hold a single picture
            options |= {"vcodec": "mjpeg"} if turn == "mjpeg" else {"pixel_format": turn} if turn == "yuyv422" else {}
            return "dshow", f"video={self._named()}", options
        options |= {} if turn == "default" else {"input_format": turn}
        return "v4l2", device_of(self.place), options

    def _named(self) -> str:
        """DirectShow knows cameras by name only."""
        found = names("dshow")
        number = int(self.place) if self.place.isdecimal() else -1
        return found[number] if 0 <= number < len(found) else self.place

    def frames(self) -> Iterator[None]:
        for _ in super().frames():
            self._lately.append(self.frame.rejected in ("band", "torn", "damaged"))
            if sum(self._lately) >= SPOILT and self.format == "auto":
                self._change()
            yield

    def _change(self) -> None:
        self._lately.clear()
        self._strategy += 1
        turn = ORDER[self._strategy % len(ORDER)]
        self.context.count("formats_changed")
        self.context.note(f"{self.label}: its pictures are spoilt; it is asked for {turn} instead")
        self._reader.renew()


def _try(graph: str, label: str) -> None:
    """Raises SetupError for what is no graph: it would be none the next time either."""
    import av

    try:
        with av.open(graph, format="lavfi") as drawn:
            video_stream(drawn, label)
    except (av.FFmpegError, ValueError) as error:
        raise SetupError(f"{label}: not a filter graph that draws a picture ({reason(error)})") from error


def device_of(place: str) -> str:
    """The device of a Linux camera called by its number, its path, or (a part of) its name. Raises SetupError."""
    if place.isdecimal():
        place = str(DEVICES / f"video{int(place)}")
    if place.startswith("/"):
        if not Path(place).exists():
            raise SetupError(f"{SCHEME}{shown(place)}: there is no such device; {cameras()}")
        return place
    found = sorted(path.parent.name for path in KINDS.glob("video*/name") if place.lower() in path.read_text().lower())
    if not found:
        raise SetupError(f"{SCHEME}{shown(place)}: no camera is called so; {cameras()}")
    return str(DEVICES / found[0])


def cameras() -> str:
    """What there is to choose from, in half a sentence."""
    if sys.platform.startswith("linux"):
        found = [f"{path.parent.name[5:]} ({path.read_text().strip()})" for path in sorted(KINDS.glob("video*/name"))]
    else:
        found = names("avfoundation" if sys.platform == "darwin" else "dshow")
    return f"there are {', '.join(found)}" if found else f"no camera is found here; {SCHEME}test draws one"


def names(kind: str) -> list[str]:
    """The cameras that an input device of FFmpeg can list."""
    import av
    from av.device import enumerate_input_devices

    try:
        found: Any = enumerate_input_devices(kind)
    except (av.FFmpegError, OSError, ValueError):
        return []
    return [one.description for one in found if "video" in (one.media_types or ["video"])]
