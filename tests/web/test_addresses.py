"""Sources: which addresses a pipeline may be given, and that what was checked is what is used."""

from __future__ import annotations

import asyncio
import ipaddress
import socket
import threading
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from pipeline.web.networks import objection, own_addresses
from pipeline.web.refusal import Refused
from pipeline.web.settings import ServeSettings
from pipeline.web.sources import address_of
from tests.live.servers import answering
from tests.waiting import wait_until
from tests.web.guarded import Guarded, guarded

MEDIA = Path("/nowhere")
OUTSIDE = "203.0.113.7"
LOOPBACK = [
    "127.0.0.1", "127.0.0.2", "localhost", "LOCALHOST", "localhost.", "[::1]", "[::ffff:127.0.0.1]", "[::ffff:7f00:1]",
    "127.1", "127.0.1", "0", "0.0.0.0", "0x7f000001", "0x7f.0.0.1", "0177.0.0.1", "017700000001", "2130706433", "[::]",
    "127.0.0.1.", "[2002:7f00:1::]", "[64:ff9b::7f00:1]", "[::127.0.0.1]", "%31%32%37.0.0.1", "127。0。0。1",
    "①②⑦.0.0.1",
]  # fmt: skip
ELSEWHERE = [
    "169.254.169.254", "[fd00:ec2::254]", "[::ffff:169.254.169.254]", "2852039166", "0xa9fea9fe", "169.254.1.1",
    "[fe80::1]", "[fe80::1%25eth0]", "224.0.0.1", "255.255.255.255", "[ff02::1]", "100.100.100.200", "168.63.129.16",
    "[fd00:ec2::254%1]", "[::1%1]", "[::ffff:127.0.0.1%1]",
]  # fmt: skip
STRANGE = [
    "file:///etc/passwd", "/etc/passwd", "concat:/etc/passwd|/etc/hosts", "subfile:,,start,0,end,9,,:/etc/passwd",
    "tcp://10.0.0.1:5000", "udp://10.0.0.1:5000", "gopher://10.0.0.1/", "lavfi:testsrc2", "cam:lavfi:testsrc2", "cam:0",
    "screen:", "pipe:0", "data:text/plain,x", "crypto+file:/etc/passwd", "rtmp://10.0.0.1/x", "http://10.0.0.1/x",
    "https://10.0.0.1/x", "srt://10.0.0.1:9000", "rtsp:10.0.0.1/x", "rtsp:///x", "rtsp://", "rtsp://:554/x", "", " ",
    "rtsp+http://10.0.0.1/x", "RTSP:\\\\10.0.0.1\\x", "videotestsrc ! autovideosink", "rtspt://10.0.0.1/x",
]  # fmt: skip
MANGLED = [
    "rtsp://10.0.0.1/x y", "rtsp://10.0.0.1/x\r\nHost: y", "rtsp://10.0.0.1/\x00", "rtsp://10.0.0.1/#@127.0.0.1/",
    "rtsp://10.0.0.1\\@127.0.0.1/", "rtsp://10.0.0.1:99999/x", "rtsp://10.0.0.1:0x50/x", "rtsp://u:p/w@10.0.0.1/x",
    "rtsp://${HOME}@10.0.0.1/x", "rtsp://10.0.0.1/${CLEANPLATE_TOKEN}", "rtsp://10.0.0.1/x|y", "rtsp://a_.-/.x y",
    "rtsp://" + "a" * 3000 + "/x", "rtsp://10.0.0.1/é", "rtsp://exa mple/x", "rtsp://[10.0.0.1/x", "rtsp://-/x",
]  # fmt: skip


def settings(**given: Any) -> ServeSettings:
    return ServeSettings.model_validate({"media": MEDIA, **given})


def pinned(url: str, resolves: Sequence[str] | None = None, **given: Any) -> str:
    """The address that a pipeline would get; `resolves`: what the name server says."""

    def resolve(host: str) -> Sequence[str]:
        if resolves is None:
            return [str(found[4][0]) for found in socket.getaddrinfo(host, None)]
        return resolves

    wish = {"kind": "url", "url": url}
    return asyncio.run(address_of(wish, "a" * 64, settings(**given), None, resolve))  # type: ignore[arg-type]


def refused(url: str, resolves: Sequence[str] | None = None, **given: Any) -> str:
    with pytest.raises(Refused) as error:
        pinned(url, resolves, **given)
    assert error.value.status == 422
    return error.value.text


@pytest.mark.fault("H7")
@pytest.mark.parametrize("host", [*LOOPBACK, *ELSEWHERE])
def test_this_machine_its_link_and_metadata_are_no_sources_however_they_are_spelt(host: str) -> None:
    refused(f"rtsp://{host}/x")
    refused(f"rtsp://user:pass@{host}:8554/x")


