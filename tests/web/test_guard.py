"""Guard: what every request and every WebSocket has to pass, against a real server."""

from __future__ import annotations

import contextlib
import json
import socket

import httpx
import pytest
from websockets.exceptions import InvalidStatus
from websockets.sync.client import connect

from tests.waiting import wait_until
from tests.web.guarded import Guarded

REBOUND = ["evil.example", "evil.example:8420", "127.0.0.1.evil.example", "localhost.evil.example", "169.254.169.254"]


def routes(server: Guarded) -> list[tuple[str, str]]:
    """Every route of the application with each of its methods."""
    return [
        (method.upper(), path.replace("{ident}", "abcdefgh01").replace("{name}", "a.mp4"))
        for path, methods in server.app.openapi()["paths"].items()
        for method in methods
    ]


@pytest.mark.fault("H9")
def test_every_route_but_the_open_ones_asks_for_an_owner(server: Guarded) -> None:
    found = routes(server)
    assert len(found) > 15
    with server.stranger() as client:
        for method, path in [*found, ("GET", "/openapi.json"), ("GET", "/no/such/route")]:
            client.cookies.clear()
            said = client.request(method, path, headers={"Content-Type": "application/json"})
            is_open = path in ("/healthz", "/source.zip", "/api/login", "/api/about")
            assert (said.status_code == 401) != is_open, (method, path, said.text)
            assert said.status_code < 500


@pytest.mark.fault("H9")
def test_a_wrong_token_is_no_owner(server: Guarded) -> None:
    for token in ("x", "A" * 43, "A" * 1000, "Bearer", "%00", "../../x"):
        with server.stranger(Authorization=f"Bearer {token}", Cookie=f"cleanplate={token}") as client:
            assert client.get("/api/sessions").status_code == 401


@pytest.mark.fault("H9")
def test_about_tells_strangers_little(server: Guarded) -> None:
    with server.stranger() as stranger, server.owner() as owner:
        assert set(stranger.get("/api/about").json()) == {"version", "licence", "source", "owner_needed", "login"}
        assert "machine" in owner.get("/api/about").json()


@pytest.mark.fault("H10")
@pytest.mark.parametrize("host", REBOUND)
def test_a_name_that_is_not_ours_is_refused(server: Guarded, host: str) -> None:
    with server.owner() as client:
        said = client.get("/api/sessions", headers={"Host": host})
        assert said.status_code == 421
        assert client.get("/", headers={"Host": host}).status_code == 421


@pytest.mark.fault("H10")
@pytest.mark.parametrize(
    "host", ["", "a b", "http://localhost", "localhost:x", "localhost:99999999", "loc/alhost", "@localhost"]
)
def test_what_is_no_name_is_refused(server: Guarded, host: str) -> None:
    answer = server.raw(f"GET / HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n".encode())
    assert b" 400 " in answer.split(b"\r\n")[0]


def test_our_own_names_are_let_in(server: Guarded) -> None:
    with server.owner() as client:
        for host in (f"127.0.0.1:{server.port}", f"localhost:{server.port}", "LOCALHOST", "localhost:9999", "[::1]:80"):
            assert client.get("/api/sessions", headers={"Host": host}).status_code == 200, host


@pytest.mark.fault("H10")
@pytest.mark.parametrize(
    "origin", ["http://evil.example", "null", "https://127.0.0.1", "http://127.0.0.1:1", "file://", ""]
)
def test_a_page_of_another_origin_may_do_nothing(server: Guarded, origin: str) -> None:
    with server.page() as client:
        headers = {"Origin": origin}
        assert client.post("/api/logout", headers=headers).status_code == 403
        assert client.get("/api/sessions", headers=headers).status_code == 403
        assert client.get("/api/sessions").status_code == 200, "it was not logged out"


@pytest.mark.fault("H10")
def test_a_cookie_without_an_origin_does_nothing(server: Guarded) -> None:
    with server.page() as client:
        del client.headers["Origin"]
        assert client.get("/api/sessions").status_code == 200
        assert client.post("/api/logout").status_code == 403


@pytest.mark.fault("H10")
@pytest.mark.parametrize("site", ["cross-site", "same-site"])
def test_a_page_of_another_site_cannot_even_load_what_api_gives(server: Guarded, site: str) -> None:
    with server.page() as client:
        assert client.get("/api/sessions", headers={"Sec-Fetch-Site": site}).status_code == 403
        assert client.get("/", headers={"Sec-Fetch-Site": site}).status_code == 200, "a link may lead here"


