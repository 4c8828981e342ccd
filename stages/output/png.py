"""PNG: the bytes of a picture, written out by hand: a process with a window must not load FFmpeg beside OpenCV's Qt."""

from __future__ import annotations

import struct
import zlib

import numpy as np

from pipeline.frame import Image

SIGNATURE = b"\x89PNG\r\n\x1a\n"
UP = 2  # the filter: each row as the difference to the one above
EFFORT = 2  # of 9: a window that is being saved should not stand still


def png(image: Image) -> bytes:
    """The file of a picture, uint8 [H, W, 3] BGR (ISO/IEC 15948)."""
    height, width = image.shape[:2]
    rgb = np.ascontiguousarray(image[..., ::-1]).reshape(height, width * 3)
    rows = np.full((height, 1 + width * 3), UP, np.uint8)
    rows[0, 1:] = rgb[0]
    np.subtract(rgb[1:], rgb[:-1], out=rows[1:, 1:])  # modulo 256, as the filter wants it
    head = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)  # 8 bits, RGB
    parts = ((b"IHDR", head), (b"IDAT", zlib.compress(rows.data, EFFORT)), (b"IEND", b""))
    return SIGNATURE + b"".join(map(_chunk, *zip(*parts, strict=True)))


def _chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
