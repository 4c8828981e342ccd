"""Films that are hard to cut, and the pictures of their pieces beside those of the whole."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import av

from pipeline.frame import FrameSpec, Image
from pipeline.jobs.cutting import Cut, Cutter
from pipeline.jobs.index import Index, read_index
from pipeline.jobs.pieces import Piece, cuts_by_time, pieces
from stages.ingest.file import File
from stages.ingest.segment import Segment
from tests.clips import read_all


@dataclass
class Film:
    """A video as it comes out whole, and how it would be cut."""

    path: str
    spec: FrameSpec
    images: list[Image]
    stamps: list[int]
    index: Index
    pieces: list[Piece]
    folder: Path

    @property
    def cutter(self) -> Cutter:
        return Cutter(self.path, self.index, self.spec, str(self.folder))

    def cuts(self) -> Iterator[Cut]:
        """As a job would have them: copied where packets may be, else encoded anew."""
        return self.cutter.cuts(self.pieces)


def film_of(
    path: Path | str,
    folder: Path,
    seconds: float = 0.8,
    preroll: float = 0.3,
    tail: int = 0,
    source: dict[str, str] | None = None,
) -> Film:
    spec, images, stamps = read_all(File(input=str(path), **(source or {})))
    index = read_index(str(path), spec)
    made = pieces(index, cuts_by_time(index, Fraction(seconds)), Fraction(preroll), tail)
    folder.mkdir(exist_ok=True)
    return Film(str(path), spec, images, stamps, index, made, folder)


def segment_of(film: Film, cut: Cut) -> Segment:
    """The source that a job would run on the cut."""
    piece = cut.piece
    return Segment(
        input=cut.path, whole=film.spec.model_dump(mode="json"), shift=cut.shift, first=piece.first,
        stop=piece.tail_stop, lead=piece.lead, lead_from=piece.lead_from, own=piece.frames, tail=piece.tail,
    )  # fmt: skip


def check_cut(film: Film, cut: Cut) -> None:
    """What comes out of the cut is, byte for byte and tick for tick, what the whole gives there."""
    source = segment_of(film, cut)
    spec, images, stamps = read_all(source)
    begin = film.stamps.index(cut.piece.lead_from)
    end = begin + cut.piece.lead + cut.piece.frames + cut.piece.tail
    assert stamps == film.stamps[begin:end], f"{cut = }"
    pairs = enumerate(zip(images, film.images[begin:end], strict=True))
    wrong = [at for at, (a, b) in pairs if (a != b).any()]
    assert wrong == [], f"{cut = }"
    assert not source.context.errors, f"{cut = }: {source.context.errors}"
    assert spec == film.spec.model_copy(update={"declared_frames": end - begin})


def check_film(film: Film, *, exact: bool, least: int = 3) -> None:
    """Every piece; `exact`: the source's own packets are expected to do."""
    assert len(film.pieces) >= least
    made = list(film.cuts())
    assert [cut.piece for cut in made] == film.pieces
    assert [cut.exact for cut in made] == [exact] * len(made)
    for cut in made:
        check_cut(film, cut)


def remuxed(source: Path, made: Path, shift: int = 0, options: dict[str, str] | None = None) -> Path:
    """The same packets in another container; `shift`: ticks to add."""
    with av.open(str(source)) as given, av.open(str(made), "w", container_options=options or {}) as box:
        stream = given.streams.video[0]
        out = box.add_stream_from_template(stream, opaque=True)
        for packet in given.demux(stream):
            if packet.size:
                packet.pts, packet.dts, packet.stream = packet.pts + shift, packet.dts + shift, out
                box.mux(packet)
    return made
