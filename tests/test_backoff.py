"""How long to wait before the next try."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from stages.ingest.backoff import Backoff


def test_waits_double_up_to_the_longest() -> None:
    backoff = Backoff(first=0.25, longest=2.0, chance=lambda: 0.0)
    assert [backoff.next() for _ in range(6)] == [0.25, 0.5, 1.0, 2.0, 2.0, 2.0]


def test_after_a_success_they_are_short_again() -> None:
    backoff = Backoff(chance=lambda: 0.0)
    for _ in range(5):
        backoff.next()
    backoff.reset()
    assert backoff.next() == 0.25


def test_a_first_wait_that_is_longer_than_the_longest_is_not() -> None:
    assert Backoff(first=10, longest=2, chance=lambda: 0.0).next() == 2


@given(st.lists(st.floats(0, 1, exclude_max=True), min_size=1, max_size=50), st.floats(0.01, 5), st.floats(0.01, 60))
def test_chance_shortens_them_by_a_half_at_most(chances: list[float], first: float, longest: float) -> None:
    turns = iter(chances)
    backoff = Backoff(first, longest, chance=lambda: next(turns))
    plain = Backoff(first, longest, chance=lambda: 0.0)
    for _ in chances:
        whole = plain.next()
        assert whole / 2 <= backoff.next() <= whole <= longest


def test_two_who_lost_the_same_server_come_back_apart() -> None:
    one, other = Backoff(), Backoff()
    assert [one.next() for _ in range(8)] != [other.next() for _ in range(8)]
