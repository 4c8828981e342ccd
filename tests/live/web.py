"""Web servers to read from: motion JPEG, and the files of a folder."""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Callable, Iterator
from fractions import Fraction
from functools import partial
from http.server import BaseHTTPRequestHandler, SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import av
from av.video.codeccontext import VideoCodecContext
from av.video.frame import VideoFrame

from pipeline.frame import Image


def jpeg(image: Image, quality: int = 2) -> bytes:
    """A picture as JPEG, by FFmpeg's encoder."""
    context = VideoCodecContext.create("mjpeg", "w")
    assert isinstance(context, VideoCodecContext)
    context.height, context.width, _ = image.shape
    context.pix_fmt, context.time_base = "yuvj420p", Fraction(1, 25)
    context.qmin = context.qmax = quality
    frame = VideoFrame.from_ndarray(image, format="bgr24").reformat(format="yuvj420p")
    return b"".join(bytes(packet) for packet in context.encode(frame) + context.encode(None))


class Quiet(SimpleHTTPRequestHandler):
    def log_message(self, format: str, *args: object) -> None:
        pass


class Mjpeg(BaseHTTPRequestHandler):
    """Sends `picture(n)`, whatever bytes that gives, `rate` times a second; n counts on over all connections."""

    picture: Callable[[int], bytes]
    rate = 25
    length = True
    shown = 0

    def do_GET(self) -> None:
        if self.path != "/video":
            self.send_error(404)
            return
        self.send_response(200)
        self.send_header("Content-Type", "multipart/x-mixed-replace; boundary=picture")
        self.end_headers()
        kind, due = type(self), time.monotonic()
        with contextlib.suppress(OSError):
            while True:
                data = kind.picture(kind.shown)
                kind.shown += 1
                self.wfile.write(b"--picture\r\nContent-Type: image/jpeg\r\n")
                self.wfile.write(b"Content-Length: %d\r\n\r\n%s\r\n" % (len(data), data))
                due += 1 / kind.rate
                time.sleep(max(0.0, due - time.monotonic()))  # the rate is what is served here

    def log_message(self, format: str, *args: object) -> None:
        pass


@contextlib.contextmanager
def served(kind: type[BaseHTTPRequestHandler] | Callable[..., BaseHTTPRequestHandler]) -> Iterator[int]:
    """A server on a free port of this machine; the port."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), kind)  # type: ignore[arg-type]
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        yield server.server_port
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


@contextlib.contextmanager
def motion(picture: Callable[[int], bytes], rate: int = 25) -> Iterator[int]:
    """A motion JPEG server at /video; the port."""
    kind = type("Served", (Mjpeg,), {"picture": staticmethod(picture), "rate": rate, "shown": 0})
    with served(kind) as port:
        yield port


@contextlib.contextmanager
def folder(path: Path) -> Iterator[int]:
    """A web server of a folder's files; the port."""
    with served(partial(Quiet, directory=str(path))) as port:
        yield port


def write_hls(path: Path, images: list[Image], rate: int = 25, *, ends: bool = True) -> None:
    """A playlist `path` and its segments of one second beside it. Without `ends` it is that of a broadcast."""
    options = {"hls_time": "1", "hls_list_size": "0"} | ({} if ends else {"hls_flags": "omit_endlist"})
    with av.open(str(path), "w", format="hls", options=options) as box:
        stream = box.add_stream("libx264", rate=rate, options={"g": str(rate), "preset": "ultrafast"})
        stream.height, stream.width, _ = images[0].shape
        stream.pix_fmt = "yuv420p"
        for image in images:
            box.mux(stream.encode(VideoFrame.from_ndarray(image, format="bgr24")))
        box.mux(stream.encode(None))
