"""Nobody takes all connections of a server, nor holds one by taking nothing of what was asked for."""

from __future__ import annotations

import contextlib
import socket

import psutil
import pytest

from tests.waiting import wait_until
from tests.web.guarded import Guarded


def held(client: tuple[str, int]) -> bool:
    """Whether the server's side of a client's connection is still there."""
    lines = psutil.Process().net_connections("tcp")
    return any(line.raddr == client and line.status == "ESTABLISHED" for line in lines)


@pytest.mark.fault("H11")
def test_one_address_does_not_get_all_connections(server: Guarded, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pipeline.web.listening.Direct.each", 3)
    with contextlib.ExitStack() as lines:
        for _ in range(3):
            line = lines.enter_context(socket.create_connection(("127.0.0.1", server.port), timeout=20))
            line.sendall(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n")
            assert line.recv(100).startswith(b"HTTP/1.1 200")
        assert server.raw(b"") == b"", "the fourth is ended at once"
    wait_until(lambda: server.raw(b"GET / HTTP/1.0\r\nHost: localhost\r\n\r\n").startswith(b"HTTP/1.1 200"))


@pytest.mark.fault("H11")
@pytest.mark.skipif(not hasattr(socket, "TCP_USER_TIMEOUT"), reason="Linux only")
def test_who_takes_nothing_of_an_answer_is_let_go(server: Guarded, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pipeline.web.listening.Protocol.stall_s", 1.0)
    monkeypatch.setattr("pipeline.web.source_code.packed", lambda: bytes(50_000_000))
    with socket.create_connection(("127.0.0.1", server.port), timeout=20) as line:
        line.sendall(b"GET /source.zip HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
        assert line.recv(12) == b"HTTP/1.1 200"
        assert held(line.getsockname())
        wait_until(lambda: not held(line.getsockname()))
