"""WebRTC with the real server: pictures of a running pipeline come out of it, and those of FFmpeg go in."""

from __future__ import annotations

import asyncio
import subprocess
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path

import imageio_ffmpeg
import psutil
import pytest
from av.packet import Packet
from av.video.codeccontext import VideoCodecContext

from pipeline.frame import Image
from pipeline.web import ice
from pipeline.web.webrtc import load
from tests.waiting import wait_until
from tests.web.callers import Watching, accept, offer
from tests.web.served import Program, Served, toy

pytestmark = pytest.mark.real
GREY = 0x60


@pytest.fixture
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """With a short name: a socket's path has 107 bytes at most."""
    return tmp_path_factory.mktemp("rtc")


@contextmanager
def serving(folder: Path) -> Iterator[tuple[Served, Program]]:
    """A pipeline that covers three boxes with white."""
    with Served(folder, "--pipeline", toy(folder)) as served:
        program = served.program()
        try:
            yield served, program
        finally:
            program.close()


@asynccontextmanager
async def seen(program: Program, ident: str, videos: int = 1) -> AsyncIterator[Watching]:
    """A client that watches a session of a real server."""
    await asyncio.to_thread(load)
    before = ice.HOSTS.set(("127.0.0.1",))
    caller = Watching(videos)
    try:
        sdp = await offer(caller.client)
        path, kind = f"/api/sessions/{ident}/whep", {"Content-Type": "application/sdp"}
        await accept(caller.client, await asyncio.to_thread(lambda: program.post(path, content=sdp, headers=kind)))
        yield caller
    finally:
        await caller.client.close()
        ice.HOSTS.reset(before)


@contextmanager
def ffmpeg(program: Program, ident: str) -> Iterator[subprocess.Popen[bytes]]:
    """FFmpeg sends one grey, at 30 frames a second, until it is ended."""
    picture = f"color=0x{GREY:02x}{GREY:02x}{GREY:02x}:size=320x180:rate=30"
    video = ("-c:v", "libx264", "-profile:v", "baseline", "-pix_fmt", "yuv420p", "-bf", "0", "-g", "30")
    address = f"{str(program.base_url).rstrip('/')}/api/sessions/{ident}/whip"
    command = [imageio_ffmpeg.get_ffmpeg_exe(), "-v", "error", "-re", "-f", "lavfi", "-i", picture, *video]
    sender = subprocess.Popen(
        [*command, "-preset", "ultrafast", "-f", "whip", "-authorization", program.token, address],
        stdin=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        yield sender
    finally:
        sender.terminate()
        sender.wait(timeout=20)


def parts(picture: Image) -> tuple[float, float]:
    """The mean of what is covered, and of what is beside it."""
    height, width, _ = picture.shape
    return float(picture[height // 4 : height // 2, width // 6 : width // 3].mean()), float(
        picture[-height // 12 :].mean()
    )


def result(program: Program, ident: str) -> tuple[float, float]:
    """The parts of the result, as a page gets it."""
    with program.page(ident, views=["result"]) as page:
        _, jpegs = page.picture()
    (frame,) = VideoCodecContext.create("mjpeg", "r").decode(Packet(jpegs["result"]))
    return parts(frame.to_ndarray(format="bgr24"))


def test_webrtc_shows_result_and_input_of_a_running_pipeline_and_lets_go_of_everything(folder: Path) -> None:
    async def scene(served: Served, program: Program, ident: str) -> None:
        process = psutil.Process(served.process.pid)
        async with seen(program, ident, videos=2) as caller:
            clean = parts((await caller.picture(0)).to_ndarray(format="bgr24"))
            given = parts((await caller.picture(1)).to_ndarray(format="bgr24"))
            assert clean[0] > 240 > 200 > given[0]
            assert clean[1] == pytest.approx(given[1], abs=12)  # moving, and seen at two moments
            assert [link for link in process.net_connections("inet") if link.status == psutil.CONN_NONE]
        while [link for link in process.net_connections("inet") if link.status == psutil.CONN_NONE]:
            await asyncio.sleep(0.05)

    with serving(folder) as (served, program):
        ident = program.begin("toy")["id"]
        program.await_state(ident, "running")
        asyncio.run(scene(served, program, ident))


@pytest.mark.long
@pytest.mark.fault("D8")
def test_a_session_that_ends_ends_its_connections(folder: Path) -> None:
    async def scene(program: Program, ident: str) -> None:
        async with seen(program, ident) as caller:
            await caller.picture()
            await asyncio.to_thread(lambda: program.post(f"/api/sessions/{ident}/stop"))
            async with asyncio.timeout(20):
                while caller.client.connectionState != "closed":
                    await asyncio.sleep(0.05)

    with serving(folder) as (_, program):
        ident = program.begin("toy", pinned=True)["id"]
        asyncio.run(scene(program, ident))


@pytest.mark.long
def test_a_server_that_ends_says_goodbye_to_its_clients(folder: Path) -> None:
    async def scene(served: Served, program: Program, ident: str) -> None:
        async with seen(program, ident) as caller:
            await caller.picture()
            assert await asyncio.to_thread(served.end) in (0, 143)
            async with asyncio.timeout(10):
                while caller.client.connectionState != "closed":
                    await asyncio.sleep(0.05)

    with serving(folder) as (served, program):
        asyncio.run(scene(served, program, program.begin("toy", pinned=True)["id"]))


@pytest.mark.long
def test_ffmpeg_sends_its_pictures_by_whip_and_may_come_again(folder: Path) -> None:
    with serving(folder) as (_, program):
        ident = program.begin("toy", {"kind": "browser"}, pinned=True)["id"]
        for _ in range(2):
            with ffmpeg(program, ident):
                program.await_state(ident, "running")
                assert result(program, ident) == pytest.approx((255, GREY), abs=4)
            program.await_state(ident, "waiting")
        wait_until(lambda: program.delete(f"/api/sessions/{ident}").status_code in (204, 404))
