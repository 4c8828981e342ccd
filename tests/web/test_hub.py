"""The hub between a pipeline's sink and those who watch: asked for only, the newest for each, and nothing piles up."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any

import pytest

from pipeline.web.hub import Hub


class Sink:
    """The pipeline's end of the socket."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader, self.writer = reader, writer

    async def order(self) -> dict[str, Any]:
        async with asyncio.timeout(10):
            return json.loads(await self.reader.readline())  # type: ignore[no-any-return]

    async def nothing_is_asked(self) -> bool:
        try:
            async with asyncio.timeout(0.2):
                return not await self.reader.readline()
        except TimeoutError:
            return True

    def send(self, index: int, **jpegs: bytes) -> None:
        pictures = [[name, len(jpeg)] for name, jpeg in jpegs.items()]
        head = json.dumps({"index": index, "pictures": pictures}).encode()
        self.writer.write(b"".join((len(head).to_bytes(4, "big"), head, *jpegs.values())))

    async def close(self) -> None:
        self.writer.close()
        with suppress(ConnectionError):  # it was hung up on in mid-sentence
            await self.writer.wait_closed()


@asynccontextmanager
async def listening(folder: Path, *views: str) -> AsyncIterator[Hub]:
    hub = Hub(folder, views or ("input", "result", "overlay", "mask"))
    await hub.start()
    try:
        yield hub
    finally:
        await hub.close()


@asynccontextmanager
async def connected(hub: Hub) -> AsyncIterator[Sink]:
    sink = Sink(*await asyncio.open_unix_connection(hub.address.removeprefix("page:")))
    try:
        yield sink
    finally:
        await sink.close()


@asynccontextmanager
async def both(folder: Path, *views: str) -> AsyncIterator[tuple[Hub, Sink]]:
    async with listening(folder, *views) as hub, connected(hub) as sink:
        yield hub, sink


def test_a_picture_is_asked_for_when_somebody_waits_and_only_then(tmp_path: Path) -> None:
    async def work() -> None:
        async with both(tmp_path) as (hub, sink), hub.watch(["result"], 320, 70) as watcher:
            assert await sink.nothing_is_asked()
            next_one = asyncio.create_task(watcher.next())
            assert await sink.order() == {"views": ["result"], "width": 320, "quality": 70, "credit": 1}
            sink.send(5, result=b"jpeg")
            picture = await next_one
            assert (picture.head["index"], picture.jpegs) == (5, {"result": b"jpeg"})
            assert (picture.width, picture.quality) == (320, 70)
            assert await sink.nothing_is_asked()

    asyncio.run(work())


def test_one_order_serves_all_who_watch(tmp_path: Path) -> None:
    async def work() -> None:
        async with (
            both(tmp_path) as (hub, sink),
            hub.watch(["result"], 320, 90) as one,
            hub.watch(["input"], 640) as two,
        ):
            tasks = [asyncio.create_task(one.next()), asyncio.create_task(two.next())]
            assert await sink.order() == {"views": ["input", "result"], "width": 640, "quality": 90, "credit": 1}
            sink.send(1, input=b"a", result=b"b")
            assert [(await task).head["index"] for task in tasks] == [1, 1]

    asyncio.run(work())


def test_who_wants_the_streams_own_size_gets_it_whatever_the_others_want(tmp_path: Path) -> None:
    async def work() -> None:
        async with both(tmp_path) as (hub, sink), hub.watch(["result"], 320) as one, hub.watch(["result"], None) as two:
            tasks = [asyncio.create_task(one.next()), asyncio.create_task(two.next())]
            assert (await sink.order())["width"] is None
            for task in tasks:
                task.cancel()

    asyncio.run(work())


def test_a_change_of_mind_costs_no_second_picture(tmp_path: Path) -> None:
    async def work() -> None:
        async with both(tmp_path) as (hub, sink), hub.watch(["result"], 320) as watcher:
            task = asyncio.create_task(watcher.next())
            assert (await sink.order())["credit"] == 1
            watcher.want(["mask"], 320)
            assert await sink.order() == {"views": ["mask"], "width": 320, "quality": 80, "credit": 0}
            sink.send(1, result=b"old")  # it was on its way
            assert await sink.order() == {"views": ["mask"], "width": 320, "quality": 80, "credit": 1}
            sink.send(2, mask=b"new")
            assert (await task).jpegs == {"mask": b"new"}

    asyncio.run(work())


def test_who_is_slow_gets_the_newest_and_none_twice(tmp_path: Path) -> None:
    async def work() -> None:
        async with both(tmp_path) as (hub, sink), hub.watch(["result"]) as slow, hub.watch(["result"]) as quick:
            for index in (1, 2, 3):
                task = asyncio.create_task(quick.next())
                await sink.order()
                sink.send(index, result=b"x")
                assert (await task).head["index"] == index
            assert (await slow.next()).head["index"] == 3
            task = asyncio.create_task(slow.next())
            await sink.order()
            assert not task.done()
            sink.send(4, result=b"x")
            assert (await task).head["index"] == 4

    asyncio.run(work())


