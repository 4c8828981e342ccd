"""Marking: pictures get the side data by which an encoder codes parts of them finer or coarser than the rest.

It is what FFmpeg's filter `addroi` attaches. Encoders go through the regions of a picture from the last to the first,
so where several overlap, the first one holds (libavcodec/libx264.c, libx265.c: setup_roi).
"""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from typing import TYPE_CHECKING

from stages.codec.colours import layout
from stages.codec.regions import Region

if TYPE_CHECKING:
    from av.filter import Graph
    from av.video.frame import VideoFrame

Offsets = tuple[int, int]
FINE = 4  # parts of a step of the quantiser: encoders take fractions of a step
RANGE = 51  # steps that an offset of 1 means to an encoder of 8 bits a sample


class Marking:
    """The filters of one stream; made anew when regions or offsets change, which takes half a millisecond."""

    def __init__(self, width: int, height: int, rate: Fraction) -> None:
        self._size = width, height
        self._source = {
            "video_size": f"{width}x{height}",
            "pix_fmt": layout(width, height),
            "time_base": str(1 / rate),
            "pixel_aspect": "1/1",
            "colorspace": "smpte170m",
            "range": "tv",
        }
        self._for: tuple[Sequence[Region], Offsets] | None = None
        self._graph: Graph

    def mark(self, picture: VideoFrame, regions: Sequence[Region], inside: float, outside: float) -> VideoFrame:
        """The picture with offsets of the encoder's own quantiser: `inside` the regions, `outside` elsewhere."""
        offsets = round(inside * FINE), round(outside * FINE)
        if self._for != (regions, offsets):
            self._graph = self._build(regions, offsets)
            self._for = regions, offsets
        self._graph.vpush(picture)
        return self._graph.vpull()

    def _build(self, regions: Sequence[Region], offsets: Offsets) -> Graph:
        from av.filter import Graph

        inside, outside = offsets
        whole = Region(0, 0, *self._size)
        marks = [(region, inside) for region in regions if inside != outside] + [(whole, outside)]
        graph = Graph()
        chain = [graph.add("buffer", **self._source)]
        for (x0, y0, x1, y1), offset in marks:
            box = {"x": x0, "y": y0, "w": x1 - x0, "h": y1 - y0, "qoffset": f"{offset}/{RANGE * FINE}"}
            chain.append(graph.add("addroi", **{name: str(value) for name, value in box.items()}))
        graph.link_nodes(*chain, graph.add("buffersink")).configure()
        return graph
