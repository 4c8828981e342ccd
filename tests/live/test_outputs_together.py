"""Several outputs of one run: a file, a server of pictures, a recording, a stream; none of them harms another."""

from __future__ import annotations

import http.client
import os
import time
from pathlib import Path
from typing import Any

import psutil
import pytest

from tests.clips import number_of
from tests.live.pushing import free_port, rtsp, seen
from tests.live.recordings import parts, pictures, segments
from tests.live.test_mjpeg import Watcher, decoded
from tests.runs import Run
from tests.thorough import rarely
from tests.waiting import wait_until

FRAMES = 150


def config(**output: Any) -> dict[str, Any]:
    """Numbered pictures in real time -> the outputs."""
    return {
        "name": "camera",
        "stages": [
            {"name": "ingest", "uses": "tests.live.toys:Camera", "with": {"count": FRAMES}},
            {"name": "copy", "uses": "tests.live.toys:Copy"},
            {"name": "output", "uses": "stages.output:Auto", "with": output},
        ],
    }


def outputs(*addresses: str) -> list[str]:
    return [word for address in addresses for word in ("-o", address)]


def numbers(path: Path) -> list[int]:
    return [number_of(image) for image in pictures(path)]


@pytest.mark.long
def test_a_file_a_page_a_recording_and_a_stream_come_out_of_one_run(tmp_path: Path) -> None:
    web, port, folder, stream = free_port(), free_port(), tmp_path / "cam", tmp_path / "stream.ts"
    file = tmp_path / "clean.mkv"
    addresses = outputs(str(file), f"http://127.0.0.1:{web}/", f"recording:{folder}", f"rtsp://127.0.0.1:{port}/live")
    with rtsp(port, stream) as server:
        run = Run(tmp_path, config(), *addresses, "--set", "output-3.length=2", "--set", "output-3.keep_free_gb=0")
        wait_until(lambda: answers(web))
        watcher, watched = Watcher(web), []
        try:
            while True:
                watched.append(number_of(decoded(watcher.picture())))
        except (ConnectionError, http.client.HTTPException):
            watcher.close()  # the run has ended
        ended = run.end()
        assert ended.code == 0, ended.stderr
        server.wait(20)
    assert numbers(file) == list(range(FRAMES))
    assert [number for path in segments(folder) for number in numbers(path)] == list(range(FRAMES))
    assert not parts(folder)
    assert len(segments(folder)) == 3
    assert watched == sorted(set(watched))
    assert len(watched) > 20
    pushed = seen(stream)
    assert pushed == list(range(pushed[0], FRAMES))
    counts = ended.report["stages"]["output-4"]["counts"]
    assert counts.get("frames not sent: no connection", 0) + len(pushed) == FRAMES


def answers(port: int) -> bool:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    try:
        connection.request("GET", "/", headers={"Accept": "text/html"})
        return connection.getresponse().status == 200
    except ConnectionError:
        return False
    finally:
        connection.close()


@pytest.mark.parametrize("sink", ["output-2", *rarely("output-3")])
def test_a_killed_output_comes_back_and_the_others_lose_nothing(tmp_path: Path, sink: str) -> None:
    web, port, stream, file = free_port(), free_port(), tmp_path / "stream.ts", tmp_path / "clean.mkv"
    addresses = outputs(str(file), f"http://127.0.0.1:{web}/", f"rtsp://127.0.0.1:{port}/live")
    with rtsp(port, tmp_path / "first.ts"):
        run = Run(tmp_path, config(), *addresses)
        wait_until(lambda: answers(web))
        wait_until(lambda: bool(seen(tmp_path / "first.ts")))
        assert any("push_child" in line for line in left_of(run))
        (worker,) = run.workers(sink)
        worker.kill()
        wait_until(lambda: not worker.is_running())
    with rtsp(port, stream):
        wait_until(lambda: answers(web))
        wait_until(lambda: bool(seen(stream)))
        ended = run.end()
    assert ended.code == 0, ended.stderr
    assert ended.report["stages"][sink]["restarts"] == 1
    assert numbers(file) == list(range(FRAMES))
    assert left_of(run) == []


def left_of(run: Run) -> list[str]:
    """The processes that a run has started and that are there still, by what only they inherit."""
    lines = []
    for process in psutil.process_iter():
        try:
            if process.environ().get("CLEANPLATE_STATE") == str(run.folder / "state") and process.pid != os.getpid():
                lines.append(" ".join(process.cmdline()))
        except psutil.Error:
            continue
    return lines


@pytest.mark.long
def test_an_output_without_a_server_costs_the_run_nothing(tmp_path: Path) -> None:
    file = tmp_path / "clean.mkv"
    begun = time.monotonic()
    ended = Run(tmp_path, config(), *outputs(str(file), f"rtsp://me:secret@127.0.0.1:{free_port()}/live")).end()
    assert ended.code == 4, ended.stderr  # one output came to nothing
    assert time.monotonic() - begun < 40
    assert numbers(file) == list(range(FRAMES))
    assert ended.report["result"] == "completed_with_errors"
    assert ended.report["stages"]["output-2"]["errors"] == {"frames not sent: never connected": FRAMES}
    assert "rtsp://me:***@127.0.0.1" in ended.stderr
    assert "secret" not in ended.stderr + ended.stdout + str(ended.report)
