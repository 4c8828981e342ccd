"""What the API describes, asked in every way that fits the description and in many that do not.

No request makes the server fail; every answer is one that the description names, and looks as it says; and no route
but those that are open to all answers somebody who is nobody."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import httpx
import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st
from schemathesis import Case, GenerationMode
from schemathesis.schemas import APIOperation

from pipeline.web.openapi import REFUSALS
from pipeline.web.owners import COOKIE
from pipeline.web.rules import OPEN
from pipeline.web.server import create_app
from pipeline.web.settings import ServeSettings
from tests.thorough import examples
from tests.waiting import wait_until
from tests.web.guarded import Guarded, guarded
from tests.web.served import toy

schemathesis.serializer.alias("application/sdp", "text/plain")
FEW, MANY = 3, 600  # requests of each kind to each route
ENDLESS = {"/api/sessions/{id}/stream"}  # with an id that exists
SEED = 7


def described(folder: Path) -> dict[str, Any]:
    """The description, without starting anything."""
    found: dict[str, Any] = json.loads(json.dumps(create_app(ServeSettings(media=folder)).openapi()))
    return found


def routes(folder: Path) -> dict[tuple[str, str], APIOperation]:
    """What can be asked, by path and method."""
    schema = schemathesis.openapi.from_dict(described(folder))
    found = [operation.ok() for operation in schema.get_all_operations()]
    return {(one.path, one.method.upper()): one for one in found}


@pytest.fixture(scope="module")
def roomy(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Guarded]:
    """A server that does not tire of being asked, and calls nobody but itself."""
    folder = tmp_path_factory.mktemp("fuzz")
    with guarded(folder, {"requests": 100_000.0}, source_hosts=("localhost",), local_sources=True) as made:
        yield made


@pytest.fixture(scope="module")
def operations(tmp_path_factory: pytest.TempPathFactory) -> dict[tuple[str, str], APIOperation]:
    return routes(tmp_path_factory.mktemp("described"))


def asked(client: httpx.Client, case: Case) -> httpx.Response:
    """The answer to a case, its body as it is."""
    sent = case.as_transport_kwargs(base_url=str(client.base_url).rstrip("/"))
    headers = {name: value for name, value in (sent.pop("headers", None) or {}).items() if _can_be_sent(value)}
    for name in ("Authorization", "User-Agent"):
        headers.pop(name, None)
    cookies = sent.pop("cookies", None)
    body = {key: sent[key] for key in ("json", "data") if sent.get(key) is not None}
    if "data" in body:
        data = body.pop("data")
        body["content"] = data if isinstance(data, bytes | str) else str(data).encode()
    headers |= {"Cookie": "; ".join(f"{k}={v}" for k, v in cookies.items())} if cookies else {}
    return client.request(sent["method"], sent["url"], params=sent.get("params"), headers=headers, **body)


def _can_be_sent(value: Any) -> bool:
    return isinstance(value, str) and value.isascii() and value.isprintable()


def judge(case: Case, response: httpx.Response) -> None:
    """Not a failure, as described, and one line where it is refused."""
    said = f"{case.method} {response.request.url}: {response.status_code} {response.text[:300]}"
    assert response.status_code < 500 or response.status_code == 503, said
    known = case.operation.definition.raw["responses"]
    assert str(response.status_code) in known, said
    if response.status_code >= 400:
        assert list(response.json()) == ["error"], said
        assert "\n" not in response.json()["error"], said
        assert response.headers["cache-control"] == "no-store", said
    assert "Traceback" not in response.text, said
    assert response.headers["x-content-type-options"] == "nosniff", said


def fuzz(operation: APIOperation, mode: GenerationMode, count: int, ask: Callable[[Case], httpx.Response]) -> set[int]:
    """So many cases of one kind; the statuses that came back."""
    seen: set[int] = set()

    @seed(SEED)
    @settings(
        max_examples=count, deadline=None, database=None, phases=[Phase.generate, Phase.shrink],
        suppress_health_check=list(HealthCheck), print_blob=False,
    )  # fmt: skip
    @given(case=operation.as_strategy(generation_mode=mode))
    def work(case: Case) -> None:
        response = ask(case)
        judge(case, response)
        seen.add(response.status_code)

    work()
    return seen


def modes(operation: APIOperation) -> list[GenerationMode]:
    """There is nothing to get wrong where nothing is asked for."""
    raw = operation.definition.raw
    has_input = "parameters" in raw or "requestBody" in raw
    return [GenerationMode.POSITIVE, GenerationMode.NEGATIVE] if has_input else [GenerationMode.POSITIVE]


def newcomer(roomy: Guarded) -> httpx.Client:
    """Somebody who has logged in, as soon as that is allowed again: logins have a limit of their own."""
    came: list[httpx.Client] = []

    def enters() -> bool:
        with suppress(AssertionError):
            came.append(roomy.owner())
        return bool(came)

    wait_until(enters)
    return came[0]


def all_of_it(roomy: Guarded, operations: dict[tuple[str, str], APIOperation], count: int) -> None:
    for (path, method), operation in operations.items():
        for mode in modes(operation):
            with newcomer(roomy) as client:  # each its own: one that logs out, or is sent away, is in nobody's way
                seen = fuzz(operation, mode, count, lambda case, client=client: asked(client, case))
            assert seen, (path, method)


@pytest.mark.real
def test_nothing_that_fits_the_description_or_does_not_makes_the_server_fail(
    roomy: Guarded, operations: dict[tuple[str, str], APIOperation]
) -> None:
    all_of_it(roomy, operations, FEW)


@pytest.mark.torture
@pytest.mark.timeout(3600)
def test_nothing_makes_it_fail_however_long_one_asks(
    roomy: Guarded, operations: dict[tuple[str, str], APIOperation]
) -> None:
    all_of_it(roomy, operations, MANY)


class Aimed:
    """Cases that hit: with the id of a session that is there, and names of stages and fields that it has."""

    def __init__(self, client: httpx.Client, ident: str) -> None:
        self._client, self._ident = client, ident
        stages = client.get(f"/api/sessions/{ident}").json()["stages"]
        self._stages = [stage["name"] for stage in stages]
        self._live = [(stage["name"], one["name"]) for stage in stages for one in stage["fields"] if one["live"]]
        self._turn = 0

    def ask(self, case: Case) -> httpx.Response:
        case.path_parameters = {**(case.path_parameters or {}), "id": self._ident, "ident": self._ident}
        self._turn += 1
        if isinstance(case.body, dict):
            if case.path.endswith("/set"):
                stage, field = self._live[self._turn % len(self._live)]
                case.body = {**case.body, "stage": stage, "field": field}
            if case.path.endswith("/scale"):
                case.body = {**case.body, "stage": self._stages[self._turn % len(self._stages)]}
        return asked(self._client, case)


def aimed(folder: Path, operations: dict[tuple[str, str], APIOperation], count: int) -> None:
    """All routes of a session, of one that runs; those that end it come last."""
    path = toy(folder)
    last = ["pause", "resume", "restart", "stop"]
    own = [key for key in operations if "{id}" in key[0] or "{ident}/" in key[0]]
    kept = [key for key in own if key[0] not in ENDLESS and key != ("/api/sessions/{id}", "DELETE")]
    kept.sort(key=lambda key: last.index(word) if (word := key[0].rpartition("/")[2]) in last else -1)
    with guarded(folder, {"requests": 100_000.0}, pipelines=(path,)) as server, server.owner() as client:
        wish = {"pipeline": "toy", "source": {"kind": "camera", "address": "cam:test"}, "pinned": True}
        session = client.post("/api/sessions", json=wish).json()
        wait_until(lambda: client.get(f"/api/sessions/{session['id']}").json()["state"] == "running")
        aim = Aimed(client, session["id"])
        for key in kept:
            for mode in modes(operations[key]):
                fuzz(operations[key], mode, count, aim.ask)
        assert client.get(f"/api/sessions/{session['id']}").status_code == 200
        assert client.delete(f"/api/sessions/{session['id']}").status_code == 204


@pytest.mark.long
@pytest.mark.real
def test_nothing_that_is_said_to_a_session_that_runs_makes_the_server_fail(
    tmp_path: Path, operations: dict[tuple[str, str], APIOperation]
) -> None:
    aimed(tmp_path, operations, 4)


@pytest.mark.torture
@pytest.mark.timeout(3600)
def test_nothing_that_is_said_to_it_for_long_does(
    tmp_path: Path, operations: dict[tuple[str, str], APIOperation]
) -> None:
    aimed(tmp_path, operations, 150)


@pytest.mark.real
def test_a_stranger_is_told_to_log_in_whatever_he_asks(
    roomy: Guarded, operations: dict[tuple[str, str], APIOperation]
) -> None:
    made_up = {"Authorization": "Bearer " + "x" * 43}
    with roomy.stranger() as nobody, roomy.stranger(**made_up) as liar:
        for (path, _), operation in operations.items():
            if path in OPEN:
                continue
            for client in (nobody, liar):
                seen = fuzz(operation, GenerationMode.POSITIVE, 3, lambda case, client=client: asked(client, case))
                told = f"{path}: 404 and 415 where no route would take it, 403 for a made-up cookie without an Origin"
                assert seen <= {401, 403, 404, 415}, told
                assert 401 in seen, path


def test_it_is_described_who_may_ask_and_how_each_route_refuses(
    operations: dict[tuple[str, str], APIOperation],
) -> None:
    assert len(operations) > 30
    for (path, _), operation in operations.items():
        raw = operation.definition.raw
        assert raw.get("security", []) == ([] if path in OPEN else [{"bearer": []}, {"cookie": []}]), path
        assert ("401" in raw["responses"]) == (path not in OPEN), path
        assert raw["description"], path
        for status, answer in raw["responses"].items():
            if int(status) >= 400:
                assert int(status) in REFUSALS
                assert answer["content"]["application/json"]["schema"] == {"$ref": "#/components/schemas/Error"}


def test_the_description_itself_is_for_owners_only_and_valid(roomy: Guarded) -> None:
    with roomy.stranger() as nobody, roomy.owner() as client:
        assert nobody.get("/openapi.json").status_code == 401
        found = client.get("/openapi.json").json()
    assert found["openapi"].startswith("3.1")
    assert found["components"]["securitySchemes"]["cookie"]["name"] == COOKIE
    text = json.dumps(found)
    for name in set(_references(found)):
        assert name in found["components"]["schemas"], name
    assert "HTTPValidationError" not in text


def _references(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        if isinstance(value.get("$ref"), str):
            yield value["$ref"].removeprefix("#/components/schemas/")
        for part in value.values():
            yield from _references(part)
    elif isinstance(value, list):
        for part in value:
            yield from _references(part)


@pytest.mark.real
@settings(max_examples=examples(40), deadline=None, database=None, suppress_health_check=list(HealthCheck))
@seed(SEED)
@given(data=st.binary(max_size=400))
def test_bytes_that_are_no_request_get_an_answer_or_none_and_the_server_lives(roomy: Guarded, data: bytes) -> None:
    answer = roomy.raw(data + b"\r\n\r\n", timeout=0.2)
    assert not answer or answer.startswith(b"HTTP/1.1 4"), answer[:200]
    with roomy.stranger() as nobody:
        assert nobody.get("/healthz").json() == {"ok": True}
