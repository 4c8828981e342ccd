"""Rules of a session: taken whole or not at all; a run that refuses them goes on with the former ones."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from pipeline.web.ruling import lasting
from tests.web.served import COVER, FOUND, RULED, VEIL, Program, Served, toy
from tests.web.toys import LEFT, RIGHT

KEEP = {"when": {"track": [LEFT], "class": ["person"]}, "do": "keep"}
BLUR = {"when": {"track": [RIGHT]}, "do": "mosaic"}
ZONE = {"when": {"zone": [[0, 0], [1, 0], [1, 1]], "min_size": 40}, "do": "solid"}


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    folder = tmp_path_factory.mktemp("ruled")
    offered = [toy(folder, RULED, VEIL, name="ruled", fail="closed"), toy(folder, FOUND, COVER, name="bare")]
    with Served(folder, *(part for path in offered for part in ("--pipeline", path)), "--grace", "60") as served:
        yield served


@pytest.fixture(scope="module")
def program(served: Served) -> Iterator[Program]:
    with served.newcomer() as program:
        yield program


@pytest.fixture(scope="module")
def path(program: Program) -> str:
    """Of a session that runs."""
    ident = program.begin("ruled")["id"]
    program.await_state(ident, "running")
    return f"/api/sessions/{ident}"


def put(program: Program, path: str, *rules: object, **more: Any) -> tuple[int, Any]:
    said = program.put(f"{path}/rules", json={"rules": list(rules), **more})
    return said.status_code, said.json()["error"] if said.is_error else said.json()


def effects(program: Program, path: str) -> dict[int, tuple[str, bool]]:
    """What is told of each track in a picture of now."""
    with program.page(path.rpartition("/")[2], views=["result"], width=64) as page:
        for _ in range(4):
            head, jpegs = page.picture()
    assert set(jpegs) == {"result"}
    return {one["track"]: (one["effect"], one["kept"]) for one in head["objects"]}


@pytest.mark.real
def test_rules_hold_when_they_are_answered_and_a_page_is_told_what_is_done_with_each(
    program: Program, path: str
) -> None:
    assert put(program, path, KEEP, BLUR) == (200, [KEEP, BLUR])
    assert program.get(path).json()["rules"] == [KEEP, BLUR]
    told = effects(program, path)
    assert (told[LEFT], told[RIGHT]) == (("", True), ("mosaic", False))
    assert put(program, path) == (200, [])
    assert set(effects(program, path).values()) == {("", False)}


@pytest.mark.real
@pytest.mark.parametrize(
    ("rule", "said"),
    [
        ({"do": "nothing"}, "neither keep nor"),
        ({"do": "blur"}, "rule 1: this pipeline cannot 'blur'; it can keep, solid, mosaic, face"),
        ({"do": "remove"}, "cannot 'remove'"),
        ({"when": {"zone": [[0, 0], [2, 0], [1, 1]]}, "do": "keep"}, "less than or equal to 1"),
        ({"when": {"zone": [[0, 0], [1, 1]]}, "do": "keep"}, "at least 3"),
        ({"when": {"track": []}, "do": "keep"}, "at least 1"),
        ({"when": {"track": ["7"]}, "do": "keep"}, "integer"),
        ({"when": {"tracks": [7]}, "do": "keep"}, "not permitted"),
        ({"when": {"classes": ["person"]}, "do": "keep"}, "not permitted"),
        ({"when": {"class": ["/etc/passwd"]}, "do": "keep"}, "there are face, plate, person"),
        ({"when": {"min_size": 9, "max_size": 8}, "do": "keep"}, "would fit nobody"),
        ({"when": {}, "do": "keep", "file": "/etc/passwd"}, "not permitted"),
    ],
)
def test_what_is_refused_leaves_the_former_rules(program: Program, path: str, rule: object, said: str) -> None:
    put(program, path, BLUR)
    status, error = put(program, path, rule, KEEP)
    assert status == 422
    assert said in error
    assert program.get(path).json()["rules"] == [BLUR]


@pytest.mark.real
def test_what_the_stage_itself_refuses_late_is_rolled_back_with_its_reason(program: Program, path: str) -> None:
    put(program, path, ZONE)
    assert program.post(f"{path}/set", json={"stage": "found", "field": "keep_nobody", "value": True}).is_success
    status, error = put(program, path, KEEP)
    assert (status, "nobody is kept here" in error) == (422, True)
    assert program.get(path).json()["rules"] == [ZONE]
    assert effects(program, path)[LEFT] == ("", False)
    assert program.post(f"{path}/set", json={"stage": "found", "field": "keep_nobody", "value": False}).is_success


@pytest.mark.real
def test_of_two_pages_the_one_that_has_not_seen_the_others_rules_is_told_so(program: Program, path: str) -> None:
    put(program, path, KEEP)
    assert put(program, path, former=[KEEP]) == (200, [])  # one page takes him out of sight again
    status, error = put(program, path, BLUR, KEEP, former=[KEEP])  # the other would show him once more
    assert (status, "changed meanwhile" in error) == (409, True)
    assert program.get(path).json()["rules"] == []


@pytest.mark.real
def test_rules_have_one_way_in_and_only_their_owner_has_it(served: Served, program: Program, path: str) -> None:
    with served.newcomer() as stranger:
        assert put(stranger, path, KEEP)[0] == 404
    for field, value in (("rules", [KEEP]), ("kept", [LEFT]), ("remove", "chosen"), ("spare", [])):
        said = program.post(f"{path}/set", json={"stage": "found", "field": field, "value": value})
        assert said.status_code == 422
        begun = {"pipeline": "ruled", "source": {"kind": "camera", "address": "cam:test"}}
        assert program.post("/api/sessions", json={**begun, "settings": {f"found.{field}": value}}).status_code == 422
    said = program.post(f"{path}/choose", json={"x": 0.75, "y": 0.6, "do": "keep"})
    assert (said.status_code, "PUT rules" in said.json()["error"]) == (422, True)


@pytest.mark.long
@pytest.mark.real
def test_a_further_run_knows_no_number_of_the_former_one_nor_one_of_a_pipeline_without_rules_any(
    served: Served,
) -> None:
    with served.newcomer() as program:
        ident = program.begin("ruled")["id"]
        path = f"/api/sessions/{ident}"
        program.await_state(ident, "running")
        put(program, path, KEEP, ZONE, BLUR)
        assert program.post(f"{path}/restart", json={}).is_success
        program.await_state(ident, "running")
        assert program.get(path).json()["rules"] == [ZONE]
        assert effects(program, path)[LEFT] == ("", False)
        assert program.post(f"{path}/restart", json={"pipeline": "bare"}).json()["rules"] == []
        assert "no stage of this pipeline takes any" in put(program, path, BLUR)[1]


def test_before_another_camera_nobody_is_shown_by_an_old_rule() -> None:
    shown, covered = {"when": {"class": ["person"]}, "do": "keep"}, {"do": "mosaic"}
    assert lasting([KEEP, shown, BLUR, covered], same_source=True) == [shown, covered]
    assert lasting([KEEP, shown, BLUR, covered], same_source=False) == [covered]