@pytest.mark.fault("H10")
def test_no_answer_allows_another_origin(server: Guarded) -> None:
    with server.stranger(Origin="http://evil.example") as client:
        for method in ("OPTIONS", "GET", "POST"):
            said = client.request(method, "/api/login", headers={"Access-Control-Request-Method": "POST"})
            assert not [name for name in said.headers if name.startswith("access-control")]


@pytest.mark.fault("H10")
def test_a_websocket_needs_owner_host_and_origin(server: Guarded) -> None:
    address = f"ws://127.0.0.1:{server.port}/api/sessions/abcdefgh01/live"
    with server.page() as client:
        cookie = f"cleanplate={client.cookies['cleanplate']}"

    def status(**headers: str) -> int:
        with pytest.raises(InvalidStatus) as refused:
            connect(address, additional_headers=headers, proxy=None).close()
        return refused.value.response.status_code

    assert status() == 401
    assert status(Cookie=cookie) == 403
    assert status(Cookie=cookie, Origin="http://evil.example") == 403
    assert status(Cookie=cookie, Origin=server.base) == 404, "let in; there is no such session"


def test_every_answer_bears_the_headers_that_fence_a_page_in(server: Guarded) -> None:
    with server.owner() as client:
        for path in ("/", "/healthz", "/api/about", "/api/sessions", "/no/such", "/static/no-such"):
            headers = client.get(path).headers
            policy = headers["content-security-policy"]
            assert "default-src 'self'" in policy
            assert "unsafe" not in policy
            assert headers["x-content-type-options"] == "nosniff"
            assert headers["referrer-policy"] == "no-referrer"
            assert headers["cross-origin-opener-policy"] == "same-origin"
            assert headers["cross-origin-resource-policy"] == "same-origin"
            assert "server" not in headers
        assert client.get("/api/about").headers["cache-control"] == "no-store"


@pytest.mark.fault("H6")
@pytest.mark.parametrize(
    "path",
    [
        "/static/../settings.py", "/static/%2e%2e/settings.py", "/static/..%2fsettings.py",
        "/static/%2e%2e%2fsettings.py", "/static/..%5csettings.py", "/static/%252e%252e/settings.py",
        "/static//etc/passwd", "/static/%00", "//etc/passwd",
        "/static/./x", "/static/%2fetc%2fpasswd", "/static/..;/settings.py", "/static/%0d%0aSet-Cookie:x=1",
    ],
)  # fmt: skip
def test_no_path_leads_out_of_the_static_files(server: Guarded, path: str) -> None:
    answer = server.raw(f"GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n".encode())
    assert answer.split()[1] in (b"404", b"400"), answer[:200]
    assert b"ServeSettings" not in answer
    assert b"Set-Cookie" not in answer


@pytest.mark.fault("H11")
@pytest.mark.parametrize(
    "head",
    [
        b"X-Long: " + b"a" * 20_000, b"X-Huge: " + b"a" * 300_000, b"\r\n".join(b"X-%d: 1" % n for n in range(200)),
        b"Host: 127.0.0.1", b"Content-Length: 5\r\nContent-Length: 6", b"Content-Length: -5",
        b"Content-Length: 5\r\nTransfer-Encoding: chunked",
        b"Origin: http://a\r\nOrigin: http://b", b"Content-Length: 99999999999999999999999", b"X: \x00", b"no colon",
    ],
    ids=str,
)  # fmt: skip
def test_headers_that_are_too_many_too_long_or_doubled_are_refused(server: Guarded, head: bytes) -> None:
    answer = server.raw(b"GET /healthz HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n" + head + b"\r\n\r\n", 5)
    assert answer == b"" or answer.split()[1] in (b"400", b"413", b"431"), answer[:100]


@pytest.mark.fault("H11")
def test_a_long_address_is_refused(server: Guarded) -> None:
    with server.owner() as client:
        assert client.get("/api/sessions/" + "a" * 5000).status_code == 400
        assert client.get("/api/sessions?" + "a" * 5000).status_code == 400


