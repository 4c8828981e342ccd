"""The wire between a pipeline and the web process: whatever is packed comes out, and nothing else does."""

from __future__ import annotations

import itertools
import json
import subprocess
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stages.output.page_wire import (
    LENGTH,
    MAX_BYTES,
    MAX_CREDIT,
    MAX_HEAD,
    MAX_LINE,
    PAGE_VIEWS,
    Lines,
    Record,
    Unpacker,
    WireError,
    Wish,
    pack,
    parse_wish,
    wish_line,
)

HEADS = st.dictionaries(
    st.text(max_size=8).filter(lambda name: name != "pictures"),
    st.one_of(st.integers(), st.text(max_size=20), st.booleans(), st.none(), st.lists(st.integers(), max_size=3)),
    max_size=5,
)
JPEGS = st.dictionaries(st.sampled_from(PAGE_VIEWS), st.binary(max_size=300), max_size=4)
WISHES = st.builds(
    Wish,
    st.lists(st.sampled_from(PAGE_VIEWS), unique=True).map(tuple),
    st.none() | st.integers(16, 16384),
    st.integers(1, 100),
)


def cut(data: bytes, places: list[int]) -> list[bytes]:
    edges = [0, *sorted(place % (len(data) + 1) for place in places), len(data)]
    return [data[start:end] for start, end in itertools.pairwise(edges)]


@given(st.lists(st.tuples(HEADS, JPEGS), max_size=4), st.lists(st.integers(0, 10_000), max_size=12))
def test_records_come_out_as_they_went_in_however_the_stream_is_cut(records: list, places: list[int]) -> None:
    unpacker, found = Unpacker(), []
    for piece in cut(b"".join(pack(*one) for one in records), places):
        found += unpacker.feed(piece)
    assert [(one.head, one.jpegs) for one in found] == [
        ({**head, "pictures": [[name, len(jpeg)] for name, jpeg in jpegs.items()]}, jpegs) for head, jpegs in records
    ]


def test_a_record_comes_out_with_its_last_byte_and_not_before() -> None:
    data, unpacker = pack({"index": 3}, {"result": b"jpeg"}), Unpacker()
    for at in range(len(data) - 1):
        assert unpacker.feed(data[at : at + 1]) == []
    (record,) = unpacker.feed(data[-1:])
    assert record == Record({"index": 3, "pictures": [["result", 4]]}, {"result": b"jpeg"})


@given(st.binary(max_size=2000), st.lists(st.integers(0, 2000), max_size=6))
def test_garbage_is_refused_or_waited_out_and_never_anything_else(garbage: bytes, places: list[int]) -> None:
    unpacker = Unpacker()
    for piece in cut(garbage, places):
        try:
            found = unpacker.feed(piece)
        except WireError:
            with pytest.raises(WireError):
                unpacker.feed(b"")
            return
        assert all(set(one.jpegs) <= set(PAGE_VIEWS) for one in found)


@given(st.integers(MAX_HEAD + 1, 2**32 - 1))
def test_a_head_that_is_announced_too_long_is_refused_at_once(length: int) -> None:
    with pytest.raises(WireError, match="bytes; 2 to"):
        Unpacker().feed(LENGTH.pack(length))


def headed(pictures: object) -> bytes:
    said = json.dumps({"pictures": pictures}).encode()
    return LENGTH.pack(len(said)) + said


@pytest.mark.parametrize(
    "pictures",
    [
        None,
        "result",
        [["result", MAX_BYTES + 1]],
        [["result", MAX_BYTES], ["input", 1]],
        [["result", -1]],
        [["result", 1.0]],
        [["result", True]],
        [["raw", 1]],
        [[["result"], 1]],
        [["result", 1], ["result", 1]],
        [["result", 1]] * 5,
        [["result"]],
    ],
)
def test_pictures_that_cannot_be_are_refused_before_they_are_waited_for(pictures: object) -> None:
    with pytest.raises(WireError):
        Unpacker().feed(headed(pictures))


@pytest.mark.parametrize("head", [b"[]", b"7", b"{", b'{"a":NaN}', b"\xff\xff", b"[" * 100_000, b'{"a":' * 50_000])
def test_a_head_that_is_no_json_object_is_refused(head: bytes) -> None:
    with pytest.raises(WireError):
        Unpacker().feed(LENGTH.pack(len(head)) + head)


def test_what_was_whole_before_the_garbage_is_not_lost() -> None:
    unpacker = Unpacker()
    assert len(unpacker.feed(pack({}, {"result": b"x"}) + b"\xff" * 8)) == 1
    with pytest.raises(WireError):
        unpacker.feed(b"")


def test_a_number_that_json_does_not_know_is_not_packed() -> None:
    with pytest.raises(ValueError, match="not JSON compliant"):
        pack({"age_ms": float("nan")}, {})


@given(WISHES, st.integers(0, MAX_CREDIT))
def test_wishes_come_out_as_they_went_in(wish: Wish, credit: int) -> None:
    (line,) = Lines().feed(wish_line(wish, credit))
    assert parse_wish(line) == (wish, credit)


@given(st.lists(WISHES, max_size=5), st.lists(st.integers(0, 10_000), max_size=8))
def test_lines_come_out_however_the_stream_is_cut(wishes: list[Wish], places: list[int]) -> None:
    lines, found = Lines(), []
    for piece in cut(b"".join(wish_line(wish, 1) for wish in wishes), places):
        found += lines.feed(piece)
    assert [parse_wish(line)[0] for line in found] == wishes


@pytest.mark.parametrize(
    "asked",
    [
        {"views": None},
        {"views": "result"},
        {"views": ["raw"]},
        {"views": [["result"]]},
        {"views": [], "width": 15},
        {"views": [], "width": 1e9},
        {"views": [], "width": True},
        {"views": [], "quality": 0},
        {"views": [], "quality": 101},
        {"views": [], "quality": "80"},
        {"views": [], "credit": -1},
        {"views": [], "credit": MAX_CREDIT + 1},
        {"views": [], "credit": None},
        [],
        {},
    ],
)
def test_a_wish_that_cannot_be_is_refused(asked: object) -> None:
    with pytest.raises(WireError):
        parse_wish(json.dumps(asked).encode())


@given(st.binary(max_size=200))
def test_a_line_of_garbage_is_refused_and_never_anything_else(line: bytes) -> None:
    try:
        parse_wish(line)
    except WireError:
        return


def test_a_line_without_end_is_refused() -> None:
    lines = Lines()
    assert lines.feed(b"x" * MAX_LINE) == []
    with pytest.raises(WireError, match="a line of more than"):
        lines.feed(b"x")


def test_the_wire_is_imported_without_anything_heavy() -> None:
    """The web process takes it apart as well, and holds neither OpenCV nor PyAV for that."""
    code = "import sys, stages.output.page_wire; print(sorted({'cv2', 'av', 'torch'} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"
