"""Records of coded pictures: what was written is read, and damage costs the pictures that it struck, no others."""

from __future__ import annotations

import io
import random
from fractions import Fraction
from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from pipeline.frame import FrameSpec
from stages.codec.packet import KINDS
from stages.codec.records import MAGIC, MARK, WHOLE, Head, Record, RecordError, is_recorded, read_head, read_records

HEAD = Head.of(FrameSpec(width=640, height=360, rate=Fraction(30000, 1001), time_base=Fraction(1, 90000)))
RECORDS = [
    Record(bytes([at]) * (50 + 13 * at), 3003 * at, 3003, KINDS[at % 4], at % 4 == 0, at) for at in range(12)
] + [Record(b"", 99000, 3003)]


def written(records: list[Record] = RECORDS) -> bytes:
    return HEAD.pack() + b"".join(record.pack() for record in records)


def read(data: bytes) -> list[Record]:
    file = io.BytesIO(data)
    read_head(file)
    return list(read_records(file))


def test_what_was_written_is_read() -> None:
    file = io.BytesIO(written())
    assert read_head(file) == HEAD
    assert list(read_records(file)) == RECORDS


@settings(max_examples=60, deadline=None)
@given(
    st.integers(1, 16384), st.integers(1, 16384), st.fractions(min_value=Fraction(1, 1000), max_value=1000),
    st.integers(1, 10**12),
)  # fmt: skip
@example(16, 16, Fraction(10**30 + 1, 10**30), 10**12)
@example(16, 16, Fraction(999 * 3**60 + 1, 3**60), 1)
def test_any_stream_has_a_head_that_says_the_same_of_it(width: int, height: int, rate: Fraction, base: int) -> None:
    head = Head.of(FrameSpec(width=width, height=height, rate=rate, time_base=Fraction(1, base)))
    assert Head.unpack(head.pack()) == head
    assert float(head.rate) == pytest.approx(float(rate), rel=1e-3)


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (b"", "does not begin"),
        (b"not a stream at all, but long enough to be one .......", "does not begin"),
        (MAGIC, "ends within its head"),
        (HEAD.pack()[:-1], "ends within its head"),
        (HEAD.pack()[:20] + b"\xff" + HEAD.pack()[21:], "its head is damaged"),
    ],
)
def test_what_is_no_such_file_is_said_in_half_a_sentence(data: bytes, why: str) -> None:
    with pytest.raises(RecordError, match=why):
        read_head(io.BytesIO(data))


def test_a_head_of_no_pixels_or_of_a_later_version_is_refused() -> None:
    with pytest.raises(RecordError, match="0x360"):
        Head.unpack(Head(0, 360, Fraction(25), Fraction(1, 25)).pack())


@pytest.mark.parametrize("cut", [0, 1, WHOLE - 1, WHOLE, WHOLE + 1])
def test_a_file_that_ends_within_a_picture_gives_all_before_it(cut: int) -> None:
    whole = written(RECORDS[:5])
    found = read(whole + RECORDS[5].pack()[:cut])
    assert found[:5] == RECORDS[:5]
    assert [record.broken for record in found[5:]] == [True] * (cut >= WHOLE)


def test_a_flipped_bit_in_a_picture_breaks_that_one_alone() -> None:
    data = bytearray(written())
    at = data.index(RECORDS[3].data) + 7
    data[at] ^= 0x10
    found = read(bytes(data))
    assert [record.broken for record in found] == [at == 3 for at in range(len(RECORDS))]
    assert [record.pts for record in found] == [record.pts for record in RECORDS]


def test_a_record_whose_head_is_damaged_is_passed_over() -> None:
    data = bytearray(written())
    at = data.index(RECORDS[3].pack())
    data[at + 5] ^= 0xFF  # its size
    assert read(bytes(data)) == RECORDS[:3] + RECORDS[4:]


def test_a_mark_within_a_picture_is_not_taken_for_a_record() -> None:
    odd = Record(MARK * 40 + RECORDS[1].pack()[: WHOLE - 3], 5, 1, number=1)
    records = [RECORDS[0], odd, RECORDS[2]]
    assert read(written(records)) == records


@pytest.mark.parametrize("seed", range(40))
def test_whatever_is_flipped_or_cut_nothing_is_invented_and_reading_ends(seed: int) -> None:
    rng = random.Random(seed)
    data = bytearray(written())
    for _ in range(rng.randint(1, 6)):
        data[rng.randrange(len(HEAD.pack()), len(data))] ^= 1 << rng.randrange(8)
    found = read(bytes(data[: rng.randint(len(HEAD.pack()), len(data))]))
    assert all(record in RECORDS for record in found if not record.broken), f"{seed = }"
    assert len(found) <= len(RECORDS)


def test_a_file_is_known_by_what_it_holds_not_by_its_name(tmp_path: Path) -> None:
    (tmp_path / "a.mp4").write_bytes(written())
    (tmp_path / "b.sem").write_bytes(b"\x00" * 100)
    assert is_recorded(str(tmp_path / "a.mp4"))
    assert not is_recorded(str(tmp_path / "b.sem"))
    assert not is_recorded(str(tmp_path / "gone.sem"))
    assert not is_recorded(str(tmp_path))
