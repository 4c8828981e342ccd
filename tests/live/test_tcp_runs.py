"""Whole runs from the real FFmpeg over raw TCP (S0-01 to S0-06, S0-31, S0-33): every frame arrives."""

from __future__ import annotations

import re
import socket
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest
import yaml

from benchmarks.results import FOLDER, load
from pipeline.config import load_config
from pipeline.reading import shipped
from tests.live.senders import HEIGHT, WIDTH, ffmpeg, image
from tests.runs import Run
from tests.waiting import wait_until

pytestmark = pytest.mark.real

RAW = ("-pix_fmt", "bgr24", "-f", "rawvideo")
FRAMES = 90


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Callable[..., Run]]:
    runs: list[Run] = []

    def begin(query: str, *args: str, host: str = "127.0.0.1", port: int = 0, **fields: Any) -> Run:
        config = {
            "name": "tcp",
            "on_full": "block",
            "stages": [
                {"name": "ingest", "uses": "stages.ingest:Auto", "with": {"give_up": 2, **fields}},
                {
                    "name": "output",
                    "uses": "tests.live.numbered:Numbered",
                    "with": {"output": str(tmp_path / "out.txt")},
                },
            ],
        }
        runs.append(Run(tmp_path, config, "--input", f"tcp://{host}:{port}?{query}", *args))
        return runs[-1]

    yield begin
    for run in runs:
        if run.process.poll() is None:
            run.kill()


def port_of(run: Run) -> int:
    """The port that it told."""
    told: list[str] = []

    def heard() -> bool:
        told[:] = re.findall(r"tcp://[\d.]+:(\d+): waits for a sender", (run.folder / "stderr").read_text())
        return bool(told)

    wait_until(heard)
    return int(told[0])


def numbers(run: Run) -> list[int]:
    """The numbers in the pictures that came out so far."""
    return [int(line) for line in run.output.read_text().split()] if run.output.exists() else []


def test_every_frame_of_ffmpeg_at_720p_arrives(start) -> None:
    run = start("width=1280&height=720&rate=30", give_up=1)
    source = "testsrc2=size=1280x720:rate=30"
    sender = ffmpeg(*RAW, source=source, frames=FRAMES, address=f"tcp://127.0.0.1:{port_of(run)}")
    assert sender.communicate(timeout=60) == (None, "")
    ended = run.end()
    assert sender.returncode == ended.code == 0
    assert ended.frames == {"accepted": FRAMES, "output": FRAMES, "blanked": 0, "dropped": {}, "rejected": 0}
    assert ended.report["ledger_balanced"]
    assert ended.report["result"] == "completed"


def test_all_networks_of_the_machine_are_listened_at_where_that_is_wished(start) -> None:
    run = start("width=640&height=360", host="0.0.0.0", give_up=1)
    sender = ffmpeg(*RAW, source="testsrc2=size=640x360", frames=5, address=f"tcp://127.0.0.1:{port_of(run)}")
    sender.communicate(timeout=60)
    assert run.end().frames["output"] == 5


@pytest.mark.long
def test_a_4k_frame_is_a_frame(start) -> None:
    """S0-31: what comes is limited by the network, not by the program."""
    run = start("width=3840&height=2160", give_up=1)
    sender = ffmpeg(*RAW, source="testsrc2=size=3840x2160", frames=6, address=f"tcp://127.0.0.1:{port_of(run)}")
    sender.communicate(timeout=60)
    assert run.end().frames["output"] == 6


@pytest.mark.long
def test_a_worker_that_is_killed_is_followed_by_one_that_waits_for_the_next_sender(start) -> None:
    run = start(f"width={WIDTH}&height={HEIGHT}&rate=30", port=free_port(), give_up=4)
    port = port_of(run)
    with socket.create_connection(("127.0.0.1", port)) as sender:
        sender.sendall(b"".join(image(number).tobytes() for number in range(10)))
        wait_until(lambda: numbers(run) == list(range(10)))
        run.workers("ingest")[0].kill()
        assert sender.recv(1) == b""
    wait_until(lambda: connects(port))
    with socket.create_connection(("127.0.0.1", port)) as sender:
        sender.sendall(b"".join(image(number).tobytes() for number in range(10, 20)))
    ended = run.end()
    assert ended.code == 0
    assert numbers(run) == list(range(20))
    assert ended.frames["output"] == ended.frames["accepted"] == 20
    assert ended.report["stages"]["ingest"]["restarts"] == 1
    stamps = ended.report["output"]["stamps"]
    assert stamps == sorted(set(stamps))


