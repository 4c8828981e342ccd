"""Wire: one address to which frames are sent; connects, writes whole frames, and says when that is over."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import contextmanager
from fractions import Fraction
from typing import TYPE_CHECKING, Any

import numpy as np

from pipeline.frame import FrameSpec, Image

if TYPE_CHECKING:
    from av.container import OutputContainer
    from av.video.stream import VideoStream

CONNECT_S = 1.5
STALL_S = 5.0  # who takes nothing for so long is gone


class Wire:
    """Not for several threads. Every method may raise OSError: then it is closed, and `connect` begins anew."""

    def __init__(self, host: str, port: int, spec: FrameSpec, *, nut: bool) -> None:
        self._address = host, port
        self._spec = spec
        self._nut = nut
        self._socket: socket.socket | None = None
        self._container: OutputContainer | None = None
        self._stream: VideoStream | None = None

    @property
    def connected(self) -> bool:
        return self._socket is not None

    def connect(self) -> None:
        self._socket = socket.create_connection(self._address, timeout=CONNECT_S)
        self._socket.settimeout(STALL_S)
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if self._nut:
            with _as_os_error():
                self._open_container()

    def send(self, image: Image, pts: int) -> None:
        """One frame, uint8 [H, W, 3] BGR; `pts` in ticks of the spec's time base."""
        assert self._socket is not None
        if self._container is None:
            self._socket.sendall(memoryview(image.reshape(-1).data))
        else:
            with _as_os_error():
                self._mux(image, pts)

    def close(self) -> None:
        """Also in mid-frame; never raises."""
        made, self._container, self._stream = self._container, None, None
        connection, self._socket = self._socket, None
        if made is not None:
            _finish(made)
        if connection is not None:
            connection.close()

    def _open_container(self) -> None:
        import av

        assert self._socket is not None
        container = av.open(_Writable(self._socket), "w", format="nut", options={"flush_packets": "1"})
        stream = container.add_stream("rawvideo", rate=self._spec.rate)
        stream.width, stream.height, stream.pix_fmt = self._spec.width, self._spec.height, "bgr24"
        stream.time_base = stream.codec_context.time_base = Fraction(self._spec.time_base)
        self._container, self._stream = container, stream

    def _mux(self, image: Image, pts: int) -> None:
        from av.video.frame import VideoFrame

        assert self._container is not None
        assert self._stream is not None
        frame = VideoFrame.from_ndarray(np.ascontiguousarray(image), format="bgr24")
        frame.pts, frame.time_base = pts, Fraction(self._spec.time_base)
        for packet in self._stream.encode(frame):
            self._container.mux(packet)


def _finish(container: OutputContainer) -> None:
    """Its last bytes, if the other side still takes any."""
    import av

    try:
        container.close()
    except (OSError, av.FFmpegError):
        return  # there is nobody to be told: that is why it is closed


@contextmanager
def _as_os_error() -> Iterator[None]:
    import av

    try:
        yield
    except av.FFmpegError as error:
        raise OSError(error.errno, error.strerror) from error


class _Writable:
    """A connection as the file that PyAV writes."""

    def __init__(self, connection: socket.socket) -> None:
        self._connection = connection

    def write(self, data: Any) -> int:
        self._connection.sendall(data)
        return len(data)
