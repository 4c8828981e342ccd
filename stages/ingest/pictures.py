"""Pictures: one opened video as a row of decoded pictures; damage is reported, and what can be decoded goes on."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

from pipeline.errors import SetupError
from stages.media import MAX_PIXELS, check_size, video_stream

if TYPE_CHECKING:
    from av.container import InputContainer
    from av.packet import Packet
    from av.video.frame import VideoFrame
    from av.video.stream import VideoStream

SEARCH = 1000  # packets without a picture after which a file counts as undecodable
MAX_READ_ERRORS = 100
LARGE = 1920 * 1080  # pixels from which decoding in several threads pays for its memory


class Pictures:
    """Decodes the video of `container`. `on_error(what)` is told of all damage, `on_packet()` that work goes on."""

    def __init__(
        self,
        container: InputContainer,
        label: str,
        on_error: Callable[[str], None],
        on_packet: Callable[[], None],
    ) -> None:
        self.container = container
        self.stream: VideoStream = video_stream(container, label)
        self._label = label
        self._on_error = on_error
        self._on_packet = on_packet
        self._packets = 0
        self._found = False
        self._set_up_decoder()

    def _set_up_decoder(self) -> None:
        context = self.stream.codec_context
        context.options = {"max_pixels": str(MAX_PIXELS)}
        # Threads conceal damage, or give a damaged picture up, as their timing falls: ordinary sizes do without.
        if context.width * context.height >= LARGE:
            context.thread_type = "AUTO"
        else:
            context.thread_count = 1

    def __iter__(self) -> Iterator[VideoFrame]:
        """All pictures from here on. Raises SetupError if the first cannot be found.

        Let go of each before taking the next one: a decoder hides damage with what lies in the buffers that are free,
        so the same buffers must be free each time for the same file to give the same pictures.
        """
        import av

        for packet in self._read():
            self._on_packet()
            self._packets += 1
            try:
                frames = packet.decode()
            except av.FFmpegError:
                self._on_error("decode_error")
                frames = []
            frames = [frame for frame in frames if self._accept(frame)]
            while frames:
                yield frames.pop(0)
            if not self._found and self._packets > SEARCH:
                break
        if not self._found:
            codec = self.stream.codec_context.name
            raise SetupError(f"{self._label}: cannot decode its video ({codec}): damaged, encrypted or empty")

    def _accept(self, frame: VideoFrame) -> bool:
        """Whether a picture may pass: the first one decides about the file, a later absurd one is left out."""
        if self._found and frame.width * frame.height > MAX_PIXELS:
            self._on_error("absurd_size")
            return False
        check_size(frame.width, frame.height, self._label)
        self._found = True
        if frame.is_corrupt:
            self._on_error("damaged_frame")
        return True

    def _read(self) -> Iterator[Packet[VideoStream]]:
        """Packets, reading on after errors; the last ones are empty and make the decoder give what it holds back."""
        import av

        for _ in range(MAX_READ_ERRORS):
            try:
                yield from self.container.demux(self.stream)
                return
            except av.FFmpegError:
                self._on_error("read_error")

    def seek(self, pts: int) -> bool:
        """Go to the key frame at or before `pts` (stream ticks); False where the file cannot."""
        import av

        try:
            self.container.seek(pts, stream=self.stream)
        except av.FFmpegError:
            return False
        return True

    def close(self) -> None:
        self.container.close()
