"""Sessions from outside: a real server, real pipelines of toy stages, programs and pages that call it up."""

from __future__ import annotations

import signal
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from tests.waiting import wait_until
from tests.web.served import COVER, FOUND, PLAIN, Program, Served, toy

pytestmark = pytest.mark.real


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("served")


@pytest.fixture(scope="module")
def served(folder: Path) -> Iterator[Served]:
    private = toy(folder, FOUND, COVER, name="private", fail="closed")
    slow = toy(folder, {**PLAIN, "with": {"sleep": 0.3}}, name="slow", on_full="block")
    offered = [toy(folder), toy(folder, PLAIN, name="plain"), private, slow]
    args = [part for path in offered for part in ("--pipeline", path)]
    with Served(folder, *args, "--grace", "60", "--max-sessions", "3", "--max-sessions-each", "2") as served:
        yield served
        assert served.process.poll() is None


@pytest.fixture
def program(served: Served) -> Iterator[Program]:
    """A new owner, whose sessions are gone afterwards, with all that belonged to them."""
    with served.newcomer() as program:
        yield program
    wait_until(lambda: not served.below, 30)
    assert [path.name for path in next(served.state.glob("web-*.d")).iterdir()] == ["lock"]


def test_a_session_shows_pictures_of_both_sides_and_says_how_it_goes(program: Program) -> None:
    session = program.begin("toy", title="Yard")
    assert (session["state"], session["title"], session["privacy"]) == ("starting", "Yard", False)
    with program.page(session["id"], views=["input", "result"], width=320) as page:
        heads = []
        for _ in range(5):
            head, jpegs = page.picture()
            heads.append(head)
            assert set(jpegs) == {"input", "result"}
            assert all(jpeg[:3] == b"\xff\xd8\xff" for jpeg in jpegs.values())
        stats = page.word("stats")
        while not stats["rate"]:
            stats = page.word("stats")
    assert [head["index"] for head in heads] == sorted({head["index"] for head in heads})
    assert (heads[0]["width"], heads[0]["height"]) == (640, 360)
    assert [one["track"] for one in heads[0]["objects"]] == [7, 8, 9]
    assert stats["accepted"] >= stats["output"] > 0
    assert [stage["name"] for stage in stats["stages"]] == ["ingest", "found", "cover", "page", "recording"]
    assert stats["objects"] == 3
    assert page.told[0]["type"] == "state"
    assert program.session(session["id"])["state"] == "running"


def test_a_page_gets_no_more_than_two_pictures_that_it_has_not_drawn(program: Program) -> None:
    session = program.begin("toy")
    with program.page(session["id"], views=["result"], width=64) as page:
        shown, words = 0, 0
        while words < 6:  # stats come twice a second: three seconds at thirty pictures a second
            said = page.socket.recv(timeout=60)
            shown += isinstance(said, bytes)
            words += isinstance(said, str) and bool(shown)
    assert shown == 2


@pytest.mark.long
def test_nothing_is_encoded_while_nobody_wants_a_picture(program: Program) -> None:
    session = program.begin("toy", pinned=True)
    program.await_state(session["id"], "running")
    with program.page(session["id"]) as page:
        assert page.word("stats")["type"] == "stats"
        page.say(type="want", views=[])
        assert [page.word("stats")["type"] for _ in range(3)] == ["stats"] * 3
    ended = program.post(f"/api/sessions/{session['id']}/stop").json()
    report = program.get(f"/api/sessions/{session['id']}/report").json()
    assert ended["state"] == "ended"
    assert report["outputs"]["page"]["pictures"] <= 1  # the last frame goes out in any case


def test_two_sessions_go_on_side_by_side_each_its_owners_alone(served: Served, program: Program) -> None:
    with served.program() as other:
        mine, theirs = program.begin("toy"), other.begin("plain")
        with (
            program.page(mine["id"], views=["result"], width=64) as one,
            other.page(theirs["id"], views=["result"], width=64) as two,
        ):
            assert [one.picture()[0]["index"] for _ in range(3)]
            assert [two.picture()[0]["index"] for _ in range(3)]
        assert [session["id"] for session in program.get("/api/sessions").json()] == [mine["id"]]
        for path in ("", "/stop", "/snapshot", "/log", "/report", "/files"):
            method = "POST" if path == "/stop" else "GET"
            assert program.request(method, f"/api/sessions/{theirs['id']}{path}").status_code == 404
        assert program.delete(f"/api/sessions/{theirs['id']}").status_code == 404
        assert other.delete(f"/api/sessions/{theirs['id']}").status_code == 204


