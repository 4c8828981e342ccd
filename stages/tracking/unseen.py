"""Unseen: whether the look came on which a frame relies, where a detector looks at every k-th frame only."""

from __future__ import annotations

from pipeline.frame import Frame, Layout


def memory() -> Layout:
    """`looked`: 1 and the index of the last frame that came here and was looked at; 0: none, or a cut came after it."""
    return {"looked": ((1,), "i8")}


def forget(frame: Frame) -> None:
    """Another scene begins: nobody has looked at it before this frame."""
    if not frame.looked:
        frame.after["looked"][:] = 0


def note(frame: Frame) -> None:
    """Go on from the frame before."""
    frame.after["looked"][:] = frame.index + 1 if frame.looked else frame.before["looked"]


def is_unseen(frame: Frame) -> bool:
    """Nobody looked, and the look that was to serve for this frame too was dropped, failed, or was of another scene."""
    last = int(frame.after["looked"][0])
    return not frame.looked and (last == 0 or last < frame.index + 1 - frame.behind)