@pytest.mark.fault("H11")
def test_a_body_that_is_too_long_is_refused_before_it_comes(server: Guarded) -> None:
    head = b"POST /api/login HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
    answer = server.raw(head + b"Content-Length: 10000000000\r\n\r\n")
    assert answer.split()[1] == b"413"
    chunk = b"10000\r\n" + b"a" * 65536 + b"\r\n"
    answer = server.raw(head + b"Transfer-Encoding: chunked\r\n\r\n" + 2 * chunk)
    assert answer.split()[1] == b"413"


@pytest.mark.fault("H11")
def test_a_body_that_does_not_come_is_not_waited_for(server: Guarded, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pipeline.web.bodies.SMALL_S", 0.3)
    head = (
        b"POST /api/login HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: 10\r\n\r\n{"
    )
    assert server.raw(head).split()[1] == b"408"


@pytest.mark.fault("H11")
@pytest.mark.parametrize("begun", [b"", b"GET / HT", b"GET / HTTP/1.1\r\nHost: loc"])
def test_a_connection_that_does_not_come_to_the_point_is_ended(
    server: Guarded, monkeypatch: pytest.MonkeyPatch, begun: bytes
) -> None:
    monkeypatch.setattr("pipeline.web.listening.Protocol.head_s", 0.3)
    with socket.create_connection(("127.0.0.1", server.port), timeout=20) as line:
        line.sendall(begun)
        with contextlib.suppress(ConnectionResetError):
            assert line.recv(100) == b""


@pytest.mark.fault("H11")
def test_a_second_request_that_trickles_is_not_waited_for(server: Guarded, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pipeline.web.listening.Protocol.head_s", 0.3)
    answer = server.raw(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\nGET /healthz HT", timeout=15)
    assert answer.count(b"HTTP/1.1 200") == 1


@pytest.mark.fault("H11")
def test_what_is_compressed_or_a_form_is_refused(server: Guarded) -> None:
    with server.owner() as client:
        for headers in (
            {"Content-Encoding": "gzip", "Content-Type": "application/json"},
            {"Content-Type": "application/x-www-form-urlencoded"},
            {"Content-Type": "multipart/form-data; boundary=x"},
            {"Content-Type": "text/plain"},
        ):
            assert client.post("/api/sessions", content=b"{}", headers=headers).status_code == 415


@pytest.mark.fault("H9")
def test_answers_are_one_line_of_json_without_paths_or_tracebacks(server: Guarded) -> None:
    with server.owner() as client:
        for said in (
            client.post(
                "/api/sessions", json={"pipeline": "/etc/passwd", "source": {"kind": "camera", "address": "cam:test"}}
            ),
            client.post("/api/sessions", content=b"{", headers={"Content-Type": "application/json"}),
            client.get("/api/uploads/../x"),
            client.delete(f"/api/uploads/{'0' * 32}"),
        ):
            assert 400 <= said.status_code < 500, said.text
            text = said.json()["error"]
            assert "\n" not in text
            assert "Traceback" not in text
            assert str(server.settings.media) not in text


def test_a_failure_of_the_server_itself_gives_nothing_away(server: Guarded, caplog: pytest.LogCaptureFixture) -> None:
    @server.app.get("/api/broken")
    async def broken() -> None:
        raise ValueError("rtsp://user:secret@host/\nFAKE LINE")

    with server.owner() as client:
        said = client.get("/api/broken")
        assert said.status_code == 500
        assert "secret" not in said.text
        assert "ValueError" not in said.text
    lines = [record.getMessage() for record in caplog.records if "broken" in record.getMessage()]
    assert lines
    assert not [line for line in lines if "\n" in line or "secret" in line]


@pytest.mark.fault("H13")
def test_the_log_has_one_object_a_line_and_nothing_secret(server: Guarded, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level("INFO", logger="cleanplate.web"), server.owner() as client:
        token = client.headers["Authorization"].split()[1]
        client.get("/api/sessions/%0aGET%20fake%1b[31m?token=verysecret")
        client.get(f"/api/sessions?token={token}")
        wait_until(lambda: len(caplog.records) >= 3)
    lines = [record.getMessage() for record in caplog.records if record.name == "cleanplate.web"]
    assert len(lines) >= 3
    for line in lines:
        assert line.isprintable()
        assert isinstance(json.loads(line), dict)
        assert "verysecret" not in line
        assert token not in line


def test_httpx_gets_what_it_asked_for(server: Guarded) -> None:
    assert httpx.get(f"{server.base}/healthz").json() == {"ok": True}