def test_who_has_too_many_is_told_and_so_is_who_finds_all_taken(served: Served, program: Program) -> None:
    first = [program.begin("plain", pinned=True) for _ in range(2)]
    wish = {"pipeline": "plain", "source": {"kind": "camera", "address": "cam:test"}}
    refused = program.post("/api/sessions", json=wish)
    assert (refused.status_code, refused.json()) == (
        429, {"error": "2 sessions of yours run, which is the most; stop one first"},
    )  # fmt: skip
    with served.program() as other:
        third = other.begin("plain", pinned=True)
        refused = other.post("/api/sessions", json=wish)
        assert refused.status_code == 429
        assert "all 3 sessions" in refused.json()["error"]
        program.post(f"/api/sessions/{first[0]['id']}/stop")
        other.delete(f"/api/sessions/{other.begin('plain')['id']}")
        other.delete(f"/api/sessions/{third['id']}")


def test_stop_ends_all_processes_of_a_session_and_says_so_to_its_page(served: Served, program: Program) -> None:
    session = program.begin("toy")
    with program.page(session["id"], views=["result"], width=64) as page:
        page.picture()
        assert len(served.below) >= 6  # one that runs it, five that work
        program.post(f"/api/sessions/{session['id']}/stop")
        end = page.word("end")
    assert (end["state"], end["error"]) == ("ended", None)
    wait_until(lambda: not served.below, 30)
    report = program.get(f"/api/sessions/{session['id']}/report").json()
    assert report["ledger_balanced"] is True
    assert program.session(session["id"])["seconds_left"] == 0


def test_a_removed_session_hangs_up_on_its_page(program: Program) -> None:
    session = program.begin("plain")
    with program.page(session["id"], views=["result"], width=64) as page:
        page.picture()
        assert program.delete(f"/api/sessions/{session['id']}").status_code == 204
        assert page.word("end")["state"] == "ended"
    assert program.get(f"/api/sessions/{session['id']}").status_code == 404


def test_a_session_begins_anew_with_other_settings_and_its_page_stays(program: Program) -> None:
    session = program.begin("toy")
    with program.page(session["id"], views=["result"], width=64) as page:
        page.picture()
        program.post(f"/api/sessions/{session['id']}/set", json={"stage": "cover", "field": "level", "value": 9})
        again = program.post(f"/api/sessions/{session['id']}/restart", json={"height": 180}).json()
        assert again["id"] == session["id"]
        head, _ = page.picture()
        while head["height"] != 180:
            head, _ = page.picture()
    fields = {field["name"]: field["value"] for field in program.session(session["id"])["stages"][2]["fields"]}
    assert fields["level"] == 9  # what was set is not forgotten


@pytest.mark.long
def test_a_killed_pipeline_is_told_of_in_words_and_can_begin_again(served: Served, program: Program) -> None:
    session = program.begin("plain")
    with program.page(session["id"], views=["result"], width=64) as page:
        page.picture()
        psutil.Process(_supervisor(served)).kill()
        end = page.word("end")
        assert end["state"] == "failed"
        assert end["error"] == "its process was ended by SIGKILL; start it again, its log may tell more"
        wait_until(lambda: not served.below, 30)
        assert program.post(f"/api/sessions/{session['id']}/restart").status_code == 200
        page.picture()
        program.await_state(session["id"], "running")


def test_a_killed_worker_costs_a_session_nothing_but_a_moment(served: Served, program: Program) -> None:
    session = program.begin("plain")
    with program.page(session["id"], views=["result"], width=64) as page:
        page.picture()
        for process in served.below:
            if "plain" in " ".join(process.cmdline()):
                process.kill()
        before = page.picture()[0]["index"]
        while page.picture()[0]["index"] < before + 20:
            pass
    assert program.session(session["id"])["state"] == "running"


def test_what_is_wrong_with_a_pipelines_settings_is_said_in_one_line(program: Program) -> None:
    def refused(**wish: object) -> tuple[int, str]:
        body = {"pipeline": "toy", "source": {"kind": "camera", "address": "cam:test"}, **wish}
        said = program.post("/api/sessions", json=body)
        return said.status_code, said.json()["error"]

    too_much = refused(settings={"cover.level": 256})
    assert too_much == (422, "toy.yaml: stages.cover: level: input should be less than or equal to 255, not 256")
    assert refused(settings={"cover.lewel": 3}) == (422, "cover.lewel: cannot be set here; did you mean 'cover.level'?")
    assert refused(settings={"found.path": "/etc/shadow"})[0] == 422
    assert refused(settings={"output.output": "/tmp/x.mp4"})[0] == 422
    assert refused(settings={"ingest.input": "/etc/passwd"})[0] == 422
    assert refused(pipeline="tqy") == (422, "no pipeline 'tqy'; did you mean 'toy'?; GET /api/pipelines lists them")
    assert refused(pipeline="/etc/passwd")[0] == 422
    assert refused(targets=["person"])[0] == 422
    assert refused(height=1)[0] == 422
    assert refused(source={"kind": "camera", "address": "cam:lavfi:movie=/etc/passwd"})[0] == 422
    assert refused(source={"kind": "file", "path": "/etc/passwd"})[0] == 422
    assert program.get("/api/sessions").json() == []


