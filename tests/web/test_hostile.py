"""Two owners, and a stranger: what one of them has does not exist for the others, however they ask (H12)."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest
from websockets.exceptions import InvalidStatus
from websockets.sync.client import connect

from tests.clips import make_clip
from tests.waiting import wait_until
from tests.web.guarded import Guarded, guarded
from tests.web.served import toy

pytestmark = pytest.mark.real

BODIES: dict[str, Any] = {
    "restart": {},
    "set": {"stage": "cover", "field": "level", "value": 3},
    "scale": {"stage": "cover", "workers": 2},
    "choose": {"x": 0.5, "y": 0.5, "do": "remove"},
    "zones": {"hide": [[[0.1, 0.1], [0.5, 0.1], [0.5, 0.5]]], "spare": []},
    "record": {"on": True},
    "{id}": {"title": "mine now"},
}
SDP = "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nt=0 0\r\nm=video 9 UDP/TLS/RTP/SAVPF 96\r\na=recvonly\r\n"


@dataclass
class World:
    """A server on which Ann has a session that runs, one that is over with its file, and an upload."""

    server: Guarded
    ann: httpx.Client
    bob: httpx.Client
    session: str
    ended: str
    result: str
    upload: str

    def address(self, path: str) -> str:
        """A path of the description, with what is Ann's in it."""
        ident = self.ended if "files" in path else self.session
        if "uploads" in path:
            ident = self.upload
        filled = path.replace("{id}", ident).replace("{ident}", ident).replace("{name}", self.result)
        return filled.replace("{peer}", "f" * 32)


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    folder = tmp_path_factory.mktemp("hostile")
    clip = make_clip(folder / "secret.mp4", 6)
    with guarded(folder, {"requests": 100_000.0}, pipelines=(toy(folder),)) as server, server.owner() as ann:
        upload = ann.post("/api/uploads", content=clip.read_bytes(), headers={"X-Filename": "secret.mp4"}).json()["id"]
        ended = begin(ann, {"kind": "upload", "id": upload})
        wait_until(lambda: ann.get(f"/api/sessions/{ended}").json()["state"] == "ended", 60)
        (result,) = [one["name"] for one in ann.get(f"/api/sessions/{ended}/files").json() if one["complete"]]
        session = begin(ann, {"kind": "camera", "address": "cam:test"})
        wait_until(lambda: ann.get(f"/api/sessions/{session}").json()["state"] == "running", 60)
        with server.owner() as bob:
            yield World(server, ann, bob, session, ended, result, upload)
        assert ann.delete(f"/api/sessions/{session}").status_code == 204


@pytest.fixture(scope="module")
def eve(world: World) -> Iterator[tuple[httpx.Client, str]]:
    """Somebody with a session of her own, who asks from there."""
    with world.server.owner() as client:
        own = begin(client, {"kind": "camera", "address": "cam:test"})
        wait_until(lambda: client.get(f"/api/sessions/{own}").json()["state"] == "running", 60)
        yield client, own
        assert client.delete(f"/api/sessions/{own}").status_code == 204


def begin(client: httpx.Client, source: dict[str, Any]) -> str:
    said = client.post("/api/sessions", json={"pipeline": "toy", "source": source, "pinned": True})
    assert said.status_code == 201, said.text
    ident: str = said.json()["id"]
    return ident


def requests(world: World) -> Iterator[tuple[str, str, dict[str, Any]]]:
    """Every route that names something, with a body that would do."""
    description = world.ann.get("/openapi.json").json()
    for path, methods in description["paths"].items():
        for method in methods if "{" in path else ():
            more: dict[str, Any] = {}
            last = path.rpartition("/")[2]
            if last in BODIES and method in ("post", "put", "patch"):
                more = {"json": BODIES[last]}
            if last in ("whep", "whip"):
                more = {"content": SDP, "headers": {"Content-Type": "application/sdp"}}
            yield method.upper(), world.address(path), more


def is_untouched(world: World) -> bool:
    """Whether all that is Ann's is there as it was."""
    session = world.ann.get(f"/api/sessions/{world.session}").json()
    levels = [one["value"] for stage in session["stages"] for one in stage["fields"] if one["name"] == "level"]
    files = [one["name"] for one in world.ann.get(f"/api/sessions/{world.ended}/files").json()]
    uploads = [one["id"] for one in world.ann.get("/api/uploads").json()]
    return (
        session["state"] == "running"
        and session["title"] == ""
        and not session["recording"]
        and not session["zones"]["hide"]
        and levels == [255]
        and world.result in files
        and world.upload in uploads
    )


def test_what_is_anothers_does_not_exist(world: World) -> None:
    asked = 0
    for method, address, more in requests(world):
        answer = world.bob.request(method, address, **more)
        assert answer.status_code == 404, (method, address, answer.status_code, answer.text)
        made_up = address
        for ident in (world.session, world.ended, world.upload):
            made_up = made_up.replace(ident, "0" * len(ident))
        nothing = world.bob.request(method, made_up, **more)
        assert (nothing.status_code, nothing.json()) == (404, answer.json()), "it is not even told that it is there"
        asked += 1
    assert asked >= 25
    assert is_untouched(world)


def test_a_stranger_is_told_to_log_in_and_nothing_else(world: World) -> None:
    with world.server.stranger() as stranger:
        for method, address, more in requests(world):
            answer = stranger.request(method, address, **more)
            assert answer.status_code == 401, (method, address, answer.text)
            assert answer.headers["www-authenticate"] == "Bearer"
    assert is_untouched(world)


def test_no_list_holds_what_is_anothers(world: World) -> None:
    assert world.bob.get("/api/sessions").json() == []
    assert world.bob.get("/api/uploads").json() == []


