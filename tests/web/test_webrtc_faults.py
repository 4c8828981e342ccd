"""WebRTC clients that vanish, lie, flood, or would have the server knock at other doors."""

from __future__ import annotations

import asyncio
import gc
import re
import socket
import threading
from pathlib import Path

import psutil
import pytest
from aioice import ice as aioice_ice
from aioice import mdns
from aiortc import RTCPeerConnection

from pipeline.web import peers
from pipeline.web.offers import MOST_BYTES
from tests.web.callers import Watching, accept, connection, offer, watching
from tests.web.pictured import World, until, world

pytestmark = pytest.mark.fault("D8")


async def posed(world: World, *lines: str) -> tuple[str, RTCPeerConnection]:
    """An offer with these lines more, and who made it."""
    client = connection()
    client.addTransceiver("video", "recvonly")
    own = re.sub(r"a=(candidate:.*|end-of-candidates)\r\n", "", await offer(client))
    return own + "".join(f"{line}\r\n" for line in lines), client


def cut(client: RTCPeerConnection) -> None:
    """As if its machine had lost its power: the sockets are gone, and nobody says goodbye."""
    for transceiver in client.getTransceivers():
        for protocol in transceiver.receiver.transport.transport._connection._protocols:
            protocol.transport.abort()


async def vanish(folder: Path, timeout: float) -> None:
    async with world(folder) as served, watching(served) as (caller, _):
        await caller.picture()
        assert served.session.hub.watched
        cut(caller.client)
        await until(lambda: len(served.peers) == 0, timeout=timeout)
        assert not served.session.hub.watched


def test_a_client_that_vanishes_is_let_go(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(aioice_ice, "CONSENT_INTERVAL", 0.1)
    asyncio.run(vanish(tmp_path, timeout=10))


@pytest.mark.long
def test_a_client_that_vanishes_is_let_go_within_half_a_minute(tmp_path: Path) -> None:
    asyncio.run(vanish(tmp_path, timeout=30))


def test_an_offer_that_nobody_follows_up_makes_room_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(peers, "CONNECT_S", 0.5)
    monkeypatch.setattr(peers, "LOOK_S", 0.1)

    async def scene() -> None:
        async with world(tmp_path) as served:
            sdp, client = await posed(served)
            for _ in range(served.peers.limit):
                assert (await served.post("whep", sdp)).status_code == 201
            assert (await served.post("whep", sdp)).status_code == 503
            await until(lambda: len(served.peers) == 0, timeout=10)
            assert (await served.post("whep", sdp)).status_code == 201
            await client.close()

    asyncio.run(scene())


@pytest.mark.parametrize("kind", ["whep", "whip"])
def test_what_is_no_offer_opens_nothing(tmp_path: Path, kind: str) -> None:
    async def scene() -> None:
        async with world(tmp_path, relay=True) as served:
            sdp, client = await posed(served)
            twisted = [
                (b"", 400),
                (b"v=0", 400),
                (b"\x00" * 5000, 400),
                (b"v=0\r\n" + b"a=x\r\n" * (MOST_BYTES // 5), 413),
                (sdp.replace("VP8/90000", "VP8").encode(), 400),
                (sdp.replace("VP8", "AV9").replace("H264", "H999").encode(), 400),
                (re.sub(r"a=setup:\w+", "a=setup:nobody", sdp).encode(), 400),
                (re.sub(r"a=setup:\w+", "a=nothing", sdp).encode(), 400),
                (sdp.replace("a=rtcp-mux", "a=nothing").encode(), 400),
                (re.sub(r"m=video \d+", "m=video nine", sdp).encode(), 400),
            ]
            before = len(psutil.Process().net_connections())
            for number, (bad, status) in enumerate(twisted):
                response = await served.post(kind, bad)
                assert response.status_code == status, f"offer {number}: {response.text}"
                assert response.json()["error"]
            assert (await served.post(kind, sdp, headers={"Content-Type": "text/plain"})).status_code == 415
            assert len(served.peers) == 0
            await until(lambda: len(psutil.Process().net_connections()) <= before)
            await client.close()

    asyncio.run(scene())


def test_an_offer_longer_than_it_says_is_not_read_to_its_end(tmp_path: Path) -> None:
    async def scene() -> None:
        async with world(tmp_path) as served:
            read = 0

            async def endless():
                nonlocal read
                while True:
                    read += 4096
                    yield b"a" * 4096

            response = await served.post("whep", endless())
            assert response.status_code == 413
            assert read <= 2 * MOST_BYTES

    asyncio.run(scene())


def test_another_fingerprint_than_that_of_the_offer_gets_no_picture(tmp_path: Path) -> None:
    async def scene() -> None:
        async with world(tmp_path) as served:
            caller = Watching(1)
            sdp = await offer(caller.client)
            forged = re.sub(r"(a=fingerprint:\S+ )\S\S:\S\S", r"\g<1>00:01", sdp)
            assert forged != sdp
            await accept(caller.client, await served.post("whep", forged))
            await until(lambda: len(served.peers) == 0, timeout=15)
            assert not served.session.hub.watched
            await caller.client.close()

    asyncio.run(scene())


async def knocked(folder: Path, address: str, host: str = "127.0.0.1") -> bool:
    """Whether a server that is reached from `address` sends anything to a port of this machine that an offer names."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as ear:
        ear.bind(("127.0.0.1", 0))
        ear.setblocking(False)
        async with world(folder, address=address) as served:
            port = ear.getsockname()[1]
            kinds = ("host", "srflx raddr 0.0.0.0 rport 9")
            lines = [f"a=candidate:{n} 1 udp {n} {host} {port} typ {kind}" for n, kind in enumerate(kinds, 1)]
            sdp, client = await posed(served, *lines)
            assert (await served.post("whep", sdp)).status_code == 201
            try:
                async with asyncio.timeout(1.5):
                    return bool(await asyncio.get_running_loop().sock_recv(ear, 2048))
            except TimeoutError:
                return False
            finally:
                await client.close()


def test_an_offer_makes_the_server_knock_at_nobody_elses_door(tmp_path: Path) -> None:
    assert not asyncio.run(knocked(tmp_path, "192.0.2.77"))


def test_the_clients_own_door_is_knocked_at(tmp_path: Path) -> None:
    assert asyncio.run(knocked(tmp_path, "127.0.0.1"))


def test_a_name_in_an_offer_is_not_looked_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []

    async def listen() -> mdns.MDnsProtocol:
        asked.append("the network")
        raise OSError("no network in this test")

    monkeypatch.setattr(mdns, "create_mdns_protocol", listen)
    assert not asyncio.run(knocked(tmp_path, "127.0.0.1", host="0b2b4a3e-4f1c-4b3a-9f68-3d1f4c8f9a10.local"))
    assert not asked


async def call(served: World) -> None:
    async with watching(served) as (caller, response):
        await until(lambda: caller.client.connectionState == "connected")
        await served.http.delete(response.headers["location"])


@pytest.mark.long
def test_fifty_connections_leave_nothing_behind(tmp_path: Path) -> None:
    process = psutil.Process()

    async def scene() -> None:
        async with world(tmp_path) as served:
            for _ in range(10):
                await call(served)
            gc.collect()
            before, files, threads = process.memory_info().rss, process.num_fds(), threading.active_count()
            for _ in range(50):
                await call(served)
            gc.collect()
            assert len(served.peers) == 0
            assert process.memory_info().rss - before < 20e6
            assert process.num_fds() <= files + 2
            assert threading.active_count() <= threads + 2

    asyncio.run(scene())