@pytest.mark.fault("H7")
@pytest.mark.parametrize("url", [*STRANGE, *MANGLED])
def test_what_is_no_plain_rtsp_address_is_refused(url: str) -> None:
    refused(url, [OUTSIDE])


@pytest.mark.fault("H7")
@pytest.mark.parametrize("inside", ["127.0.0.1", "::1", "169.254.169.254", "0.0.0.0", "::ffff:127.0.0.1", "fe80::1"])
def test_a_name_is_judged_by_all_its_addresses(inside: str) -> None:
    refused("rtsp://camera.example/x", [inside])
    refused("rtsp://camera.example/x", [OUTSIDE, inside])


@pytest.mark.fault("H7")
def test_a_name_is_looked_up_once_and_its_address_takes_its_place() -> None:
    answers = iter([[OUTSIDE], ["127.0.0.1"]])
    wish = {"kind": "url", "url": "rtsp://user:p%40ss@camera.example/a/b?c=d"}
    found = asyncio.run(address_of(wish, "a" * 64, settings(), None, lambda host: next(answers)))  # type: ignore[arg-type]
    assert found == f"rtsp://user:p%40ss@{OUTSIDE}:554/a/b?c=d"
    assert next(answers) == ["127.0.0.1"], "nobody asked a second time"


def test_usual_addresses_of_cameras_pass() -> None:
    assert pinned("rtsp://192.168.1.20/stream1") == "rtsp://192.168.1.20:554/stream1"
    assert pinned("RTSPS://10.0.0.9:7441/abc?enableSrtp") == "rtsps://10.0.0.9:7441/abc?enableSrtp"
    assert pinned("rtsp://u:p@w@10.0.0.9/x") == "rtsp://u:p%40w@10.0.0.9:554/x", "FFmpeg reads it as was meant"
    assert pinned("rtsp://[2001:db8::5]/x") == "rtsp://[2001:db8::5]:554/x"
    assert pinned("rtsp://10.0.0.9/cam/realmonitor?channel=1&subtype=0").endswith("?channel=1&subtype=0")


def test_the_machines_own_addresses_are_this_machine() -> None:
    for address in own_addresses():
        assert objection(address, local=False), address
        assert not objection(address, local=True) or address.is_unspecified


def test_local_sources_may_be_allowed_but_never_where_clouds_keep_secrets() -> None:
    assert pinned("rtsp://127.0.0.1:8554/x", local_sources=True) == "rtsp://127.0.0.1:8554/x"
    assert pinned("rtsp://localhost:8554/x", ["127.0.0.1"], local_sources=True) == "rtsp://127.0.0.1:8554/x"
    for host in ("169.254.169.254", "0.0.0.0", "224.0.0.1", "[fd00:ec2::254]"):
        refused(f"rtsp://{host}/x", local_sources=True)


def test_where_hosts_are_listed_no_other_will_do() -> None:
    hosts = ("camera.example", "10.1.0.0/16", "192.168.1.20")
    for host in ("camera.example", "CAMERA.example.", "10.1.2.3", "192.168.1.20"):
        assert pinned(f"rtsp://{host}/x", [OUTSIDE], source_hosts=hosts)
    for host in ("other.example", "10.2.0.1", "192.168.1.21", "xcamera.example", "camera.example.org"):
        assert "not be on" in refused(f"rtsp://{host}/x", [OUTSIDE], source_hosts=hosts)
    refused("rtsp://camera.example/x", ["127.0.0.1"], source_hosts=hosts)


def test_servers_that_send_their_callers_on_have_to_be_trusted_by_name() -> None:
    schemes = ("rtsp", "http", "srt")
    assert "trusted" in refused("http://203.0.113.7/x", schemes=schemes)
    assert pinned("http://203.0.113.7/x", schemes=schemes, source_hosts=(OUTSIDE,)) == "http://203.0.113.7/x"
    assert pinned("srt://203.0.113.7:9000?latency=1", schemes=schemes) == "srt://203.0.113.7:9000?latency=1"
    refused("srt://203.0.113.7:9000?mode=listener", schemes=schemes)


