"""Sessions that are begun anew and removed, one after the other and at once: nothing is lost, and nothing is left."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import httpx
import psutil
import pytest

from tests.waiting import wait_until
from tests.web.served import PLAIN, Program, Served, toy

pytestmark = pytest.mark.real


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    folder = tmp_path_factory.mktemp("again")
    with Served(
        folder, "--pipeline", toy(folder), "--pipeline", toy(folder, PLAIN, name="plain"), "--grace", "60"
    ) as served:
        yield served


@pytest.fixture
def program(served: Served) -> Iterator[Program]:
    with served.newcomer() as program:
        yield program


def test_a_restart_loses_no_setting_and_one_that_is_refused_changes_nothing(program: Program) -> None:
    session = program.begin("toy", settings={"cover.level": 40, "cover.sleep": 0.01})
    path = f"/api/sessions/{session['id']}"
    zones = {"hide": [[[0, 0], [0.2, 0], [0.2, 0.3]]], "spare": []}

    def cover() -> dict[str, object]:
        stage = next(stage for stage in program.get(path).json()["stages"] if stage["name"] == "cover")
        return {field["name"]: field["value"] for field in stage["fields"]}

    with program.page(session["id"], views=["result"], width=64) as page:
        page.picture()
        assert program.put(f"{path}/zones", json=zones).status_code == 200
        assert program.post(f"{path}/set", json={"stage": "cover", "field": "level", "value": 90}).status_code == 200
        assert program.post(f"{path}/restart", json={"pipeline": "plain", "targets": ["person"]}).status_code == 422
        assert program.post(f"{path}/restart", json={"settings": {"cover.sleep": 0.02}}).status_code == 200
        page.word("stats")
        program.await_state(session["id"], "running")
    assert cover() == {"level": 90, "sleep": 0.02}  # not what it was begun with
    assert program.get(path).json()["zones"] == zones
    assert program.post(f"{path}/restart", json={"settings": {"cover.level": 7}}).status_code == 200
    assert program.post(f"{path}/restart").status_code == 200
    assert cover() == {"level": 7, "sleep": 0.02}
    assert program.post(f"{path}/restart", json={"pipeline": "plain"}).status_code == 200


@pytest.mark.long
def test_a_session_that_is_begun_anew_twice_at_once_has_one_pipeline(served: Served, program: Program) -> None:
    session = program.begin("plain", pinned=True)
    path = f"/api/sessions/{session['id']}/restart"
    headers = {"Authorization": f"Bearer {program.token}"}
    with ThreadPoolExecutor(3) as threads:
        said = list(threads.map(lambda _: httpx.post(served.base + path, headers=headers, timeout=60), range(3)))
    assert [one.status_code for one in said] == [200] * 3
    program.await_state(session["id"], "running")
    assert len(psutil.Process(served.process.pid).children()) == 1


def test_who_is_removed_while_he_is_begun_anew_leaves_nothing(served: Served, program: Program) -> None:
    session = program.begin("plain", pinned=True)
    path = f"{served.base}/api/sessions/{session['id']}"
    headers = {"Authorization": f"Bearer {program.token}"}
    asked = [("POST", f"{path}/restart")] * 4 + [("DELETE", path)] + [("POST", f"{path}/restart")]
    with ThreadPoolExecutor(len(asked)) as threads:
        said = list(threads.map(lambda one: httpx.request(*one, headers=headers, timeout=60), asked))
    assert said[4].status_code == 204
    assert {one.status_code for one in said} <= {200, 204, 404}
    assert program.get("/api/sessions").json() == []
    wait_until(lambda: not psutil.Process(served.process.pid).children(), 30)


@pytest.mark.long
def test_sessions_that_come_and_go_leave_no_files_open(served: Served, program: Program) -> None:
    server = psutil.Process(served.process.pid)
    counts = []
    for _ in range(4):
        session = program.begin("plain")
        with program.page(session["id"], views=["result"], width=64) as page:
            page.picture()
            assert program.delete(f"/api/sessions/{session['id']}").status_code == 204
            assert page.word("end")["state"] == "ended"
        wait_until(lambda: not server.children(), 30)
        counts.append(server.num_fds())
    assert counts[-1] <= counts[1]
