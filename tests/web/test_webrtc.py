"""WebRTC: who watches by WHEP gets the views that the session may show, and nothing is left when it ends."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from pipeline.web.settings import Limits
from tests.web.callers import connection, offer, watching
from tests.web.pictured import LEVELS, Drawn, until, world


def test_the_first_video_is_the_result_and_the_second_the_input(tmp_path: Path) -> None:
    async def scene() -> None:
        async with world(tmp_path) as served, watching(served, videos=2) as (caller, response):
            assert response.headers["location"].startswith("/api/sessions/s1/whep/")
            assert response.headers["etag"]
            assert response.headers["content-type"] == "application/sdp"
            assert await caller.level(0) == pytest.approx(LEVELS["result"], abs=4)
            assert await caller.level(1) == pytest.approx(LEVELS["input"], abs=4)

    asyncio.run(scene())


def test_a_privacy_pipeline_shows_its_result_alone_whatever_is_asked_for(tmp_path: Path) -> None:
    async def scene() -> None:
        session = Drawn(tmp_path, views=["input", "result"], privacy=True)
        async with world(tmp_path, session=session) as served, watching(served, videos=2) as (caller, response):
            assert await caller.level(0) == pytest.approx(LEVELS["result"], abs=4)
            assert response.text.count("a=inactive") == 1
            assert response.text.count("a=sendonly") == 1

    asyncio.run(scene())


def test_a_connection_that_is_deleted_is_gone(tmp_path: Path) -> None:
    async def scene() -> None:
        async with world(tmp_path) as served, watching(served) as (caller, response):
            await caller.picture()
            where = response.headers["location"]
            stranger = await served.http.delete(where, headers={"Authorization": f"Bearer {served.stranger}"})
            assert stranger.status_code == 404
            assert (await served.http.delete(where.replace("whep", "whip"))).status_code == 404
            assert len(served.peers) == 1
            assert (await served.http.delete(where)).status_code == 200
            assert len(served.peers) == 0
            assert (await served.http.delete(where)).status_code == 404
            await until(lambda: caller.client.connectionState == "closed")

    asyncio.run(scene())


def test_candidates_that_come_later_are_declined_in_words(tmp_path: Path) -> None:
    async def scene() -> None:
        async with world(tmp_path) as served, watching(served) as (_, response):
            declined = await served.http.patch(response.headers["location"], content="a=candidate")
            assert declined.status_code == 405
            assert declined.headers["allow"] == "DELETE"
            assert "gather them first" in declined.json()["error"]

    asyncio.run(scene())


def test_a_client_that_leaves_is_let_go_at_once(tmp_path: Path) -> None:
    async def scene() -> None:
        async with world(tmp_path) as served:
            async with watching(served) as (caller, _):
                await caller.picture()
            await until(lambda: len(served.peers) == 0, timeout=5)

    asyncio.run(scene())


def test_peers_end_with_their_session(tmp_path: Path) -> None:
    async def scene() -> None:
        async with world(tmp_path) as served, watching(served) as (caller, _):
            await caller.picture()
            await served.session.hub.close()
            await until(lambda: len(served.peers) == 0, timeout=5)
            assert not served.session.hub.watched

    asyncio.run(scene())


@pytest.mark.long
def test_one_more_than_the_limit_is_refused_until_one_has_gone(tmp_path: Path) -> None:
    async def scene() -> None:
        async with world(tmp_path, limits=Limits(peers=2)) as served:
            async with watching(served), watching(served), watching(served) as (_, response):
                assert response.status_code == 503
                assert "all 2 WebRTC connections are taken" in response.json()["error"]
            await until(lambda: len(served.peers) == 0)
            async with watching(served) as (caller, response):
                assert response.status_code == 201
                await caller.picture()

    asyncio.run(scene())


def test_no_webrtc_where_the_limit_is_none(tmp_path: Path) -> None:
    async def scene() -> None:
        async with world(tmp_path, limits=Limits(peers=0)) as served, watching(served) as (_, response):
            assert response.status_code == 503
            assert "switched off" in response.json()["error"]

    asyncio.run(scene())


def test_a_server_on_loopback_offers_loopback_alone_and_asks_nobody(tmp_path: Path) -> None:
    async def scene() -> None:
        async with world(tmp_path) as served, watching(served) as (_, response):
            candidates = [line.split() for line in response.text.splitlines() if line.startswith("a=candidate:")]
            assert {line[4] for line in candidates} == {"127.0.0.1"}
            assert {line[7] for line in candidates} == {"host"}

    asyncio.run(scene())


def test_only_its_owner_may_watch_a_session(tmp_path: Path) -> None:
    async def scene() -> None:
        async with world(tmp_path) as served:
            client = connection()
            client.addTransceiver("video", "recvonly")
            sdp = await offer(client)
            for token, status in ((served.stranger, 404), ("nobody", 401)):
                refused = await served.post("whep", sdp, headers={"Authorization": f"Bearer {token}"})
                assert refused.status_code == status
            await client.close()

    asyncio.run(scene())