def test_a_name_server_that_hangs_does_not_hold_up_anybody(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pipeline.web.networks.RESOLVE_S", 0.2)
    done = threading.Event()

    def hang(host: str) -> Sequence[str]:
        done.wait(20)
        return [OUTSIDE]

    wish = {"kind": "url", "url": "rtsp://camera.example/x"}
    try:
        with pytest.raises(Refused, match="no address is known"):
            asyncio.run(address_of(wish, "a" * 64, settings(), None, hang))  # type: ignore[arg-type]
    finally:
        done.set()


@pytest.mark.fault("H7")
@pytest.mark.parametrize("address", ["cam:lavfi:testsrc2", "cam:/etc/passwd", "cam:", "screen:", "cam:../x", "cam:999"])
def test_only_listed_cameras_can_be_asked_for(address: str) -> None:
    with pytest.raises(Refused, match="no such camera"):
        asyncio.run(address_of({"kind": "camera", "address": address}, "a" * 64, settings(), None))  # type: ignore[arg-type]


def test_without_cameras_not_even_the_test_picture_is_there() -> None:
    wish = {"kind": "camera", "address": "cam:test"}
    assert asyncio.run(address_of(wish, "a" * 64, settings(), None)) == "cam:test"  # type: ignore[arg-type]
    with pytest.raises(Refused):
        asyncio.run(address_of(wish, "a" * 64, settings(schemes=("rtsp",)), None))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "wish", [{}, {"kind": "file"}, {"kind": "url"}, {"kind": "upload", "id": "../x"}, {"kind": "url", "url": 5}]
)
def test_what_is_no_wish_is_refused(wish: dict[str, Any]) -> None:
    with pytest.raises(Refused):
        asyncio.run(address_of(wish, "a" * 64, settings(), None))  # type: ignore[arg-type]


def test_every_address_of_a_private_network_may_be_a_camera() -> None:
    for text in ("10.0.0.1", "192.168.0.1", "172.16.5.5", "fd12::1", OUTSIDE, "8.8.8.8"):
        assert not objection(ipaddress.ip_address(text), local=False, own=())


@pytest.mark.fault("H7")
def test_nothing_on_loopback_has_a_visitor(tmp_path: Path) -> None:
    with answering() as (port, heard), guarded(tmp_path) as server, server.owner() as client:
        for host in LOOPBACK:
            url = f"rtsp://{host}:{port}/x"
            source = {"kind": "url", "url": url}
            assert client.post("/api/probe", json={"source": source}).status_code in (422, 429)
            begun = client.post("/api/sessions", json={"pipeline": "live-camera", "source": source})
            assert begun.status_code == 422, begun.text
        for scheme in ("http", "tcp", "udp", "srt", "rtmp"):
            source = {"kind": "url", "url": f"{scheme}://127.0.0.1:{port}/x"}
            assert client.post("/api/sessions", json={"pipeline": "live-camera", "source": source}).status_code == 422
        assert heard == []
        with socket.create_connection(("127.0.0.1", port)) as visitor:
            visitor.sendall(b"hello")
        wait_until(lambda: heard == [b"hello"])


def test_a_probe_shows_what_comes_and_tells_what_to_try(tmp_path: Path) -> None:
    with answering() as (port, heard), guarded(tmp_path, local_sources=True) as server, server.owner() as client:
        found = client.post("/api/probe", json={"source": {"kind": "camera", "address": "cam:test"}}).json()
        assert (found["ok"], found["width"], found["height"], found["rate"]) == (True, 640, 360, 30.0)
        assert found["still"].startswith("data:image/jpeg;base64,")
        failed = client.post(
            "/api/probe", json={"source": {"kind": "url", "url": f"rtsp://ann:secret@127.0.0.1:{port}/x"}}
        )
        assert failed.status_code == 422
        assert "secret" not in failed.text
        assert heard, "allowed, so it was called up"
        makes = client.get("/api/rtsp-paths").json()
        assert {"make": "Reolink", "main": "/h264Preview_01_main", "sub": "/h264Preview_01_sub"} in makes


@pytest.mark.fault("H6", "H7")
@pytest.mark.parametrize(
    "setting",
    [
        {"ingest.input": "/etc/passwd"}, {"ingest.input": "rtsp://127.0.0.1/x"}, {"ingest.direct": False},
        {"output.output": "/tmp/owned.mp4"}, {"segmentation.weights": "/etc/passwd"}, {"segmentation.input": "x"},
        {"../x.y": 1}, {"page.output": "page:/tmp/x"}, {"recording.output": "recording:/tmp"}, {"ingest.silence": 1e9},
    ],
    ids=str,
)  # fmt: skip
def test_no_setting_moves_a_source_or_an_output(plain: Guarded, setting: dict[str, Any]) -> None:
    with plain.owner() as client:
        wish = {"pipeline": "live-camera", "source": {"kind": "camera", "address": "cam:test"}, "settings": setting}
        said = client.post("/api/sessions", json=wish)
        assert said.status_code == 422, said.text


@pytest.fixture(scope="module")
def plain(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Guarded]:
    with guarded(tmp_path_factory.mktemp("plain")) as server:
        yield server
