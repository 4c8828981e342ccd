"""Both ends of the wires between a pipeline and the web process, held together: the page's sink, and the relay."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path

import numpy as np
from av.video.frame import VideoFrame

from pipeline.web.hub import Hub, Picture, Watcher
from pipeline.web.relays import RelayServer
from stages.output.page import Page
from tests.clips import lend, number_of, picture
from tests.live.test_relay import source_at
from tests.pages import decoded
from tests.test_page_sink import SPEC, frame_of

PATIENCE_S = 20


async def while_it(happens: Callable[[], None], watcher: Watcher) -> Picture:
    """The watcher's next picture, while the sink's own thread does something again and again."""
    waiting = asyncio.create_task(watcher.next())
    async with asyncio.timeout(PATIENCE_S):
        while not waiting.done():
            await asyncio.to_thread(happens)
            await asyncio.wait([waiting], timeout=0.02)
    return waiting.result()


def test_who_watches_at_the_hub_gets_the_newest_pictures_and_the_last_one_late(tmp_path: Path) -> None:
    async def watch() -> None:
        hub = Hub(tmp_path, ("input", "result"))
        await hub.start()
        sink = Page(output=hub.address)
        sink.setup(SPEC)
        numbers = iter(range(100_000))
        last = 0

        def flow() -> None:
            nonlocal last
            last = next(numbers)
            sink.write(frame_of(last))

        async with hub.watch(["result"], width=160) as watcher:
            before = -1
            for _ in range(5):
                found = await while_it(flow, watcher)
                image = decoded(found.jpegs["result"])
                assert image.shape == (120, 160, 3)
                assert before < found.head["index"] <= last
                before = found.head["index"]
        async with hub.watch(["input", "result"]) as late:
            found = await while_it(sink.idle, late)  # no frame flows any more
            while "input" not in found.jpegs:  # he may get first what others had
                found = await while_it(sink.idle, late)
            assert found.head["index"] == last
            assert number_of(decoded(found.jpegs["result"])) == last % 256
            assert decoded(found.jpegs["input"]).shape == (240, 320, 3)
        await asyncio.to_thread(sink.finish)
        async with hub.watch(["input"]) as after, asyncio.timeout(PATIENCE_S):
            assert (await after.next()).head["index"] == last  # the run is over
        await hub.close()

    asyncio.run(watch())


def test_what_the_relay_server_is_shown_comes_out_of_the_source(tmp_path: Path) -> None:
    async def relay() -> None:
        server = RelayServer(tmp_path / "relay.sock")
        await server.start()
        server.fix(160, 96, 25)
        source = source_at(tmp_path)
        opening = asyncio.create_task(asyncio.to_thread(source.open))
        pictures = [VideoFrame.from_ndarray(picture(number, 160, 96), format="bgr24") for number in range(3)]
        while not opening.done():  # it says nothing before it is shown something
            server.show(pictures[0], 0)
            await asyncio.wait([opening], timeout=0.02)
        frame = lend(source, opening.result())
        coming = source.frames()
        found = []
        for number in (1, 2):
            step = asyncio.create_task(asyncio.to_thread(next, coming))
            while not step.done():
                server.show(pictures[number], number * 3600)
                await asyncio.wait([step], timeout=0.02)
            found.append(np.array(frame.image))
        assert {number_of(image) for image in found} <= {0, 1, 2}
        assert all(np.array_equal(image, picture(number_of(image), 160, 96)) for image in found)
        await server.let_go()
        await asyncio.wait_for(asyncio.to_thread(list, coming), PATIENCE_S)  # it waits for him, and is asked to leave
        assert "waiting" in source.context.states
        source.close()
        await server.close()

    asyncio.run(relay())