def test_a_privacy_pipeline_shows_its_result_and_nothing_else(program: Program) -> None:
    session = program.begin("private")
    assert (session["privacy"], session["views"]) == (True, ["result"])
    with program.page(session["id"], views=["input", "result", "mask", "overlay"], width=64) as page:
        for _ in range(5):
            assert set(page.picture()[1]) == {"result"}
    for view in ("input", "mask", "overlay"):
        for path in ("snapshot", "stream"):
            assert program.get(f"/api/sessions/{session['id']}/{path}?view={view}").status_code == 404
    assert program.get(f"/api/sessions/{session['id']}/snapshot").status_code == 200
    other = program.post(f"/api/sessions/{session['id']}/restart", json={"pipeline": "toy"}).json()
    assert other["privacy"] is False
    back = program.post(f"/api/sessions/{session['id']}/restart", json={"pipeline": "private"}).json()
    assert back["views"] == ["result"]
    snapshot = program.get(f"/api/sessions/{session['id']}/snapshot?view=input")
    assert snapshot.status_code == 404


@pytest.mark.long
def test_a_slow_pipeline_is_paused_and_goes_on(program: Program) -> None:
    session = program.begin("slow")
    with program.page(session["id"], views=["result"], width=64) as page:
        page.picture()
        assert program.post(f"/api/sessions/{session['id']}/pause").json()["state"] == "paused"
        with program.page(session["id"], views=["result"], width=64) as late:
            assert late.picture()[1].keys() == {"result"}  # who comes meanwhile sees where it stands
        assert program.get(f"/api/sessions/{session['id']}/snapshot").status_code == 200
        assert program.post(f"/api/sessions/{session['id']}/resume").json()["state"] == "running"
        stood = program.session(session["id"])
        assert stood["state"] == "running"
        page.picture()


@pytest.mark.long
def test_the_server_answers_while_sessions_begin_and_work(program: Program) -> None:
    session = program.begin("toy")
    longest = 0.0
    with program.page(session["id"], views=["input", "result", "overlay", "mask"]) as page:
        for _ in range(40):
            page.picture()
            began = time.monotonic()
            assert program.get("/healthz").json() == {"ok": True}
            longest = max(longest, time.monotonic() - began)
    assert longest < 1.0  # on a machine that many share


def test_the_log_of_a_session_tells_no_path_of_this_machine(program: Program, folder: Path) -> None:
    session = program.begin("plain")
    program.await_state(session["id"], "running")
    lines = program.get(f"/api/sessions/{session['id']}/log").json()["lines"]
    assert any("plain 0 ready" in line for line in lines)
    assert str(folder) not in "\n".join(lines)


@pytest.fixture
def brief(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder whose path is short enough for sockets in it."""
    return tmp_path_factory.mktemp("brief")


def _supervisor(served: Served) -> int:
    """The process that runs the only session."""
    return next(child.pid for child in psutil.Process(served.process.pid).children())


@pytest.mark.parametrize("number", [signal.SIGTERM, pytest.param(signal.SIGINT, marks=pytest.mark.long)])
def test_a_server_that_is_asked_to_end_ends_its_sessions_first(brief: Path, number: signal.Signals) -> None:
    with Served(brief, "--pipeline", toy(brief, PLAIN, name="plain")) as served:
        with served.program() as program:
            session = program.begin("plain", pinned=True)
            program.await_state(session["id"], "running")
        below = served.below
        served.process.send_signal(number)
        assert served.process.wait(60) == 128 + number
    assert not any(process.is_running() for process in below)
    assert list(served.state.glob("web-*")) == []
    assert served.errors.read_text() == ""


def test_the_sessions_of_a_killed_server_end_within_seconds(brief: Path) -> None:
    with Served(brief, "--pipeline", toy(brief, PLAIN, name="plain")) as served:
        with served.program() as program:
            session = program.begin("plain", pinned=True)
            program.await_state(session["id"], "running")
        below = served.below
        assert below
        served.process.kill()
        wait_until(lambda: not any(process.is_running() for process in below), 20)