def test_anothers_upload_is_no_source(world: World) -> None:
    source = {"kind": "upload", "id": world.upload}
    for path, wish in (("/api/probe", {}), ("/api/sessions", {"pipeline": "toy"})):
        answer = world.bob.post(path, json={"source": source, **wish})
        assert answer.status_code == 404, answer.text
        assert "secret" not in answer.text
    assert world.bob.get("/api/sessions").json() == []


def test_anothers_pictures_do_not_come_by_the_websocket(world: World) -> None:
    address = f"ws://127.0.0.1:{world.server.port}/api/sessions/{world.session}/live"
    for client, status in ((world.bob, (403, 404)), (None, (401, 403))):
        headers = {"Authorization": client.headers["Authorization"]} if client else {}
        with pytest.raises(InvalidStatus) as caught, connect(address, additional_headers=headers):
            pass
        assert caught.value.response.status_code in status


def test_one_who_logs_out_has_nothing_any_more(world: World) -> None:
    with world.server.owner() as guest:
        token = guest.headers["Authorization"]
        assert guest.post("/api/logout").status_code == 200
        assert guest.get("/api/sessions").status_code == 401
    with world.server.stranger(Authorization=token, Cookie=f"cleanplate={token.split()[1]}") as late:
        assert late.get("/api/sessions").status_code == 401


@pytest.mark.parametrize(
    "headers",
    [
        {"X-Forwarded-For": "127.0.0.1", "X-Forwarded-Host": "127.0.0.1", "X-Forwarded-Proto": "https"},
        {"X-Original-URL": "/healthz", "X-Rewrite-URL": "/healthz"},
        {"X-HTTP-Method-Override": "GET"},
        {"Authorization": "Bearer"},
        {"Authorization": "Bearer " + "\u00e9".encode().decode("latin-1") * 43},
        {"Authorization": "Basic YWRtaW46YWRtaW4="},
        {"Authorization": "Bearer null"},
        {"Cookie": "cleanplate="},
        {"Cookie": "cleanplate=../../" + "a" * 40},
        {"Cookie": "cleanplate=" + "0" * 64},
        {"X-User": "admin", "X-Remote-User": "admin", "Remote-User": "root"},
    ],
)
def test_no_header_makes_a_stranger_an_owner(world: World, headers: dict[str, str]) -> None:
    raw = {name: value.encode("latin-1") for name, value in headers.items()}
    with world.server.stranger() as stranger:
        for address in ("/api/sessions", f"/api/sessions/{world.session}", "/openapi.json"):
            assert stranger.get(address, headers=raw).status_code == 401


@pytest.mark.parametrize(
    "path",
    [
        "//api/sessions", "/./api/sessions", "/healthz/../api/sessions", "/static/../api/sessions", "/api//sessions",
        "/static/%2e%2e/api/sessions", "/static/..%2fapi/sessions", "/API/sessions", "/api/sessions/",
        "/api/sessions;a=b",
        "/api/sessions%00", "/api/sessions%20", "/healthz%2f..%2fapi%2fsessions", "/api/login/../sessions",
        "/api/about/../sessions", "/static/..;/api/sessions", "/%61pi/sessions", "/api/sessions?x=/static/",
        "/api/sessions#/static/", "/static/api/sessions", "http://127.0.0.1/api/sessions",
    ],
)  # fmt: skip
def test_no_spelling_of_a_path_leads_a_stranger_round_the_guard(world: World, path: str) -> None:
    line = f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1:{world.server.port}\r\nConnection: close\r\n\r\n"
    answer = world.server.raw(line.encode())
    assert answer.split(b" ", 2)[1] in (b"400", b"401", b"404"), answer[:200]
    assert world.session.encode() not in answer


@pytest.mark.parametrize(
    "path",
    [
        "{id}/files/..%2f..%2f..%2fowners.json", "{id}/files/%2e%2e%2fowners.json", "{id}/files/....//owners.json",
        "{id}/files/recording%2f..%2f..", "{id}/files/%00", "{id}/files/-rf", "{id}/files/.", "{id}/files/..",
        "..%2f{other}", "{id}%2f..%2f{other}", "{id}/files/..%5c..%5cowners.json", "{id}/files/%ff%fe",
    ],
)  # fmt: skip
def test_an_owner_does_not_get_out_of_its_folder(world: World, eve: tuple[httpx.Client, str], path: str) -> None:
    client, own = eve
    target = "/api/sessions/" + path.format(id=own, other=world.session)
    token = client.headers["Authorization"]
    line = f"GET {target} HTTP/1.1\r\nHost: 127.0.0.1:{world.server.port}\r\nAuthorization: {token}\r\n"
    answer = world.server.raw((line + "Connection: close\r\n\r\n").encode())
    assert answer.split(b" ", 2)[1] in (b"400", b"404"), answer[:300]
    assert b"salt" not in answer
    assert str(world.server.settings.media).encode() not in answer


def test_nothing_that_is_refused_names_a_folder_of_the_server_or_a_token(world: World) -> None:
    said = []
    for method, address, more in requests(world):
        said.append(world.bob.request(method, address + "x", **more).text)
        said.append(world.ann.request("POST", "/api/sessions", content=b"{" + address.encode()).text)
    said.append(world.ann.post("/api/sessions", json={"pipeline": "/etc/passwd", "source": {"kind": "browser"}}).text)
    whole = "\n".join(said)
    for secret in (str(world.server.settings.media), str(Path.home()), world.ann.headers["Authorization"].split()[1]):
        assert secret not in whole
    assert "root:" not in whole
    assert all(list(json.loads(one)) == ["error"] for one in said if one)
