"""How long a session lives: as long as somebody watches it and a little longer, or as long as sessions may."""

from __future__ import annotations

import time
from collections.abc import Iterator

import pytest

from tests.waiting import wait_until
from tests.web.served import PLAIN, Program, Served, toy

pytestmark = pytest.mark.real
SHORT_S = 4.0  # of grace


@pytest.fixture(scope="module")
def short(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    folder = tmp_path_factory.mktemp("short")
    with Served(folder, "--pipeline", toy(folder, PLAIN, name="plain"), "--grace", str(SHORT_S)) as served:
        yield served


@pytest.fixture
def program(short: Served) -> Iterator[Program]:
    with short.newcomer() as program:
        yield program


def test_a_session_outlives_its_page_for_a_moment(program: Program) -> None:
    session = program.begin("plain")
    with program.page(session["id"], views=["result"], width=64) as page:
        page.picture()
    with program.page(session["id"], views=["result"], width=64) as page:  # it has been reloaded
        page.picture()
        gone = time.monotonic()
    said = program.await_state(session["id"], "ended")
    assert time.monotonic() - gone >= SHORT_S - 0.1
    assert said["error"] == "ended: no page has watched it for 4 s; pin what is to go on alone"


@pytest.mark.long
def test_a_pinned_session_goes_on_alone_until_it_is_no_longer_pinned(program: Program) -> None:
    pinned = program.begin("plain", pinned=True)
    program.await_state(pinned["id"], "running")
    began = time.monotonic()
    wait_until(lambda: time.monotonic() > began + SHORT_S + 2)
    assert program.session(pinned["id"])["state"] == "running"
    assert program.patch(f"/api/sessions/{pinned['id']}", json={"pinned": False}).json()["pinned"] is False
    assert "no page has watched it" in program.await_state(pinned["id"], "ended")["error"]


@pytest.mark.long
def test_an_open_page_keeps_its_session_even_if_it_wants_no_picture(program: Program) -> None:
    session = program.begin("plain")
    with program.page(session["id"]) as page:
        program.await_state(session["id"], "running")
        began = page.word("stats")["t"]
        while page.word("stats")["t"] < began + 2 * SHORT_S:
            pass
        assert program.session(session["id"])["state"] == "running"


@pytest.mark.long
def test_a_session_ends_when_its_time_is_over_whoever_watches(tmp_path_factory: pytest.TempPathFactory) -> None:
    folder = tmp_path_factory.mktemp("brief")
    args = ("--pipeline", toy(folder, PLAIN, name="plain"), "--session-hours", "0.002")
    with Served(folder, *args) as served, served.program() as program:
        session = program.begin("plain", pinned=True)
        assert 0 < session["seconds_left"] <= 7.2
        with program.page(session["id"]) as page:
            end = page.word("end")
        assert end["state"] == "ended"
        assert end["error"] == "ended after 7.2 s, the longest life of a session here; start it again"