def test_an_old_picture_is_passed_only_where_no_newer_one_comes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pipeline.web.hub.FRESH_S", 0.0)
    monkeypatch.setattr("pipeline.web.hub.PATIENCE_S", 0.3)

    async def work() -> None:
        async with both(tmp_path) as (hub, sink):
            sink.send(1, result=b"x")  # the last frame of a run comes unasked
            async with hub.watch(["result"]) as watcher:
                assert (await watcher.next()).head["index"] == 1  # nothing else came
            async with hub.watch(["result"]) as watcher:
                task = asyncio.create_task(watcher.next())
                await sink.order()
                await sink.order()
                sink.send(2, result=b"x")
                assert (await task).head["index"] == 2

    asyncio.run(work())


def test_what_may_not_be_shown_is_not_asked_for(tmp_path: Path) -> None:
    async def work() -> None:
        async with both(tmp_path, "result") as (hub, sink), hub.watch(["input", "mask"]) as watcher:
            task = asyncio.create_task(watcher.next())
            assert await sink.nothing_is_asked()
            watcher.want(["input", "result"])
            assert (await sink.order())["views"] == ["result"]
            task.cancel()

    asyncio.run(work())


def test_a_new_sink_takes_the_place_of_the_old_one_and_is_asked_at_once(tmp_path: Path) -> None:
    async def work() -> None:
        async with listening(tmp_path) as hub, connected(hub) as old, hub.watch(["result"]) as watcher:
            task = asyncio.create_task(watcher.next())
            await old.order()
            async with connected(hub) as new:
                assert (await new.order())["credit"] == 1
                assert await old.reader.read() == b""
                new.send(9, result=b"x")
                assert (await task).head["index"] == 9

    asyncio.run(work())


@pytest.mark.parametrize(
    "rubbish",
    [
        b"\0\0\0\1x",
        b"\xff\xff\xff\xff",
        b"\0\0\0\2[]",
        b"\0\0\0\2xx",
        b'\0\0\0\x0e{"pictures":5}',
        b'\0\0\0\x1a{"pictures":[["result",-1]]}',
    ],
)
def test_who_sends_rubbish_is_hung_up_on_and_costs_nobody_anything(tmp_path: Path, rubbish: bytes) -> None:
    async def work() -> None:
        async with both(tmp_path) as (hub, sink), hub.watch(["result"]) as watcher:
            sink.writer.write(rubbish)
            assert await sink.reader.read() == b""
            async with connected(hub) as other:
                task = asyncio.create_task(watcher.next())
                await other.order()
                other.send(1, result=b"x")
                assert (await task).head["index"] == 1

    asyncio.run(work())


def test_who_comes_late_waits_for_a_picture_with_all_that_he_wants(tmp_path: Path) -> None:
    async def work() -> None:
        async with both(tmp_path) as (hub, sink), hub.watch(["result"]) as first:
            task = asyncio.create_task(first.next())
            await sink.order()
            sink.send(1, result=b"r")
            await task
            async with hub.watch(["input", "result"]) as late:
                task = asyncio.create_task(late.next())
                assert (await sink.order())["views"] == ["input", "result"]
                sink.send(2, input=b"i", result=b"r")
                assert (await task).jpegs == {"input": b"i", "result": b"r"}

    asyncio.run(work())


def test_where_nothing_new_comes_a_part_is_better_than_nothing(tmp_path: Path) -> None:
    async def work() -> None:
        async with listening(tmp_path) as hub:
            async with connected(hub) as sink, hub.watch(["result"]) as first:
                task = asyncio.create_task(first.next())
                await sink.order()
                sink.send(1, result=b"r")
                await task
            async with hub.watch(["input", "result"]) as late, asyncio.timeout(10):
                assert (await late.next()).jpegs == {"result": b"r"}

    asyncio.run(work())


def test_another_run_shows_what_it_may_and_nothing_of_the_former_one(tmp_path: Path) -> None:
    async def work() -> None:
        async with both(tmp_path) as (hub, sink), hub.watch(["input", "result"]) as watcher:
            task = asyncio.create_task(watcher.next())
            await sink.order()
            sink.send(1, input=b"i", result=b"r")
            await task
            task = asyncio.create_task(watcher.next())
            await sink.order()
            sink.send(2, input=b"raw", result=b"r")  # on its way while the next run begins
            hub.renew(["result"])
            assert hub.latest is None
            async with connected(hub) as new:
                assert (await new.order())["views"] == ["result"]
                new.send(3, result=b"n")
                assert (await task).jpegs == {"result": b"n"}
            hub.renew(["input", "result"])
            assert watcher.views == {"input", "result"}  # what was wanted is wanted still

    asyncio.run(work())


def test_when_it_is_over_all_who_wait_are_told(tmp_path: Path) -> None:
    async def work() -> None:
        async with listening(tmp_path) as hub, hub.watch(["result"]) as watcher:
            task = asyncio.create_task(watcher.next())
            await asyncio.sleep(0)
            await hub.close()
            with pytest.raises(EOFError, match="the session is over"):
                await task
            with pytest.raises(EOFError):
                await watcher.next()
        assert list(tmp_path.iterdir()) == []

    asyncio.run(work())
