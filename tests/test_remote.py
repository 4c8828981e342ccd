"""A run in a child process: its events, its end by every way there is, and what others can see of it."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import psutil
import pytest

from pipeline.events import MOST_WAITING, Events
from pipeline.remote import Ending, RemoteRun, RunOrders
from tests.runs import ROOT, toy
from tests.waiting import wait_until

LONG = 100_000  # frames: nobody waits for the last one


def orders(folder: Path, count: int = 60, sleep: float = 0.0, **more: Any) -> RunOrders:
    config = toy(folder, {"name": "invert", "uses": "tests.toys:Invert", "with": {"sleep": sleep}})
    config["stages"][0]["with"]["count"] = count
    path = folder / "toy.yaml"
    path.write_text(json.dumps(config))
    return RunOrders(str(path), given="in", wanted=(str(folder / "out.txt"),), **more)


def begun(run: RemoteRun) -> RemoteRun:
    run.start()
    assert run.wait_begun(30)
    return run


def ended(run: RemoteRun) -> Ending:
    ending = run.wait(30)
    assert ending is not None
    return ending


@pytest.mark.real
def test_it_says_its_name_then_counts_and_last_how_it_ended(tmp_path: Path) -> None:
    events: list[dict[str, Any]] = []
    run = begun(RemoteRun(orders(tmp_path, name="mine"), events.append))
    assert run.name == "mine"
    assert run.wait_over(30)
    assert ended(run).report["frames"]["output"] == 60
    kinds = [event["event"] for event in events]
    assert (kinds[0], kinds[-1], kinds.count("end")) == ("started", "end", 1)
    assert events[0]["pid"] == run.pid
    counts = [event["done"] for event in events if event["event"] == "frames"]
    assert counts == sorted(set(counts))
    assert counts[-1] == 60


@pytest.mark.real
def test_asked_to_end_it_finishes_its_file(tmp_path: Path) -> None:
    run = begun(RemoteRun(orders(tmp_path, LONG, 0.001)))
    wait_until((tmp_path / "out.txt").exists)
    run.stop()
    ending = ended(run)
    assert (ending.code, ending.report["result"]) == (143, "interrupted")
    assert ending.report["frames"]["output"] == len((tmp_path / "out.txt").read_text().splitlines())


@pytest.mark.real
def test_asked_twice_it_ends_at_once(tmp_path: Path) -> None:
    run = begun(RemoteRun(orders(tmp_path, LONG, 60.0)))  # a frame takes a minute
    run.stop()
    run.stop()
    ending = ended(run)
    assert ending.code == 143
    assert "at once" in (ending.error or "") or "before the first frame" in (ending.error or "")


@pytest.mark.real
def test_asked_to_end_before_it_was_started_it_does_so_at_its_beginning(tmp_path: Path) -> None:
    run = RemoteRun(orders(tmp_path, LONG))
    run.stop()
    run.start()
    assert ended(run).code == 143


@pytest.mark.real
def test_what_is_wrong_with_the_orders_is_its_end(tmp_path: Path) -> None:
    run = RemoteRun(RunOrders("remove-peple", given="in", wanted=("out.mp4",)))
    run.start()
    ending = ended(run)
    assert (ending.code, ending.report) == (2, {})
    assert "remove-people" in (ending.error or "")
    assert run.name == ""


@pytest.mark.real
def test_a_child_that_is_killed_has_an_end_as_well(tmp_path: Path) -> None:
    events: list[dict[str, Any]] = []
    run = begun(RemoteRun(orders(tmp_path, LONG, 0.01), events.append))
    run.kill()
    ending = ended(run)
    assert ending.code == 128 + signal.SIGKILL
    assert "killed by signal 9" in (ending.error or "")
    assert events[-1] == {"event": "end", "code": 137, "error": ending.error, "report": {}}


def test_a_child_that_is_killed_in_mid_sentence_has_an_end_as_well(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its report is longer than a pipe holds."""
    says = """printf '{"event": "end", "code": 0, "err'; kill -KILL $$"""
    child = tmp_path / "child"
    child.write_text(f"#!/bin/sh\n{says}\n")
    child.chmod(0o755)
    monkeypatch.setattr("sys.executable", str(child))
    run = RemoteRun(orders(tmp_path))
    run.start()
    ending = ended(run)
    assert (ending.code, ending.report) == (128 + signal.SIGKILL, {})
    assert "killed by signal 9" in (ending.error or "")


