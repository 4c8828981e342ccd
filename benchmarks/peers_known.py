"""The peers, by what they do: one table."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from benchmarks.peers_configs import copied, named, paced, unremembered
from benchmarks.peers_job import Config, Hear, Start
from benchmarks.peers_start import bar, deface, ffmpeg, last_line, nothing_said, ours, reported, script

LIKE_THEM = "output.crf=20"  # as the scripts encode


@dataclass(frozen=True)
class Peer:
    """`paced`: how it is started where frames come like a camera's; None: one frame after the other, nothing waits."""

    name: str
    says: str
    start: Start
    hear: Hear
    paced: Start | None = None
    ours: bool = False
    few: bool = False  # takes few frames, spread over the clip


def _ours(name: str, says: str, config: Config, *sets: str) -> Peer:
    sets = (LIKE_THEM, *sets)
    return Peer(name, says, ours(config, *sets), reported, ours(paced(config), *sets), ours=True)


def _script(name: str, says: str, which: str, *, few: bool = False, queued: bool = False) -> Peer:
    return Peer(name, says, script(which), last_line, script(which, pace=True) if queued else None, few=few)


TASKS: Mapping[str, tuple[Peer, ...]] = {
    "copy": (
        Peer("FFmpeg", "decodes and encodes: the floor", ffmpeg, nothing_said),
        _script("a loop", "PyAV decodes into an array and encodes it, in one Python process", "copy"),
        _script("queues", "three processes with a `multiprocessing.Queue` between each two", "queue-copy", queued=True),
        _ours("cleanplate, nothing between", "ingest and output in a process each", copied),
    ),
    "remove": (
        _script("YOLO + LaMa", "what the public scripts do: `benchmarks/baseline.py`", "usual", few=True),
        _script("OpenCV", "MOG2 tells what moves, `cv2.inpaint` fills it: `benchmarks/peers_opencv.py`", "opencv"),
        _script("OpenCV, learned", "the same, filled with the background that MOG2 has learned", "opencv-background"),
        _script("queues", "decode, segment, fill: `benchmarks/peers_queue.py`", "queue", queued=True),
        _ours("cleanplate, same steps", "what the queues do, in our runtime; nothing remembered", unremembered),
        _ours("cleanplate", "`remove-people` as shipped: tracks, plate and all", named("remove-people")),
    ),
    "faces": (
        Peer("deface", "its own defaults, but for `--replacewith solid`: CenterFace on every frame", deface, bar),
        _ours("cleanplate", "`privacy-faces` as shipped: the same network, and tracks", named("privacy-faces")),
    ),
}
