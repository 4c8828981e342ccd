"""WHIP: a browser, OBS or FFmpeg sends a session its pictures, one client at a time."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from pipeline.web import whip
from tests.web.callers import Grey, connection, offer, sending, watching
from tests.web.pictured import until, world
from tests.web.sources import joined


@pytest.fixture(autouse=True)
def settled_soon(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(whip, "SETTLE_S", 0.3)


def test_what_a_client_sends_reaches_the_source(tmp_path: Path) -> None:
    async def scene() -> None:
        async with world(tmp_path, relay=True) as served, sending(served, Grey(90)) as (_, response):
            assert response.headers["location"].startswith("/api/sessions/s1/whip/")
            async with joined(served.session.relay) as source:
                head = await source.head()
                assert (head["width"], head["height"]) == (320, 180)
                assert head["rate"] > 5
                times = []
                for _ in range(10):
                    pts, image = await source.frame()
                    times.append(pts)
                    assert image.mean() == pytest.approx(90, abs=4)
                assert times == sorted(set(times))

    asyncio.run(scene())


def test_pictures_of_another_size_are_fitted_into_that_of_the_first(tmp_path: Path) -> None:
    async def scene() -> None:
        camera = Grey(150)
        async with (
            world(tmp_path, relay=True) as served,
            sending(served, camera),
            joined(served.session.relay) as source,
        ):
            await source.head()
            camera.width, camera.height = 180, 320  # the phone is turned
            while True:
                _, image = await source.frame()
                assert image.shape == (180, 320, 3)
                if image[:, :90].max() < 30:
                    break
            assert image[10:170, 120:200].mean() == pytest.approx(150, abs=5)

    asyncio.run(scene())


def test_a_client_that_goes_leaves_a_source_that_waits(tmp_path: Path) -> None:
    async def scene() -> None:
        async with world(tmp_path, relay=True) as served:
            async with sending(served, Grey()), joined(served.session.relay) as source:
                await source.head()
                await source.frame()
                deleted = source
                for peer in served.peers:
                    await peer.close("the client has ended it")
                assert await deleted.is_over()
            async with sending(served, Grey(30)), joined(served.session.relay) as source:
                await source.head()
                assert (await source.frame())[1].mean() == pytest.approx(30, abs=6)

    asyncio.run(scene())


def test_a_new_client_takes_over(tmp_path: Path) -> None:
    async def scene() -> None:
        async with world(tmp_path, relay=True) as served, sending(served, Grey(40)) as (first, _):
            async with joined(served.session.relay) as source:
                await source.head()
                await source.frame()
            async with sending(served, Grey(200)) as (_, response), joined(served.session.relay) as source:
                assert response.status_code == 201
                await until(lambda: first.connectionState == "closed", timeout=10)
                await source.head()
                assert (await source.frame())[1].mean() == pytest.approx(200, abs=6)
                assert len(served.peers) == 1

    asyncio.run(scene())


def test_who_sends_and_who_watches_do_not_disturb_each_other(tmp_path: Path) -> None:
    async def scene() -> None:
        async with world(tmp_path, relay=True) as served, watching(served) as (caller, _), sending(served, Grey()):
            await caller.picture()
            async with joined(served.session.relay) as source:
                await source.head()
            assert sorted(peer.kind for peer in served.peers) == ["whep", "whip"]

    asyncio.run(scene())


def test_a_session_with_another_source_takes_no_client(tmp_path: Path) -> None:
    async def scene() -> None:
        async with world(tmp_path) as served, sending(served, Grey()) as (_, response):
            assert response.status_code == 409
            assert "whose source is the browser" in response.json()["error"]

    asyncio.run(scene())


def test_a_client_that_only_wants_to_watch_is_told_so(tmp_path: Path) -> None:
    async def scene() -> None:
        async with world(tmp_path, relay=True) as served:
            client = connection()
            client.addTransceiver("video", "recvonly")
            response = await served.post("whip", await offer(client))
            assert response.status_code == 400
            assert "sends no video" in response.json()["error"]
            assert len(served.peers) == 0
            await client.close()

    asyncio.run(scene())


def test_sound_is_left_aside(tmp_path: Path) -> None:
    async def scene() -> None:
        async with world(tmp_path, relay=True) as served:
            client = connection()
            client.addTransceiver("audio", "sendonly")
            client.addTransceiver(Grey(), "sendonly")
            response = await served.post("whip", await offer(client))
            assert response.status_code == 201
            sound, video = response.text.split("m=audio")[1].split("m=video")
            assert "a=inactive" in sound
            assert "a=recvonly" in video
            await client.close()

    asyncio.run(scene())


def test_browsers_are_urged_to_begin_with_a_picture_of_full_size(tmp_path: Path) -> None:
    async def scene() -> None:
        async with world(tmp_path, relay=True) as served, sending(served, Grey()) as (_, response):
            lines = response.text.splitlines()
            codecs = [line for line in lines if line.startswith("a=rtpmap:") and ("VP8" in line or "H264" in line)]
            urged = [line for line in lines if line.startswith("a=fmtp:") and whip.URGE in line]
            assert [line.split()[0][9:] for line in codecs] == [line.split()[0][7:] for line in urged]
            assert codecs
            assert all("profile-level-id" in line for line in urged[1:])

    asyncio.run(scene())
