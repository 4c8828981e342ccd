"""An RTSP server that others push to: it writes what it is sent into a file. For Debian's Python, with GStreamer."""

# ruff: noqa: E402
import sys

import gi

gi.require_version("Gst", "1.0")
gi.require_version("GstRtspServer", "1.0")
from gi.repository import GLib, Gst, GstRtspServer


def guarded(server, factory, user, password):
    """Only this user may push."""
    permissions, token, auth = GstRtspServer.RTSPPermissions(), GstRtspServer.RTSPToken(), GstRtspServer.RTSPAuth()
    for what in ("media.factory.access", "media.factory.construct"):
        permissions.add_permission_for_role("user", what, True)
    factory.set_permissions(permissions)
    token.set_string("media.factory.role", "user")
    auth.add_basic(GstRtspServer.RTSPAuth.make_basic(user, password), token)
    server.set_auth(auth)


def main(port, path, *who):
    Gst.init(None)
    server, factory = GstRtspServer.RTSPServer(), GstRtspServer.RTSPMediaFactory()
    server.set_address("127.0.0.1")
    server.set_service(port)
    factory.set_transport_mode(GstRtspServer.RTSPTransportMode.RECORD)
    factory.set_launch(f"( rtph264depay name=depay0 ! h264parse ! mpegtsmux ! filesink location={path} buffer-mode=2 )")
    if who:
        guarded(server, factory, *who)
    server.get_mount_points().add_factory("/live", factory)
    if not server.attach(None):
        sys.exit(1)
    print("ready", flush=True)
    GLib.MainLoop().run()


main(*sys.argv[1:])