@pytest.mark.fault("D9")
def test_a_port_in_use_ends_it_before_any_frame(start) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        ended = start("width=64&height=48", port=other.getsockname()[1]).end()
    assert ended.code == 3
    assert "is in use" in ended.stderr.splitlines()[-1]


def test_without_a_sender_it_ends_with_3_and_the_line_to_run(start) -> None:
    ended = start("width=1280&height=720", timeout=0.5).end()
    assert ended.code == 3
    last = ended.stderr.splitlines()[-1]
    assert (
        "nobody has connected within 0.5 s; send with: ffmpeg -i INPUT -s 1280x720 -pix_fmt bgr24 -f rawvideo" in last
    )
    assert ended.report["stages"]["ingest"]["restarts"] == 0


@pytest.mark.fault("D5")
def test_a_wrong_size_is_one_line_with_the_flag(start) -> None:
    run = start("width=1280&height=720", timeout=3)
    sender = ffmpeg(*RAW, source="testsrc2=size=640x480", frames=60, address=f"tcp://127.0.0.1:{port_of(run)}")
    sender.communicate(timeout=60)
    ended = run.end()
    assert ended.code == 3
    last = ended.stderr.splitlines()[-1]
    assert "what comes is not 1280x720 bgr24; its rows seem to be 640 pixels of bgr24: tell FFmpeg -s 1280x720" in last
    assert ended.frames["output"] == 0


@pytest.mark.long
def test_nut_needs_no_size(start) -> None:
    run = start("", give_up=1)
    words = ("-c:v", "rawvideo", "-f", "nut")
    sender = ffmpeg(*words, source="testsrc2=size=640x360", frames=30, address=f"tcp://127.0.0.1:{port_of(run)}")
    sender.communicate(timeout=60)
    assert run.end().frames["output"] == 30


@pytest.mark.long
def test_it_comes_to_its_end_while_it_waits(start) -> None:
    run = start(f"width={WIDTH}&height={HEIGHT}", give_up=60)
    with socket.create_connection(("127.0.0.1", port_of(run))) as sender:
        sender.sendall(b"".join(image(number).tobytes() for number in range(5)))
    wait_until(lambda: len(numbers(run)) == 5)
    psutil.Process(run.process.pid).terminate()
    ended = run.end(timeout=20)
    assert ended.code == 143
    assert ended.frames["output"] == 5


def test_the_shipped_configuration_listens_and_its_header_says_how_to_send() -> None:
    text = shipped()["live-tcp"].read_text()
    plan = load_config("live-tcp", environment={})
    assert plan.on_full == "drop_oldest"
    assert type(plan.stages[0].stage).__name__ == "Tcp"
    for recipe in (
        "-f nut tcp://",
        "-pix_fmt bgr24 -f rawvideo tcp://",
        "-f dshow -rtbufsize 256M",
        "-f v4l2",
        "-f avf",
    ):
        assert recipe in text
    assert yaml.safe_load(text)["name"] == "live-tcp"


def test_the_kept_figures_of_receiving_meet_the_goal() -> None:
    """Run `python -m benchmarks.raw_tcp` where this fails."""
    found = load(FOLDER / "raw-tcp.json", "raw-tcp")
    assert found["arrived"] == found["sent"]
    assert max(found[way]["recv_per_memcpy"] for way in ("paced", "flat_out")) <= 1.5
    assert found["goal"]["met"]


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port: int = other.getsockname()[1]
        return port


def connects(port: int) -> bool:
    """Whether somebody listens there; asks the system, as a connection would take the sender's place."""
    listening = [one for one in psutil.net_connections("tcp") if one.status == psutil.CONN_LISTEN]
    return any(one.laddr.port == port for one in listening)
