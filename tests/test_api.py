"""Whole runs from Python."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from pipeline.api import RunFailed, SetupFailed, process_video
from pipeline.errors import ConfigError
from pipeline.supervisor import Supervisor
from tests.clips import decode, make_clip
from tests.commands import cleanplate
from tests.runs import ROOT, toy
from tests.waiting import wait_until

QUICK = ["segmentation.size=64", "segmentation.engine=torch", "inpainting.model=telea"]


def endless(folder: Path) -> dict[str, Any]:
    """A run that does not end before it is asked to."""
    config = toy(folder, {"name": "invert", "uses": "tests.toys:Invert", "with": {"sleep": 0.05}})
    config["stages"][0]["with"]["count"] = 10_000
    return config


@pytest.mark.real
def test_a_video_in_one_line(tmp_path: Path) -> None:
    clip, out = make_clip(tmp_path / "in.mp4", 12), tmp_path / "out.mp4"
    counts: list[int] = []
    report = process_video(clip, out, sets=QUICK, frames=10, report=tmp_path / "r.json", on_frame=counts.append)
    assert report["frames"]["output"] == len(decode(out)) == 10
    assert counts[-1] == 10
    assert counts == sorted(set(counts)), "each number is larger than the one before"
    assert (tmp_path / "r.json").exists()


@pytest.mark.real
def test_what_goes_wrong_is_an_exception_with_the_report(tmp_path: Path) -> None:
    with pytest.raises(RunFailed, match=r"nothing\.mp4") as caught:
        process_video(tmp_path / "nothing.mp4", tmp_path / "out.mp4", sets=QUICK)
    assert caught.value.code == 3
    assert caught.value.report["result"] == "failed"


def test_a_misspelt_key_is_known_before_anything_starts(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="classes"):
        process_video("in.mp4", tmp_path / "out.mp4", sets=["segmentation.clases=[dog]"])


@pytest.mark.real
def test_a_video_in_one_line_works_in_any_thread_and_calls_back_in_the_same(tmp_path: Path) -> None:
    clip, out = make_clip(tmp_path / "in.mp4", 12), tmp_path / "out.mp4"
    counts: list[int] = []
    threads: set[int] = set()

    def on_frame(done: int) -> None:
        counts.append(done)
        threads.add(threading.get_ident())

    def work() -> tuple[int, dict[str, Any]]:
        done = process_video(clip, out, sets=QUICK, frames=10, report=tmp_path / "r.json", on_frame=on_frame)
        return threading.get_ident(), done

    with ThreadPoolExecutor() as pool:
        mine, report = pool.submit(work).result()
    assert report == json.loads((tmp_path / "r.json").read_text())
    assert report["frames"]["output"] == len(decode(out)) == counts[-1] == 10
    assert counts == sorted(set(counts))
    assert threads == {mine}


@pytest.mark.real
def test_what_goes_wrong_in_another_thread_is_the_same_exception(tmp_path: Path) -> None:
    with ThreadPoolExecutor() as pool, pytest.raises(SetupFailed, match=r"nothing\.mp4") as caught:
        pool.submit(process_video, tmp_path / "nothing.mp4", tmp_path / "out.mp4", sets=QUICK).result()
    assert caught.value.code == 3
    assert caught.value.report["result"] == "failed"


@pytest.mark.real
def test_what_a_callback_raises_in_another_thread_ends_the_run(tmp_path: Path) -> None:
    (tmp_path / "toy.yaml").write_text(json.dumps(endless(tmp_path)))

    def on_frame(done: int) -> None:
        raise ValueError("enough")

    with ThreadPoolExecutor() as pool, pytest.raises(ValueError, match="enough"):
        pool.submit(
            process_video, "in", tmp_path / "out.txt", config=str(tmp_path / "toy.yaml"), on_frame=on_frame
        ).result()


@pytest.mark.parametrize(("wrong", "words"), [({"frames": 0}, "at least 1"), ({"sets": "slots=4"}, "a list")])
def test_a_wrong_argument_is_told_in_one_line(tmp_path: Path, wrong: dict[str, Any], words: str) -> None:
    with pytest.raises(ConfigError, match=words):
        process_video("in.mp4", tmp_path / "out.mp4", **wrong)


@pytest.mark.real
def test_an_interruption_while_the_workers_say_goodbye_is_not_lost(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(supervisor: Supervisor) -> None:
        signal.raise_signal(signal.SIGINT)
        await_end(supervisor)

    await_end = Supervisor.await_end
    monkeypatch.setattr(Supervisor, "await_end", interrupted)
    (tmp_path / "toy.yaml").write_text(json.dumps(toy(tmp_path)))
    with pytest.raises(RunFailed) as caught:
        process_video("in", tmp_path / "out.txt", config=str(tmp_path / "toy.yaml"))
    assert caught.value.code == 130
    assert caught.value.report["frames"]["output"] == 60


@pytest.mark.long
@pytest.mark.real
def test_a_run_is_stopped_though_the_program_that_began_it_goes_on(tmp_path: Path) -> None:
    (tmp_path / "toy.yaml").write_text(json.dumps(endless(tmp_path)))
    state = {"CLEANPLATE_STATE": str(tmp_path / "state")}
    program = (
        "from pipeline.api import RunFailed, process_video\n"
        f"try: process_video('in', {str(tmp_path / 'out.txt')!r}, config={str(tmp_path / 'toy.yaml')!r})\n"
        "except RunFailed as error: print(error.code, flush=True)\n"
        "input()"
    )
    with subprocess.Popen(
        [sys.executable, "-c", program], cwd=ROOT, env={**os.environ, **state}, text=True,
        stdin=subprocess.PIPE, stdout=subprocess.PIPE,
    ) as running:  # fmt: skip
        wait_until(lambda: "ready" in cleanplate("logs", env=state).stdout)
        done = cleanplate("stop", "toy", "--timeout", "20", env=state)
        assert (done.returncode, done.stdout) == (0, "toy ended\n"), done.stderr
        assert running.poll() is None
        assert running.communicate("\n") == ("143\n", None)


@pytest.mark.long
@pytest.mark.real
def test_it_works_where_there_is_no_main_module_to_come_back_to(tmp_path: Path) -> None:
    """A notebook's cell is no file: workers must not depend on the program that starts them."""
    clip, out = make_clip(tmp_path / "in.mp4", 5), tmp_path / "out.mp4"
    cell = f"from pipeline.api import process_video\nprocess_video({str(clip)!r}, {str(out)!r}, sets={QUICK!r})\n"
    done = subprocess.run(
        [sys.executable, "-"], input=cell, text=True, cwd=ROOT, capture_output=True, timeout=120, check=False
    )
    assert done.returncode == 0, done.stderr
    assert len(decode(out)) == 5
