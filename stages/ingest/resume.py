"""Where to seek so that decoding goes on exactly at a known place; reads packets, decodes nothing."""

from __future__ import annotations

from array import array
from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np

from stages.media import video_stream

if TYPE_CHECKING:
    from av.container import InputContainer

INDEXED = {"mov", "matroska"}  # containers whose seeks land on a key frame and whose packets carry their pts


def seek_point(
    container: InputContainer, frames: int, pts: int, progress: Callable[[], None], first: int | None = None
) -> int | None:
    """The pts of a key frame from which decoding surely gives the frame after `pts`, or None where nothing proves it.

    The proof: all packets up to `pts` have time stamps, all different, one of them `pts` itself, and exactly `frames`
    of them lie at `first` (None: anywhere) or later; so no packet was lost and no stamp repaired. Closes the container.
    """
    seen, keys = _stamps_up_to(container, pts, progress)
    taken = len(seen) if first is None else sum(stamp >= first for stamp in seen)
    if taken != frames or pts not in seen:
        return None
    return _key(keys)


def entry_point(container: InputContainer, first: int, progress: Callable[[], None]) -> int | None:
    """The pts of a key frame from which decoding gives the first frame at `first` or later as decoding from the start
    does; None where nothing proves it, or where nothing would be saved.

    The proof: all packets up to `first` have time stamps, all different; so none is repaired. Closes the container.
    """
    _, keys = _stamps_up_to(container, first, progress)
    return _key(keys) if len(keys) > 2 else None


def _key(keys: list[int]) -> int | None:
    """The key frame before the last one: a group that refers back to the one before it is whole by then."""
    return keys[max(0, len(keys) - 2)] if keys else None


def _stamps_up_to(container: InputContainer, last: int, progress: Callable[[], None]) -> tuple[array[int], list[int]]:
    """Time stamps up to `last`, of all packets and of key frames; nothing where one is missing or comes twice."""
    import av

    seen = array("q")
    keys: list[int] = []
    nothing = array("q"), list[int]()
    with container:
        if container.format.name.split(",")[0] not in INDEXED:
            return nothing
        try:
            for packet in container.demux(video_stream(container, "")):
                progress()
                if packet.dts is not None and packet.dts > last:
                    break
                if not packet.size or packet.is_discard:
                    continue
                if packet.pts is None:
                    return nothing
                if packet.pts <= last:
                    seen.append(packet.pts)
                    if packet.is_keyframe:
                        keys.append(packet.pts)
        except av.FFmpegError:
            return nothing
    return (seen, keys) if len(seen) == len(np.unique(seen)) else nothing
