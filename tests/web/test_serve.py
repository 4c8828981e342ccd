"""`cleanplate serve` from the command line: where it listens, whom it lets in, and what it refuses."""

from __future__ import annotations

import os
import socket
import stat
from pathlib import Path

import httpx
import pytest

from tests.commands import cleanplate
from tests.web.served import PLAIN, Served, toy

pytestmark = pytest.mark.real


def refused(tmp_path: Path, *args: str) -> tuple[int, str]:
    said = cleanplate("serve", "--media", str(tmp_path / "media"), *args, env={"CLEANPLATE_STATE": str(tmp_path / "s")})
    assert said.stdout == ""
    assert "Traceback" not in said.stderr
    return said.returncode, said.stderr.strip()


def test_a_port_in_use_is_found_before_anything_starts_and_who_has_it_is_said(
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    folder = tmp_path_factory.mktemp("port")
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        code, said = refused(folder, "--port", str(port))
    assert code == 3
    assert said.startswith(f"cleanplate: port {port} is in use by ")
    assert f"(process {os.getpid()})" in said
    assert "--port takes another one" in said


@pytest.mark.parametrize(
    ("args", "word"),
    [
        (
            ("--host", "0.0.0.0"),
            "--host 0.0.0.0: others could listen in; give --tls-cert and --tls-key, or --behind-proxy",
        ),
        (("--tls-cert", "x.pem"), "--tls-cert and --tls-key belong together"),
        (("--tls-cert", "x.pem", "--tls-key", "y.pem"), "--tls-cert x.pem: there is no such file"),
        (("--token", "secret"), "6 characters can be guessed"),
        (("--pipeline", "remove-peopel"), "did you mean 'remove-people'?"),
        (("--port", "70000"), "invalid value for '--port'"),
    ],
)
def test_what_would_be_unsafe_or_is_wrong_is_refused_with_the_way_out(
    tmp_path: Path, args: tuple[str, ...], word: str
) -> None:
    code, said = refused(tmp_path, *args)
    assert code == 2
    assert word in said
    assert "\n" not in said


def test_a_state_folder_that_is_too_deep_for_sockets_is_refused(tmp_path: Path) -> None:
    deep = tmp_path / ("d" * 80)
    said = cleanplate("serve", "--port", "0", "--media", str(tmp_path), env={"CLEANPLATE_STATE": str(deep)})
    assert said.returncode == 2
    assert "set CLEANPLATE_STATE to a shorter one" in said.stderr


def test_off_loopback_a_token_is_made_kept_and_shown_as_a_part_of_the_address(
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    folder = tmp_path_factory.mktemp("away")
    args = ("--pipeline", toy(folder, PLAIN, name="plain"), "--host", "0.0.0.0", "--behind-proxy")
    with Served(folder, *args) as served:
        address, _, fragment = served.address.partition("#token=")
        kept = served.state / "web-token"
        assert kept.read_text() == fragment
        assert stat.S_IMODE(kept.stat().st_mode) == 0o600
        assert len(fragment) >= 43
        assert httpx.get(f"{address}healthz").json() == {"ok": True}
        assert httpx.get(f"{address}api/about").json()["owner_needed"] is True
        assert httpx.post(f"{address}api/login", json={"bearer": True}).status_code == 403
        with served.program(fragment) as program:
            assert program.get("/api/sessions").json() == []
    with Served(folder, *args) as again:
        assert again.address.partition("#token=")[2] == fragment


def test_a_given_token_is_not_handed_on_to_pipelines(tmp_path_factory: pytest.TempPathFactory) -> None:
    folder = tmp_path_factory.mktemp("given")
    token = "a-token-of-some-length"
    pipeline = toy(folder, PLAIN, name="plain")
    with Served(folder, "--pipeline", pipeline, environment={"CLEANPLATE_TOKEN": token, "SPT_NOENV": "1"}) as served:
        assert httpx.post(f"{served.base}/api/login", json={"bearer": True}).status_code == 403
        with served.program(token) as program:
            session = program.begin("plain", pinned=True)
            program.await_state(session["id"], "running")
            below = served.below
            assert len(below) >= 5
            for process in below:
                assert token.encode() not in Path(f"/proc/{process.pid}/environ").read_bytes()
                assert token not in " ".join(process.cmdline())
            program.delete(f"/api/sessions/{session['id']}")


def test_the_web_process_brings_in_neither_torch_nor_opencv(tmp_path_factory: pytest.TempPathFactory) -> None:
    folder = tmp_path_factory.mktemp("light")
    with Served(folder, "--pipeline", toy(folder)) as served:
        with served.program() as program:
            session = program.begin("toy")
            with program.page(session["id"], views=["result"]) as page:
                page.picture()
            program.get("/api/cameras")
            program.get("/api/about")
            program.delete(f"/api/sessions/{session['id']}")
        mapped = Path(f"/proc/{served.process.pid}/maps").read_text()
    assert "/cv2/" not in mapped
    assert "/torch/" not in mapped


def test_the_help_shows_how_it_is_used_and_comes_at_once() -> None:
    said = cleanplate("serve", "--help")
    assert said.returncode == 0
    for word in ("--behind-proxy", "--local-sources", "cleanplate serve --open", "access token"):
        assert word in said.stdout


def test_without_the_web_extra_one_line_says_how_to_get_it(monkeypatch: pytest.MonkeyPatch) -> None:
    from pipeline.cli import serving
    from pipeline.errors import SetupError

    monkeypatch.setattr(serving, "NEEDED", ("fastapi", "no_such_package"))
    with pytest.raises(SetupError, match=r"no_such_package: not installed.*pip install 'cleanplate\[web\]'"):
        serving.check_extra()
