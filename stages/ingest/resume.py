"""Where to seek so that decoding goes on exactly after a known frame; reads packets, decodes nothing."""

from __future__ import annotations

from array import array
from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np

from stages.media import video_stream

if TYPE_CHECKING:
    from av.container import InputContainer

INDEXED = {"mov", "matroska"}  # containers whose seeks land on a key frame and whose packets carry their pts


def seek_point(container: InputContainer, frames: int, pts: int, progress: Callable[[], None]) -> int | None:
    """The pts of a key frame from which decoding surely gives the frame after `pts`, or None where nothing proves it.

    The proof: exactly `frames` packets have time stamps up to `pts`, all different, one of them `pts` itself; so no
    packet was lost and no stamp repaired. The key frame before the last one is taken: a group that refers back to
    the one before it is whole by then. Closes the container.
    """
    import av

    with container:
        if container.format.name.split(",")[0] not in INDEXED:
            return None
        seen = array("q")
        keys: list[int] = []
        try:
            for packet in container.demux(video_stream(container, "")):
                progress()
                if packet.dts is not None and packet.dts > pts:
                    break
                if not packet.size or packet.is_discard:
                    continue
                if packet.pts is None:
                    return None
                if packet.pts <= pts:
                    seen.append(packet.pts)
                    if packet.is_keyframe:
                        keys.append(packet.pts)
        except av.FFmpegError:
            return None
    if not len(seen) == len(np.unique(seen)) == frames or pts not in seen or not keys:
        return None
    return keys[-2] if len(keys) > 1 else keys[0]
