"""Reader: the thread that connects, decodes and connects again; it touches neither a frame nor the supervisor."""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from fractions import Fraction
from typing import TYPE_CHECKING

from pipeline.errors import SetupError
from pipeline.frame import FrameSpec
from stages.ingest.backoff import Backoff
from stages.ingest.describe import describe
from stages.ingest.live import RECONNECTING
from stages.ingest.mailbox import Mailbox
from stages.ingest.orientation import Orientation, orientation_of
from stages.ingest.pace import Pace
from stages.ingest.trouble import SilentError, refusal, words_for
from stages.media import MAX_PIXELS, MAX_SIDE, video_stream

if TYPE_CHECKING:
    from av.container import InputContainer
    from av.video.frame import VideoFrame
    from av.video.stream import VideoStream

LONGEST_S = 1.5  # between two tries: with it and the probe a source is back within 3 s
QUICK = {"analyzeduration": "100000", "fpsprobesize": "0"}  # what a device gives is known without a long look
KEY_FRAME_S = 30.0  # a camera may send a whole picture as seldom as this


@dataclass
class Line:
    """An open connection. `paced`: its pictures come faster than they are to be seen. `timed`: its time stamps say when
    they were taken. `ends`: after the last one there is nothing more, rather than something wrong."""

    container: InputContainer
    paced: bool = False
    timed: bool = True
    ends: bool = False
    close: Callable[[], None] = lambda: None


@dataclass(frozen=True)
class Arrived:
    """A picture: when on the stream's clock (None: it does not say) and on ours, in which connection, how it stands."""

    picture: VideoFrame
    seconds: float | None
    at: float
    life: int
    orientation: Orientation
    spec: FrameSpec  # of this connection's pictures
    codec: str


class Reader:
    """Keeps a source open and its pictures coming, until `stop()`. What it has to say is fetched: it calls nobody."""

    def __init__(self, connect: Callable[[], Line], label: str, address: str, silence: float) -> None:
        self.mailbox: Mailbox[Arrived] = Mailbox()
        self.state = ""
        self.trouble = ""  # what went wrong last
        self.refused = False  # by an answer that will not change by itself
        self.over = False
        self.failure: Exception | None = None
        self._connect, self._label, self._address, self._silence = connect, label, address, silence
        self._backoff = Backoff(longest=LONGEST_S)
        self._stop, self._renew = threading.Event(), threading.Event()
        self._counts: Counter[str] = Counter()
        self._lock = threading.Lock()
        self._life = 0
        self._thread = threading.Thread(target=self._run, name="reader", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def renew(self) -> None:
        """Close the connection and make another one, at once."""
        self._renew.set()

    def stop(self, timeout_s: float = 1.0) -> None:
        """Ask it to end. One that waits for a network ends when that has timed out: it is not waited for."""
        self._stop.set()
        self._thread.join(timeout_s)

    def counts(self) -> Counter[str]:
        """What was counted since the last call."""
        with self._lock:
            counts, self._counts = self._counts, Counter()
        if number := self.mailbox.overwritten():
            counts["pictures_skipped"] += number
        return counts

    # Inside: everything from here on runs in the thread

    def _run(self) -> None:
        try:
            while not self._stop.is_set() and not self.over:
                self._hold_a_line()
        except Exception as error:  # noqa: BLE001 - it travels to whoever fetches
            self.failure = error

    def _hold_a_line(self) -> None:
        """One connection, from its start to its end, and the wait after it."""
        import av

        lives, begun = self._life, time.monotonic()
        try:
            self._read_a_line()
        except (SilentError, SetupError, av.FFmpegError, OSError, ValueError) as error:
            # FFmpeg calls it unreadable, too, when nothing comes while it looks for what it is.
            late = self._life == lives and time.monotonic() - begun > 1.9 * self._silence
            self._failed(error, late or isinstance(error, SilentError | TimeoutError | av.error.ExitError))
        if self._life > lives:
            self._backoff.reset()
        if self._renew.is_set():
            self._renew.clear()
        elif not self.over:
            self._stop.wait(self._backoff.next())

    def _read_a_line(self) -> None:
        line = self._connect()
        try:
            self._read(line)
            asked = self._renew.is_set() or self._stop.is_set()
            self.over = line.ends and not asked
            if not (self.over or asked):
                self.trouble, self.state = "has ended", RECONNECTING
        finally:
            line.container.close()
            line.close()

    def _failed(self, error: Exception, late: bool) -> None:
        if not self._stop.is_set():
            self.refused = refusal(error) is not None
            self.trouble, self.state = words_for(error, self._address, self._label, late), RECONNECTING
            self._count("timeouts" if late else "failed_tries")

    def _count(self, what: str) -> None:
        with self._lock:
            self._counts[what] += 1

    def _read(self, line: Line) -> None:
        pace = Pace(self._stop.wait)
        orientation, spec = Orientation(), None
        stream = video_stream(line.container, self._label)
        for picture in self._decode(line.container, stream):
            if spec is None:
                orientation = orientation_of(picture) or Orientation()
                spec = describe(line.container, stream, picture, orientation, self._label, None, None)
                self._begun()
            seconds = _seconds(picture)
            if line.paced and seconds is not None:
                pace.wait(seconds)
            told = seconds if line.timed else None
            codec = stream.codec_context.name
            self.mailbox.put(Arrived(picture, told, time.monotonic(), self._life, orientation, spec, codec))
            del picture

    def _begun(self) -> None:
        """The first picture of a connection is there: only now does the source count as back."""
        self._life += 1
        if self._life > 1:
            self._count("reconnects")
        self.state, self.trouble, self.refused = "", "", False

    def _decode(self, container: InputContainer, stream: VideoStream) -> Iterator[VideoFrame]:
        """All pictures that can be decoded. Raises SilentError where none come, FFmpegError where the line breaks."""
        import av

        _set_up_decoder(stream)
        last, patience = time.monotonic(), max(self._silence, KEY_FRAME_S)
        packets = container.demux()
        while not (self._stop.is_set() or self._renew.is_set()):
            asked = time.monotonic()
            if (packet := next(packets, None)) is None:
                return
            if time.monotonic() - asked > 0.95 * self._silence:  # timed out, and this is what was left over
                raise SilentError(f"sent nothing for {self._silence:g} s")
            pictures: list[VideoFrame] = []
            if packet.stream_index == stream.index:
                try:
                    pictures = stream.codec_context.decode(packet)
                except av.FFmpegError:
                    self._count("decode_errors")
            for picture in pictures:
                if picture.width * picture.height > MAX_PIXELS or max(picture.width, picture.height) > MAX_SIDE:
                    self._count("absurd_size")
                    continue
                yield picture
                last, patience = time.monotonic(), self._silence
            pictures.clear()
            if time.monotonic() - last > patience:
                raise SilentError(f"sent no picture for {patience:g} s")


def _set_up_decoder(stream: VideoStream) -> None:
    context = stream.codec_context
    context.options = {"max_pixels": str(MAX_PIXELS)}
    if context.name == "mjpeg":  # each stands alone: one that is cut off is left out, not filled up with grey
        context.options["err_detect"] = "explode"
    context.thread_type = "SLICE"  # threads by pictures would each hold one back


def _seconds(picture: VideoFrame) -> float | None:
    if picture.pts is None or picture.time_base is None:
        return None
    return float(picture.pts * Fraction(picture.time_base))
