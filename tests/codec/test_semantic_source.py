"""A file of coded pictures as an input: the same pictures come out, and damage costs pictures, never the run."""

from __future__ import annotations

import itertools
import random
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from pipeline.errors import SetupError
from pipeline.frame import Frame, FrameSpec
from stages.codec.packet import Packet
from stages.codec.records import HEAD, SUM, Head
from stages.ingest import Auto
from stages.ingest.file import File
from stages.ingest.semantic import Semantic
from tests.codec.clips import textured
from tests.codec.streams import HEIGHT, SPEC, WIDTH, Stand, export, frames_of, give

COUNT = 12


@pytest.fixture(scope="module")
def stream(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[np.ndarray]]:
    """A file with key pictures at 0, 5 and 10, and what is in it."""
    path, stand = tmp_path_factory.mktemp("sem") / "clip.sem", Stand(quantiser=30, key_every=0.2)
    sink, pictures = export(path), []
    for at in range(COUNT):
        frame = stand.code(textured(at))
        give(sink, at, Packet.of(frame.planes["coded"]))
        pictures.append(frame.clean.copy())
    sink.finish()
    return path, pictures


def opened(path: Path, *, resume: int = 0) -> tuple[Semantic, Iterator[tuple[int, np.ndarray]]]:
    source = Semantic(input=str(path))
    source.open()
    if resume:
        source.resume(resume, resume - 1)

    return source, ((frame.pts, frame.image) for frame in frames_of(source))


def test_the_very_pictures_come_out_that_the_codec_showed(stream: tuple[Path, list[np.ndarray]]) -> None:
    source, found = opened(stream[0])
    taken = list(found)
    source.close()
    assert [pts for pts, _ in taken] == list(range(COUNT))
    assert all(np.array_equal(image, known) for (_, image), known in zip(taken, stream[1], strict=True))
    assert not source.context.errors


def test_it_says_what_will_come(stream: tuple[Path, list[np.ndarray]]) -> None:
    source = Semantic(input=str(stream[0]))
    spec = source.open()
    source.close()
    assert (spec.width, spec.height, spec.rate, spec.time_base) == (WIDTH, HEIGHT, SPEC.rate, SPEC.time_base)
    assert spec.declared_frames == COUNT


@pytest.mark.parametrize("frames", [1, 4, 5, 7, 11])
def test_a_new_incarnation_goes_on_where_the_last_one_was(stream: tuple[Path, list[np.ndarray]], frames: int) -> None:
    source, found = opened(stream[0], resume=frames)
    taken = list(found)
    source.close()
    assert [pts for pts, _ in taken] == list(range(frames, COUNT))
    assert all(np.array_equal(image, known) for (_, image), known in zip(taken, stream[1][frames:], strict=True))


def test_a_damaged_picture_shows_the_one_before_until_the_next_key_picture(
    stream: tuple[Path, list[np.ndarray]], tmp_path: Path
) -> None:
    whole, known = stream
    path, data = tmp_path / "clip.sem", bytearray(whole.read_bytes())
    records = list(_places(data))
    data[records[7] + 60] ^= 1
    path.write_bytes(data)
    source, found = opened(path)
    taken = [image for _, image in found]
    source.close()
    assert len(taken) == COUNT
    for at, image in enumerate(taken):
        assert np.array_equal(image, known[6 if 7 <= at < 10 else at]), at
    assert source.context.errors == {"broken pictures": 1, "pictures that could not be decoded": 2}


def _places(data: bytearray) -> Iterator[int]:
    at = data.find(b"\x00PIC")
    while at >= 0:
        yield at
        at = data.find(b"\x00PIC", at + 1)


def test_a_file_whose_first_picture_is_damaged_begins_black(
    stream: tuple[Path, list[np.ndarray]], tmp_path: Path
) -> None:
    path, data = tmp_path / "clip.sem", bytearray(stream[0].read_bytes())
    data[next(_places(data)) + 60] ^= 1
    path.write_bytes(data)
    source, found = opened(path)
    taken = [image for _, image in found]
    source.close()
    assert not taken[0].any()
    assert np.array_equal(taken[5], stream[1][5])


@pytest.mark.parametrize("seed", range(25))
def test_whatever_is_flipped_or_cut_off_it_neither_crashes_nor_hangs(
    stream: tuple[Path, list[np.ndarray]], tmp_path: Path, seed: int
) -> None:
    rng = random.Random(seed)
    path, data = tmp_path / "clip.sem", bytearray(stream[0].read_bytes())
    for _ in range(rng.randint(1, 30)):
        data[rng.randrange(HEAD.size + SUM.size, len(data))] ^= 1 << rng.randrange(8)
    path.write_bytes(data[: rng.randint(len(data) // 3, len(data))])
    source, found = opened(path)
    taken = list(found)
    source.close()
    assert len(taken) <= COUNT, f"{seed = }"
    assert all(later > earlier for (earlier, _), (later, _) in itertools.pairwise(taken))
    assert sum(source.context.errors.values()) or len(taken) < COUNT


def test_a_picture_of_another_size_than_the_head_says_is_not_shown(
    stream: tuple[Path, list[np.ndarray]], tmp_path: Path
) -> None:
    path, data = tmp_path / "clip.sem", stream[0].read_bytes()
    head = Head.of(FrameSpec(width=WIDTH + 2, height=HEIGHT, rate=SPEC.rate, time_base=SPEC.time_base)).pack()
    path.write_bytes(head + data[len(head) :])
    source = Semantic(input=str(path))
    spec = source.open()
    frames = source.frames()
    source._frame = Frame({"image": np.ones((spec.height, spec.width, 3), np.uint8)})
    next(frames)
    assert not source.frame.image.any()
    assert source.context.errors == {"pictures of another size": 1}
    source.close()


@pytest.mark.parametrize("data", [b"CLNPLSEM", b"CLNPLSEM" + bytes(40), b"nothing of the kind"])
def test_what_is_no_such_file_is_refused_in_one_line(tmp_path: Path, data: bytes) -> None:
    (tmp_path / "x.sem").write_bytes(data)
    with pytest.raises(SetupError) as caught:
        Semantic(input=str(tmp_path / "x.sem")).open()
    assert "\n" not in str(caught.value)
    assert "x.sem" in str(caught.value)


def test_the_kind_of_input_is_told_by_what_the_file_holds(
    stream: tuple[Path, list[np.ndarray]], tmp_path: Path
) -> None:
    renamed = tmp_path / "renamed.mp4"
    renamed.write_bytes(stream[0].read_bytes())
    (tmp_path / "x.sem").write_bytes(b"nothing of the kind")
    assert Auto.pick(str(renamed)) is Semantic
    assert Auto.pick(str(tmp_path / "x.sem")) is File
    assert Semantic in Auto.kinds()
