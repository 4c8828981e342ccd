"""Scenes: where the picture changes at once, found by FFmpeg's `scdet` on small pictures."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pipeline.jobs.index import Index, decoded

if TYPE_CHECKING:
    from av.video.frame import VideoFrame

WIDTH = 320
THRESHOLD = 10.0  # scdet's own default, in per cent


def scene_changes(video: str, index: Index) -> list[int]:
    """Time stamps of the first pictures of scenes, in ticks; every picture is decoded for it. Raises SetupError."""
    found: list[int] = []
    first, last = int(index.pts[0]), int(index.pts[-1])
    search: _Search | None = None
    for picture, pts in decoded(video, 1):
        if first <= pts <= last:
            search = search or _Search(picture)
            if search.is_new(picture, pts) and pts > first:
                found.append(pts)
        del picture
    return found


class _Search:
    """Takes one picture after another."""

    def __init__(self, first: VideoFrame) -> None:
        from av.filter import Graph

        self._graph = Graph()
        begin = self._graph.add_buffer(
            width=first.width, height=first.height, format=first.format, time_base=first.time_base
        )
        small = self._graph.add("scale", f"{WIDTH}:-2:flags=area")
        search = self._graph.add("scdet", f"threshold={THRESHOLD}")
        end = self._graph.add("buffersink")
        begin.link_to(small)
        small.link_to(search)
        search.link_to(end)
        self._graph.configure()

    def is_new(self, picture: VideoFrame, pts: int) -> bool:
        """Whether a scene begins with this picture."""
        before, picture.pts = picture.pts, pts
        self._graph.vpush(picture)
        picture.pts = before
        return "lavfi.scd.time" in self._graph.vpull().metadata
