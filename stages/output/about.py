"""What a file says about itself and its tracks: which of it stays true of the finished file, and is carried over."""

from __future__ import annotations

from collections.abc import Mapping
from fractions import Fraction
from typing import TYPE_CHECKING

from stages.output.window import Window

if TYPE_CHECKING:
    from av.container import InputContainer, OutputContainer
    from av.container.core import Chapter
    from av.stream import Stream

# Of the old file's making, its length or its orientation: the muxer writes its own, and pictures are upright now.
UNTRUE = frozenset({"encoder", "duration", "rotate", "bps", "number_of_frames", "number_of_bytes"})
UNTRUE |= {"major_brand", "minor_version", "compatible_brands", "vendor_id", "handler_name"}
UNTRUE |= {"_statistics_writing_app", "_statistics_writing_date_utc", "_statistics_tags"}


def tags(found: Mapping[str, str], cut: bool = False) -> dict[str, str]:
    """The tags that stay true; `cut` where the file no longer begins where the source did."""
    kept = {key: value for key, value in found.items() if _plain(key) not in UNTRUE and value}
    if cut:
        kept = {key: value for key, value in kept.items() if _plain(key) != "timecode"}
    return kept


def _plain(key: str) -> str:
    """`BPS-eng` is BPS."""
    return key.split("-")[0].lower()


def dress(made: Stream, given: Stream, cut: bool = False) -> None:
    """Give a new track the language, the title, the further tags and the dispositions of the old one."""
    from av.stream import Disposition

    kept = tags(given.metadata, cut)
    if name := kept.pop("name", ""):  # what MP4 calls a title
        kept.setdefault("title", name)
    made.metadata.update(kept)
    made.disposition = Disposition(given.disposition & ~Disposition.attached_pic)


def describe(made: OutputContainer, given: InputContainer, window: Window) -> None:
    """Carry the container's own tags over."""
    made.metadata.update(tags(given.metadata, window.begin is not None))


def mark_chapters(made: OutputContainer, given: InputContainer, window: Window) -> None:
    """Carry the chapters over, moved and cut as the video is."""
    moved = [chapter for chapter in map(lambda old: _moved(old, window), given.chapters()) if chapter is not None]
    if moved:
        made.set_chapters(moved)


def _moved(chapter: Chapter, window: Window) -> Chapter | None:
    base = chapter["time_base"] or Fraction(1, 1000)
    start, end = chapter["start"] * base, chapter["end"] * base
    if window.begin is not None:
        start = max(start, window.begin)
    if window.end is not None:
        end = min(end, window.end)
    if end <= start:
        return None
    first, last = (round((time - window.origin) / base) for time in (start, end))
    return {**chapter, "start": max(0, first), "end": last, "time_base": base}


def lost_tags(path: str, given: Mapping[str, str]) -> list[str]:
    """Which tags a finished file does not give back."""
    from stages.media import open_media

    with open_media(path) as container:
        found = {_plain(key) for key in container.metadata}
    return sorted(key for key in given if _plain(key) not in found)
