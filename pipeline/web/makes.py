"""What makers of cameras call their streams: the paths that RTSP addresses usually have, as data for suggestions.

From the makers' own manuals and ONVIF defaults; a camera may be set up otherwise. `{n}` is the number of the channel.
"""

from __future__ import annotations

MAKES: tuple[dict[str, str], ...] = (
    {"make": "Amcrest, Dahua, Lorex", "main": "/cam/realmonitor?channel=1&subtype=0",
     "sub": "/cam/realmonitor?channel=1&subtype=1"},
    {"make": "Axis", "main": "/axis-media/media.amp", "sub": "/axis-media/media.amp?resolution=640x360"},
    {"make": "Bosch", "main": "/video1", "sub": "/video2"},
    {"make": "D-Link", "main": "/live1.sdp", "sub": "/live2.sdp"},
    {"make": "Foscam", "main": "/videoMain", "sub": "/videoSub"},
    {"make": "Hanwha, Samsung Wisenet", "main": "/profile2/media.smp", "sub": "/profile3/media.smp"},
    {"make": "Hikvision, Annke, LTS", "main": "/Streaming/Channels/101", "sub": "/Streaming/Channels/102"},
    {"make": "Mobotix", "main": "/mobotix.h264", "sub": "/mobotix.mjpeg"},
    {"make": "Panasonic i-PRO", "main": "/MediaInput/h264/stream_1", "sub": "/MediaInput/h264/stream_2"},
    {"make": "Reolink", "main": "/h264Preview_01_main", "sub": "/h264Preview_01_sub"},
    {"make": "Sony", "main": "/media/video1", "sub": "/media/video2"},
    {"make": "Tapo, TP-Link VIGI", "main": "/stream1", "sub": "/stream2"},
    {"make": "Uniview", "main": "/unicast/c1/s0/live", "sub": "/unicast/c1/s1/live"},
    {"make": "Vivotek", "main": "/live.sdp", "sub": "/live2.sdp"},
    {"make": "go2rtc, Frigate (port 8554)", "main": "/camera", "sub": "/camera_sub"},
    {"make": "MediaMTX (port 8554)", "main": "/mystream", "sub": "/mystream"},
)  # fmt: skip


def hint(text: str) -> str:
    """What to try after an RTSP failure with this reason, "" where that says it all."""
    lower = text.lower()
    if "404" in lower:
        return "each make has its own path: GET /api/rtsp-paths lists them"
    if "nobody listens" in lower:
        return "is RTSP switched on in the camera, and is its port 554?"
    if "in time" in lower or "no picture" in lower:
        return "is the camera on, and reached from the server, not only from your browser?"
    return ""
