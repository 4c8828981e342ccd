"""An RTSP server: H.264 of pictures that carry the time as a bar code. For Debian's Python, with GStreamer."""

# ruff: noqa: E402
import argparse
import sys
import time

import gi

gi.require_version("Gst", "1.0")
gi.require_version("GstRtsp", "1.0")
gi.require_version("GstRtspServer", "1.0")
from gi.repository import GLib, Gst, GstRtsp, GstRtspServer

BITS = 24
RATE = 30


def picture(number, width, height):
    """I420: a slanted gradient that moves, and the number as black and white blocks over the lower quarter."""
    ramp = bytes(60 + 120 * x // width for x in range(width)) * 2
    top = b"".join(ramp[(y + 3 * number) % width :][:width] for y in range(height * 3 // 4))
    step = width / BITS
    bars = bytes(235 if number >> int(x / step) & 1 else 16 for x in range(width))
    bottom = bars * (height - height * 3 // 4)
    return top + bottom + b"\x80" * (width * height // 2)


class Feed:
    """Gives one client's pipeline a picture every 1/RATE s, numbered by the clock on the wall."""

    def __init__(self, source, options):
        self.source, self.options = source, options
        self.begun, self.last = time.monotonic(), -1
        self.first = int(time.time() * RATE)
        GLib.timeout_add(5, self.turn)

    def turn(self):
        now = time.monotonic()
        stamp = int((now - self.begun) * RATE)
        if stamp == self.last or time.time() > self.options.mute_at:
            return True
        self.last = stamp
        number = (self.first + stamp) % (1 << BITS)
        buffer = Gst.Buffer.new_wrapped(picture(number, self.options.width, self.options.height))
        buffer.pts = stamp * Gst.SECOND // RATE
        buffer.duration = Gst.SECOND // RATE
        return self.source.emit("push-buffer", buffer) == Gst.FlowReturn.OK


def factory_of(options):
    caps = f"video/x-raw,format=I420,width={options.width},height={options.height},framerate={RATE}/1"
    factory = GstRtspServer.RTSPMediaFactory()
    factory.set_launch(
        f"( appsrc name=pictures is-live=true format=time caps={caps} ! x264enc tune=zerolatency "
        f"speed-preset=ultrafast key-int-max={options.group} bitrate=2000 threads=1 ! "
        "rtph264pay name=pay0 pt=96 config-interval=1 )"
    )
    factory.set_shared(True)
    if options.transport != "any":
        factory.set_protocols(getattr(GstRtsp.RTSPLowerTrans, options.transport.upper()))
    factory.connect(
        "media-configure",
        lambda _, media: setattr(media, "feed", Feed(media.get_element().get_child_by_name("pictures"), options)),
    )
    return factory


def demand(server, factory, login):
    """Only for who knows `user:password`."""
    user, _, password = login.partition(":")
    auth = GstRtspServer.RTSPAuth()
    token = GstRtspServer.RTSPToken()
    token.set_string("media.factory.role", "viewer")
    auth.add_basic(GstRtspServer.RTSPAuth.make_basic(user, password), token)
    server.set_auth(auth)
    factory.add_role_from_structure(
        Gst.Structure.from_string("viewer, media.factory.access=(boolean)true, media.factory.construct=(boolean)true")[
            0
        ]
    )


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("port", nargs="?", default="0")
    parser.add_argument("--check", action="store_true")  # only say whether all is there that it takes
    parser.add_argument("--transport", choices=["any", "tcp", "udp"], default="any")
    parser.add_argument("--login", default="")
    parser.add_argument("--width", type=int, default=320)
    parser.add_argument("--height", type=int, default=240)
    parser.add_argument("--group", type=int, default=15)
    parser.add_argument("--mute-at", type=float, default=1e12)
    options = parser.parse_args()
    Gst.init(None)
    if options.check:
        missing = [name for name in ("appsrc", "x264enc", "rtph264pay", "rtpbin") if not Gst.ElementFactory.find(name)]
        sys.exit(f"missing: {missing}" if missing else 0)
    server = GstRtspServer.RTSPServer()
    server.set_address("127.0.0.1")
    server.set_service(options.port)
    factory = factory_of(options)
    if options.login:
        demand(server, factory, options.login)
    server.get_mount_points().add_factory("/live", factory)
    assert server.attach(None), "the port is taken"
    print(server.get_bound_port(), flush=True)
    GLib.MainLoop().run()


if __name__ == "__main__":
    main()
