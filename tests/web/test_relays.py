"""The relay: what a WebRTC client sends comes out of a Unix socket, as large as it began, the newest picture first."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import numpy as np
import pytest
from av.video.frame import VideoFrame

from pipeline.web.relays import MOST_SIDE, RelayServer, fitted
from pipeline.web.timing import CLOCK, Rate, Ticks
from tests.web.sources import joined


def picture(level: int, width: int = 64, height: int = 48) -> VideoFrame:
    return VideoFrame.from_ndarray(np.full((height, width, 3), level, np.uint8), format="bgr24")


@asynccontextmanager
async def relaying(folder: Path, width: int = 64, height: int = 48, rate: float = 25) -> AsyncIterator[RelayServer]:
    server = RelayServer(folder / "relay")
    await server.start()
    server.fix(width, height, rate)
    try:
        yield server
    finally:
        await server.close()
        assert not (folder / "relay").exists()


def test_size_and_rate_come_first_then_time_and_pixels_of_each_picture(tmp_path: Path) -> None:
    async def scene() -> None:
        async with relaying(tmp_path) as server, joined(server) as source:
            server.show(picture(77), 90_000)
            assert await source.head() == {"width": 64, "height": 48, "rate": 25.0}
            pts, image = await source.frame()
            assert pts == 90_000
            assert image.shape == (48, 64, 3)
            assert image.mean() == pytest.approx(77, abs=2)

    asyncio.run(scene())


def test_nothing_is_said_before_there_is_a_picture(tmp_path: Path) -> None:
    async def scene() -> None:
        async with relaying(tmp_path) as server, joined(server) as source:
            with pytest.raises(TimeoutError):
                async with asyncio.timeout(0.2):
                    await source.head()

    asyncio.run(scene())


def test_when_the_client_goes_the_source_is_let_go_and_may_come_again(tmp_path: Path) -> None:
    async def scene() -> None:
        async with relaying(tmp_path) as server:
            async with joined(server) as first:
                server.show(picture(10), 1)
                await first.head()
                await first.frame()
                await server.let_go()
                assert await first.is_over()
            async with joined(server) as second:
                server.show(picture(20), 2)
                assert (await second.head())["width"] == 64
                assert (await second.frame())[0] == 2

    asyncio.run(scene())


def test_a_new_source_takes_the_place_of_an_earlier_one(tmp_path: Path) -> None:
    async def scene() -> None:
        async with relaying(tmp_path) as server, joined(server) as first:
            server.show(picture(10), 1)
            await first.head()
            await first.frame()
            async with joined(server) as second:
                assert await first.is_over()
                server.show(picture(30), 3)
                await second.head()
                assert (await second.frame())[0] == 3

    asyncio.run(scene())


def test_a_source_that_is_slow_gets_the_newest_picture_and_none_that_waited(tmp_path: Path) -> None:
    async def scene() -> None:
        width, height = 1280, 720  # more than the socket holds
        async with relaying(tmp_path, width, height) as server, joined(server) as source:
            server.show(picture(1, width, height), 1)
            await source.head()
            for number in range(2, 60):  # nobody reads meanwhile
                server.show(picture(number, width, height), number)
                await asyncio.sleep(0)
            times = [(await source.frame())[0]]
            while times[-1] != 59:
                times.append((await source.frame())[0])
            assert len(times) <= 3

    asyncio.run(scene())


def test_a_source_that_goes_in_the_middle_of_a_picture_does_not_end_the_relay(tmp_path: Path) -> None:
    async def scene() -> None:
        async with relaying(tmp_path, 1280, 720) as server:
            for number in range(3):
                async with joined(server) as source:
                    server.show(picture(number, 1280, 720), number)
                    await source.head()
            async with joined(server) as source:
                server.show(picture(9, 1280, 720), 9)
                await source.head()
                assert (await source.frame())[0] == 9

    asyncio.run(scene())


def test_the_size_is_settled_once_and_within_bounds(tmp_path: Path) -> None:
    server = RelayServer(tmp_path / "relay")
    assert not server.settled
    server.fix(641, 100_000, 1e9)
    server.fix(320, 240, 5)
    assert (server.width, server.height) == (640, MOST_SIDE)


def test_a_picture_of_another_shape_is_fitted_in_and_not_stretched() -> None:
    tall = fitted(picture(200, width=60, height=120), 120, 60)
    assert tall.shape == (60, 120, 3)
    assert tall.flags["C_CONTIGUOUS"]
    assert tall[:, 46:74].mean() == pytest.approx(200, abs=3)
    assert tall[:, :44].max() == tall[:, 76:].max() == 0
    wide = fitted(picture(200, width=120, height=30), 120, 60)
    assert wide[16:44].mean() == pytest.approx(200, abs=3)
    assert wide[:14].max() == wide[46:].max() == 0
    assert fitted(picture(200, width=240, height=120), 120, 60).min() > 195


def test_the_rate_is_a_usual_one_where_it_is_near_one() -> None:
    def rate(*pts: int | None) -> float:
        found = Rate()
        for one in pts:
            found.see(one)
        return found.value

    assert rate(*range(0, 90_000, 3000)) == 30
    assert rate(*(number * 3003 for number in range(30))) == 30
    assert rate(*range(0, 90_000, 12_000)) == 7.5
    assert rate() == rate(5) == rate(5, 5, 5) == rate(None, None, None) == 30


def test_times_grow_whatever_a_client_stamps() -> None:
    clock = iter([0.0, 0.1, 0.2, 0.3, 0.4, 0.5, 1000.0])
    ticks = Ticks(lambda: next(clock))
    times = [ticks.of(pts) for pts in (500, 500 + CLOCK // 10, 500, None, 1 << 40, -(1 << 40), 0)]
    assert times[1] - times[0] == CLOCK // 10
    assert times == sorted(set(times))
    assert times[-1] == 1000 * CLOCK


def test_a_relay_that_is_closed_can_be_closed_again(tmp_path: Path) -> None:
    async def scene() -> None:
        async with relaying(tmp_path) as server:
            await server.close()

    asyncio.run(scene())
