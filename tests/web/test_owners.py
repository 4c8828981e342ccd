"""Owners and their login: only hashes of tokens are kept, and the access token cannot be guessed at leisure."""

from __future__ import annotations

import json
import stat
from pathlib import Path

import pytest

from pipeline.web import owners as module
from pipeline.web.owners import FILE, Owners, folder_of, id_of
from pipeline.web.refusal import Refused
from pipeline.web.settings import Limits, ServeSettings
from tests.web.guarded import Guarded, guarded

SECRET = "the access token of this test"


class Clock:
    now = 1e9

    def __call__(self) -> float:
        return self.now


def settings(folder: Path, **given: object) -> ServeSettings:
    return ServeSettings.model_validate({"media": folder, **given})


def test_a_restart_keeps_owners_and_only_their_hashes_are_on_the_disk(tmp_path: Path) -> None:
    token = Owners(settings(tmp_path)).issue()
    assert len(token) >= 43, "32 bytes"
    assert id_of(token) in Owners(settings(tmp_path))
    assert token not in (tmp_path / FILE).read_text()
    assert stat.S_IMODE((tmp_path / FILE).stat().st_mode) == 0o600


def test_another_access_token_forgets_everybody(tmp_path: Path) -> None:
    token = Owners(settings(tmp_path, token="old")).issue()
    assert id_of(token) in Owners(settings(tmp_path, token="old"))
    assert id_of(token) not in Owners(settings(tmp_path, token="new"))
    assert "new" not in json.loads((tmp_path / FILE).read_text())["key"]


@pytest.mark.parametrize(
    "text", ["", "{", "[]", "null", '{"owners": 5}', '{"salt": "x", "key": "y", "owners": {"a": "b"}}']
)
def test_a_torn_file_means_that_everybody_logs_in_again(tmp_path: Path, text: str) -> None:
    (tmp_path / FILE).write_text(text)
    owners = Owners(settings(tmp_path))
    assert len(owners) == 0
    assert id_of(owners.issue()) in Owners(settings(tmp_path))


def test_who_does_not_come_any_more_is_forgotten(tmp_path: Path) -> None:
    clock = Clock()
    owners = Owners(settings(tmp_path, limits=Limits(keep_seconds=100)), clock)
    old = id_of(owners.issue())
    clock.now += 60
    young = id_of(owners.issue())
    clock.now += 60
    assert owners.sweep() == [old]
    assert young in owners
    assert old not in owners


def test_the_number_of_owners_is_bounded_and_nobody_who_is_here_is_put_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "MOST", 3)
    clock = Clock()
    owners = Owners(settings(tmp_path), clock)
    first, *_ = [id_of(owners.issue()) for _ in range(3)]
    with pytest.raises(Refused, match="later"):
        owners.issue()
    clock.now += module.FRESH_S + 1
    owners.issue()
    assert len(owners) == 3
    assert first not in owners


def test_without_an_access_token_only_this_machine_is_let_in(tmp_path: Path) -> None:
    assert Owners(settings(tmp_path)).admits("")
    assert not Owners(settings(tmp_path, host="192.168.1.5")).admits("")
    assert Owners(settings(tmp_path, host="192.168.1.5", token=SECRET)).admits(SECRET)


@pytest.mark.parametrize("owner", ["", "..", "a" * 63, "A" * 64, "../" + "a" * 61])
def test_what_is_no_id_makes_no_folder(tmp_path: Path, owner: str) -> None:
    with pytest.raises(AssertionError):
        folder_of(settings(tmp_path), owner)


def test_a_page_gets_a_cookie_that_scripts_cannot_read(server: Guarded) -> None:
    with server.stranger(Origin=server.base) as client:
        said = client.post("/api/login", json={})
        cookie = said.headers["set-cookie"].lower()
        assert "httponly" in cookie
        assert "samesite=strict" in cookie
        assert "secure" not in cookie, "over plain HTTP it would not come back"
        assert client.cookies["cleanplate"] not in said.text
        assert client.post("/api/login", json={"bearer": True}).status_code == 400


def test_behind_a_proxy_that_encrypts_the_cookie_is_for_encrypted_ways_only(tmp_path: Path) -> None:
    with guarded(tmp_path, behind_proxy=True, allowed_hosts=("video.example.org",)) as server:
        proxied = {
            "X-Forwarded-Proto": "https", "X-Forwarded-Host": "video.example.org",
            "X-Forwarded-For": "6.6.6.6, 9.9.9.9", "Origin": "https://video.example.org",
        }  # fmt: skip
        with server.stranger(**proxied) as client:
            assert "secure" in client.post("/api/login", json={}).headers["set-cookie"].lower()
            other = {"X-Forwarded-Host": "evil.example"}
            assert client.get("/healthz", headers=other).status_code == 421
            assert client.get("/healthz", headers={"Host": "evil.example"}).status_code == 421, "both have to be known"


def test_without_a_proxy_nobody_is_believed_what_he_forwards(server: Guarded) -> None:
    with server.stranger(**{"X-Forwarded-Proto": "https", "X-Forwarded-Host": "evil.example"}) as client:
        said = client.post("/api/login", json={})
        assert "secure" not in said.headers["set-cookie"].lower()


def test_who_logs_out_is_nobody_from_then_on(server: Guarded) -> None:
    with server.owner() as client:
        assert client.get("/api/uploads").status_code == 200
        assert client.post("/api/logout").status_code == 200
        assert client.get("/api/uploads").status_code == 401


@pytest.mark.fault("H9")
def test_the_access_token_is_asked_for_and_guessing_it_is_slow(tmp_path: Path) -> None:
    with guarded(tmp_path, token=SECRET) as server, server.stranger() as client:
        said = [client.post("/api/login", json={"token": f"guess {number}", "bearer": True}) for number in range(10)]
        assert [answer.status_code for answer in said[:5]] == [403] * 5
        assert {answer.status_code for answer in said[6:]} == {429}
        assert int(said[-1].headers["retry-after"]) >= 1
        right = client.post("/api/login", json={"token": SECRET, "bearer": True})
        assert right.status_code == 429, "guessing goes on even when it was right"
        assert SECRET not in "".join(answer.text for answer in said)


@pytest.mark.fault("H11")
def test_who_asks_too_often_is_told_when_to_go_on_and_others_are_not(tmp_path: Path) -> None:
    with guarded(tmp_path, limits={"requests": 2}) as server, server.owner() as busy, server.owner() as calm:
        said = [busy.get("/api/uploads")]
        while said[-1].status_code == 200 and len(said) < 200:
            said.append(busy.get("/api/uploads"))
        assert said[0].status_code == 200
        assert said[-1].status_code == 429
        assert int(said[-1].headers["retry-after"]) >= 1
        assert calm.get("/api/uploads").status_code == 200
