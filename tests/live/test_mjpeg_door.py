"""Who may come in over HTTP: this machine, and others only with a token."""

from __future__ import annotations

from http import HTTPStatus

import pytest

from pipeline.errors import SetupError
from stages.output.mjpeg_door import Door

PORT = 8090


def test_others_than_this_machine_are_let_in_only_with_a_token() -> None:
    with pytest.raises(SetupError, match=r"others could watch; take http://127.0.0.1:8090/, or set open_to_network"):
        Door.of("http://0.0.0.0:8090/", open_to_network=False)
    with pytest.raises(SetupError, match=r"needs a token .* take http://0.0.0.0:8090/[\w-]{22}/"):
        Door.of("http://0.0.0.0:8090/short/", open_to_network=True)
    door = Door.of("http://0.0.0.0:8090/abcdefghijklmnop/", open_to_network=True)
    host = b"\r\nHost: 192.168.1.7:8090\r\n\r\n"
    assert door.judge(b"GET /abcdefghijklmnop/ HTTP/1.1" + host, PORT) == "stream"
    assert door.judge(b"GET /abcdefghijklmnop/snapshot.jpg HTTP/1.1" + host, PORT) == "snapshot"
    for path in (b"/", b"/snapshot.jpg", b"/abcdefghijklmnop", b"/abcdefghijklmnoq/", b"/%s/" % ("é" * 16).encode()):
        assert door.judge(b"GET " + path + b" HTTP/1.1" + host, PORT) == HTTPStatus.NOT_FOUND


@pytest.mark.parametrize(
    "address", ["http://127.0.0.1/", "http://:8090/", "http://a:b@127.0.0.1:1/", "http://127.0.0.1:1/?x", "http://[::1"]
)
def test_an_address_that_says_no_host_and_port_is_refused_with_one_that_does(address: str) -> None:
    with pytest.raises(SetupError, match=r"http://127.0.0.1:8090/"):
        Door.of(address, open_to_network=True)