@pytest.mark.real
def test_what_a_listener_raises_stops_the_run_and_comes_out_of_wait(tmp_path: Path) -> None:
    def heard(event: dict[str, Any]) -> None:
        if event["event"] == "frames":
            raise ValueError("enough")

    run = begun(RemoteRun(orders(tmp_path, LONG, 0.001), heard))
    with pytest.raises(ValueError, match="enough"):
        run.wait(30)
    assert run.ending is not None
    assert run.ending.report["result"] == "interrupted"


@pytest.mark.real
def test_it_outlives_the_thread_that_began_it(tmp_path: Path) -> None:
    """The kernel tells a child of the death of the thread that made it: that is not the caller's."""
    run = RemoteRun(orders(tmp_path, 100, 0.01))
    thread = threading.Thread(target=begun, args=(run,))
    thread.start()
    thread.join()
    assert ended(run).code == 0


@pytest.mark.real
def test_nothing_of_its_orders_stands_where_others_can_read_it(tmp_path: Path) -> None:
    secret = "hunter2"
    run = begun(RemoteRun(orders(tmp_path, LONG, 0.01, report=str(tmp_path / f"{secret}.json"))))
    family = [psutil.Process(run.pid), *psutil.Process(run.pid).children(recursive=True)]
    assert len(family) > 3, "the workers are among them"
    for process in family:
        assert secret not in " ".join(process.cmdline())
        assert secret not in Path(f"/proc/{process.pid}/environ").read_text()
    run.stop()
    assert ended(run).code == 143


PARENT = """
import sys
from pipeline.remote import RemoteRun, RunOrders
run = RemoteRun(RunOrders(sys.argv[1], given="in", wanted=(sys.argv[2],), report=sys.argv[3]))
run.start()
run.wait_begun(30)
print(run.pid, flush=True)
input()
"""


@pytest.mark.real
@pytest.mark.parametrize("ending", [signal.SIGKILL, signal.SIGTERM])
@pytest.mark.alone
def test_it_finishes_its_file_when_its_parent_dies(tmp_path: Path, ending: signal.Signals) -> None:
    what = orders(tmp_path, LONG, 0.001)
    report, out = tmp_path / "report.json", tmp_path / "out.txt"
    with subprocess.Popen(
        [sys.executable, "-c", PARENT, what.config, str(out), str(report)], cwd=ROOT, text=True,
        stdin=subprocess.PIPE, stdout=subprocess.PIPE,
    ) as parent:  # fmt: skip
        assert parent.stdout is not None
        pid = int(parent.stdout.readline())
        wait_until(lambda: out.exists() and out.stat().st_size > 100)
        parent.send_signal(ending)
        parent.wait(10)
    wait_until(lambda: not psutil.pid_exists(pid))
    said = json.loads(report.read_text())
    assert said["result"] == "interrupted"
    assert said["frames"]["output"] == len(out.read_text().splitlines()), "not cut off: asked once, not twice"


def test_a_child_without_orders_says_so_and_ends() -> None:
    done = subprocess.run(
        [sys.executable, "-P", "-m", "pipeline.remote_child", str(os.getpid())], input=b"",
        stdout=subprocess.PIPE, timeout=30, check=False,
    )  # fmt: skip
    event = json.loads(done.stdout)
    assert (done.returncode, event["event"], event["code"]) == (4, "end", 4)
    assert "no orders" in event["error"]


def test_a_child_whose_parent_is_gone_does_nothing() -> None:
    done = subprocess.run(
        [sys.executable, "-P", "-m", "pipeline.remote_child", "1"], input=b"{}\n", capture_output=True, timeout=30,
        check=False,
    )  # fmt: skip
    assert (done.returncode, done.stdout) == (4, b"")


def test_events_that_nobody_reads_hold_nobody_up_and_take_no_endless_memory() -> None:
    reading, writing = os.pipe()
    events = Events(writing)
    text = "x" * 100_000
    for _ in range(100):
        events.say("note", text=text)
    assert len(events._waiting) <= MOST_WAITING + len(text) + 100
    lines: list[bytes] = []
    with os.fdopen(reading, "rb") as pipe:
        reader = threading.Thread(target=lambda: lines.extend(pipe))
        reader.start()
        events.finish(code=0)
        os.close(writing)
        reader.join(10)
    said = [json.loads(line)["event"] for line in lines]
    assert len(said) < 100, "what came when too much waited is lost, each of the others whole"
    assert (said[-1], said.count("end")) == ("end", 1), "how it ended is always said"
