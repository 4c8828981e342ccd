"""What a file says about itself and its tracks: which of it stays true of the finished file, and is carried over."""

from __future__ import annotations

from collections.abc import Mapping
from fractions import Fraction
from typing import TYPE_CHECKING

from stages.media import open_media
from stages.output.window import Window

if TYPE_CHECKING:
    from av.container import InputContainer, OutputContainer
    from av.container.core import Chapter
    from av.stream import Stream

Mark = tuple[str, int]  # a track's language and its dispositions

# Of the old file's making, its length or its orientation: the muxer writes its own, and pictures are upright now.
UNTRUE = frozenset({"encoder", "software", "duration", "rotate", "bps", "number_of_frames", "number_of_bytes"})
UNTRUE |= {"major_brand", "minor_version", "compatible_brands", "vendor_id", "handler_name"}
UNTRUE |= {"_statistics_writing_app", "_statistics_writing_date_utc", "_statistics_tags"}


def tags(found: Mapping[str, str], cut: bool = False) -> dict[str, str]:
    """The tags that stay true; `cut` where the file no longer begins where the source did."""
    untrue = UNTRUE | {"timecode"} if cut else UNTRUE
    kept = {key: value for key, value in found.items() if _plain(key) not in untrue and value}
    return {key: value for key, value in kept.items() if key == _plain(key) or kept.get(_plain(key)) != value}


def _plain(key: str) -> str:
    """`BPS-eng` is BPS, in English."""
    return key.split("-")[0].lower()


def dress(made: Stream, given: Stream, cut: bool = False) -> None:
    """Give a new track the language, the title, the further tags and the dispositions of the old one."""
    from av.stream import Disposition

    kept = tags(given.metadata, cut)
    if name := kept.pop("name", ""):  # what MP4 calls a title
        kept.setdefault("title", name)
    made.metadata.update(kept)
    made.disposition = Disposition(given.disposition & ~Disposition.attached_pic)


def undress(made: Stream) -> None:
    """Take a track's tags away, but what is needed to choose it and to find it."""
    for key in made.metadata.keys() - {"language", "filename", "mimetype"}:
        del made.metadata[key]


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
    start = max(start, window.origin if window.begin is None else window.begin)
    if window.end is not None:
        end = min(end, window.end)
    if end <= start:
        return None
    first, last = (round((time - window.origin) / base) for time in (start, end))
    return {**chapter, "start": first, "end": last, "time_base": base}


def lost_tags(path: str, given: Mapping[str, str]) -> list[str]:
    """Which tags a finished file does not give back."""
    with open_media(path) as container:
        found = {_plain(key) for key in container.metadata}
    return sorted(key for key in given if _plain(key) not in found)


def marks(container: InputContainer | OutputContainer) -> list[Mark]:
    """Language and dispositions of each track, in order."""
    return [(stream.metadata.get("language", "und"), int(stream.disposition)) for stream in container.streams]


def lost_marks(path: str, given: list[Mark]) -> list[str]:
    """Which languages and dispositions a finished file does not give back, as `track 2: language fre`."""
    from av.stream import Disposition

    lost: list[str] = []
    with open_media(path) as container:
        for at, (wanted, found) in enumerate(zip(given, marks(container), strict=False)):
            if wanted[0] not in ("und", found[0]):
                lost.append(f"track {at}: language {wanted[0]}")
            if flags := Disposition(wanted[1] & ~found[1]):
                lost.append(f"track {at}: mark {flags.name}")
    return lost
