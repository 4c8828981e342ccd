"""Messages: each is its own inverse, small, and nothing else is taken for one."""

from __future__ import annotations

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.errors import ProtocolError
from pipeline.frame import FrameSpec
from pipeline.ledger import Verdict
from pipeline.messages import (
    MAX_BYTES,
    MOST_LOANS,
    Commit,
    Done,
    Drain,
    Fault,
    Grant,
    Heartbeat,
    Hello,
    Mapped,
    Mapping,
    Note,
    Ready,
    Start,
    Stop,
    Tally,
    unpack,
)
from pipeline.posts import Loan

SPEC = FrameSpec(width=1280, height=720, source="street.mp4")
MAPPING = Mapping(name="image", shape=(720, 1280, 3), dtype="|u1", count=8, writable=False)
SENTENCES = [
    Hello(pid=4711),
    Start(uses="stages.output:Null", options={"a": [1, "x", None]}, spec=SPEC, mappings=(MAPPING,), resume=17, pts=-3),
    Start(uses="stages.ingest:Auto", options={}),
    Mapped(spec=SPEC, mappings=(MAPPING,)),
    Ready(deadline=10.5, spec=SPEC, models=({"name": "yolo"},), seconds=1.25),
    Heartbeat(),
    Note(text="ünïcode\nand lines"),
    Tally(counts={"a": 1}, errors={"b": 2}),
    Fault(when="frame", error="ValueError: x", traceback="..."),
    Drain(),
    Done(facts={"output": "o.mp4", "frames": 3}),
    Stop(),
]


@pytest.mark.parametrize("message", SENTENCES, ids=lambda m: type(m).__name__)
def test_every_message_comes_out_as_it_went_in(message: object) -> None:
    packed = message.pack()  # type: ignore[attr-defined]
    assert len(packed) < MAX_BYTES
    assert unpack(packed) == message


@pytest.mark.parametrize("message", SENTENCES, ids=lambda m: type(m).__name__)
def test_every_message_says_who_sends_it_and_what_follows(message: object) -> None:
    text = type(message).__doc__ or ""
    assert "Sent by" in text
    assert any(word in text for word in ("follow", "follows"))


small = st.integers(0, 65535)
medium = st.integers(0, 2**32 - 1)
large = st.integers(-(2**63), 2**63 - 1)


@given(small, medium, large, large, large, st.booleans(), st.integers(0, 1), medium, small)
def test_grants_survive_the_whole_range_of_their_fields(
    slot: int, generation: int, index: int, pts: int, duration: int, blank: bool, buffer: int, stamp: int, life: int
) -> None:
    grant = Grant(slot, generation, index, pts, duration, blank, buffer, stamp, life)
    assert unpack(grant.pack()) == grant
    assert len(grant.pack()) < 64


loan = st.builds(Loan, small, medium, large, large, large)


@given(st.none() | loan, st.lists(loan, max_size=MOST_LOANS - 1))
def test_grants_carry_what_is_lent_beside_their_frame(finished: Loan | None, later: list[Loan]) -> None:
    grant = Grant(1, 2, 3, 4, 5, finished=finished, later=tuple(later))
    assert unpack(grant.pack()) == grant


def test_a_grant_whose_loans_do_not_fit_is_refused() -> None:
    lent = Loan(1, 2, 3, 4, 5)
    whole = Grant(1, 2, 3, 4, 5, finished=lent).pack()
    none = Grant(1, 2, 3, 4, 5).pack()
    too_many = Grant(1, 2, 3, 4, 5, later=(lent,) * (MOST_LOANS + 1)).pack()
    for packed in (whole[:-1], whole[: len(none)], none + b"x", too_many):
        with pytest.raises(ProtocolError):
            unpack(packed)


@given(small, medium, st.sampled_from(list(Verdict)), large, large, large, st.booleans())
def test_commits_survive_the_whole_range_of_their_fields(
    slot: int, generation: int, verdict: Verdict, pts: int, duration: int, busy: int, fresh: bool
) -> None:
    commit = Commit(slot, generation, verdict, pts, duration, busy, fresh)
    assert unpack(commit.pack()) == commit
    assert len(commit.pack()) < 64


@pytest.mark.fault("H2")
@given(st.binary(max_size=200))
def test_garbage_is_refused_and_nothing_else_happens(data: bytes) -> None:
    with contextlib.suppress(ProtocolError):
        assert unpack(data) is not None


@pytest.mark.fault("H2")
@pytest.mark.parametrize(
    "data",
    [b"", b"\x01", b"\x02" + b"\xff" * 5, b"{}", b'{"type":"hello"}', b'{"type":"hello","pid":"x"}',
     b'{"type":"stop","more":1}', b'{"type":"ready","deadline":-1}', b'{"type":"nonsense"}', b"[" * 1000,
     b'{"type":"ready","deadline":Infinity}', b'{"type":"ready","deadline":1e999}', b'{"type":"ready","deadline":NaN}',
     b'{"type":"hello","pid":' + b"9" * 5000 + b"}", b'{"type":"hello","pid":1.5}', b'{"type":"hello","pid":1}x',
     b'{"type":"done","facts":' + b'{"a":' * 500 + b"1" + b"}" * 501, b'{"type":"note","text":"\\ud800"}', b"\xff\xfe"],
)  # fmt: skip
def test_broken_messages_are_protocol_errors(data: bytes) -> None:
    with pytest.raises(ProtocolError):
        unpack(data)


def nearly(message: object) -> st.SearchStrategy[bytes]:
    """A message with a few bytes changed, cut off or added."""
    packed = message.pack()  # type: ignore[attr-defined]
    edit = st.tuples(st.integers(0, len(packed)), st.integers(0, 3), st.binary(max_size=3))
    return edit.map(lambda e: packed[: e[0]] + e[2] + packed[e[0] + e[1] :])


@pytest.mark.fault("H2")
@given(
    st.sampled_from(
        [*SENTENCES, Grant(1, 2, 3, 4, 5, finished=Loan(1, 2, 3, 4, 5)), Commit(1, 2, Verdict.DONE)]
    ).flatmap(nearly)
)
def test_a_damaged_message_is_refused_or_is_another_whole_one(data: bytes) -> None:
    with contextlib.suppress(ProtocolError):
        message = unpack(data)
        assert unpack(message.pack()) == message


def test_an_option_without_bounds_reaches_the_worker_as_it_was_written() -> None:
    start = Start(uses="a:B", options={"most": float("inf"), "least": [float("-inf")]})
    assert unpack(start.pack()) == start


@pytest.mark.fault("H2")
def test_an_unknown_verdict_is_refused() -> None:
    packed = bytearray(Commit(1, 1, Verdict.DONE).pack())
    packed[1] = 99
    with pytest.raises(ProtocolError):
        unpack(bytes(packed))
