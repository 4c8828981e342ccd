"""Pushing to a real RTSP server, GStreamer's: with and without a password, by both transports, after its death."""

from __future__ import annotations

import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil
import pytest

from tests.live.pushing import frame, free_port, opened, seen
from tests.live.servers import PYTHON, needs_rtsp
from tests.live.test_push import finished, is_up, push
from tests.waiting import wait_until

SCRIPT = Path(__file__).with_name("rtsp_taker.py")


@contextmanager
def taker(port: int, out: Path, *who: str) -> Iterator[None]:
    needs_rtsp()
    command = [PYTHON, str(SCRIPT), str(port), str(out), *who]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"ready\n"
        try:
            yield
        finally:
            process.kill()


@pytest.mark.parametrize("transport", ["tcp", "udp"])
def test_a_real_server_records_every_frame(tmp_path: Path, transport: str) -> None:
    port, out = free_port(), tmp_path / "out.ts"
    with taker(port, out):
        sink = opened(f"rtsp://127.0.0.1:{port}/live", transport=transport)
        wait_until(lambda: is_up(sink))
        push(sink, range(60))
        wait_until(lambda: len(seen(out)) >= 55)  # the last ones stay in its parser when it is killed
        assert finished(sink)["sent"] == 60
    assert seen(out) == list(range(len(seen(out))))


def test_a_password_from_the_environment_opens_a_server_and_a_wrong_one_is_said(tmp_path: Path, monkeypatch) -> None:
    port, out = free_port(), tmp_path / "out.ts"
    monkeypatch.setenv("PUSH_PASSWORD", "s3/cr@t")
    with taker(port, out, "me", "s3/cr@t"):
        wrong = opened(f"rtsp://me:guessed@127.0.0.1:{port}/live")
        wait_until(lambda: "401" in wrong._link.trouble)
        finished(wrong)
        assert "guessed" not in str(wrong.context.notes)
        assert "401" in str(wrong.context.notes)
        sink = opened(f"rtsp://me:${{PUSH_PASSWORD}}@127.0.0.1:{port}/live")
        wait_until(lambda: is_up(sink))
        push(sink, range(40))
        wait_until(lambda: len(seen(out)) >= 35)
        assert "s3" not in finished(sink)["output"]


@pytest.mark.long
def test_a_server_that_is_killed_again_and_again_leaves_no_process_behind(tmp_path: Path) -> None:
    port, number = free_port(), 0
    sink = opened(f"rtsp://127.0.0.1:{port}/live")

    def until(there: Callable[[], bool], timeout: float) -> None:
        nonlocal number
        end = time.monotonic() + timeout
        while not there():
            assert time.monotonic() < end, sink._link.trouble
            sink.write(frame(number))
            number += 1
            threading.Event().wait(0.02)

    try:
        for life in range(5):
            out = tmp_path / f"{life}.ts"
            with taker(port, out):
                until(lambda: is_up(sink), 3)
                until(lambda out=out: len(seen(out)) >= 5, 30)
            until(lambda: not is_up(sink), 10)
            assert len(psutil.Process().children()) <= 1
        assert finished(sink)["connections"] == 5
        assert sink.context.counts["reconnects"] == 4
    finally:
        sink.close()
    assert not psutil.Process().children()
