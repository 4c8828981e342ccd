"""Limits of the system: no more files, no more processes, no processor: borne, or told in words, and never an abort."""

from __future__ import annotations

import errno
import os
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import psutil
import pytest
import yaml

from pipeline.config import load_config
from pipeline.crew import SPARE, Crew
from pipeline.run import run_plan
from pipeline.runlog import RunLog
from tests.runs import ROOT, Run, toy
from tests.waiting import wait_until

pytestmark = pytest.mark.real
INVERT = {"name": "invert", "uses": "tests.toys:Invert"}
ORDINARY = 54_321  # a user of whom nothing else runs here


def limited(flag: str, *values: int) -> list[str]:
    """A command that runs another one under `ulimit`: one value, or a soft and a hard one."""
    kinds = ("",) if len(values) == 1 else ("-S", "-H")
    settings = " && ".join(f"ulimit {kind} {flag} {value}" for kind, value in zip(kinds, values, strict=True))
    return ["sh", "-c", f'{settings} && exec "$@"', "sh"]


def begun(run: Run) -> Run:
    """The same, when the first frames are out."""
    wait_until(lambda: run.output.exists() and run.output.stat().st_size > 50)
    return run


# Files


@pytest.mark.fault("B7")
def test_sixty_four_open_files_are_enough_for_a_run(tmp_path: Path) -> None:
    run = Run(tmp_path, toy(tmp_path), under=limited("-n", 64))
    ended = run.end()
    assert ended.code == 0, ended.stderr
    assert len(run.lines()) == 60


@pytest.mark.long
@pytest.mark.fault("B7")
def test_a_soft_limit_that_is_too_low_is_raised_as_far_as_it_may_be(tmp_path: Path) -> None:
    run = Run(tmp_path, toy(tmp_path, {**INVERT, "workers": 12}), under=limited("-n", 64, 4096))
    ended = run.end()
    assert ended.code == 0, ended.stderr
    assert len(run.lines()) == 60


@pytest.mark.fault("B7")
def test_a_run_with_more_workers_than_files_may_be_opened_ends_in_words(tmp_path: Path) -> None:
    """ZeroMQ aborts a process that cannot take a connection for want of a descriptor: it must not come to that."""
    ended = Run(tmp_path, toy(tmp_path, {**INVERT, "workers": 30}), under=limited("-n", 64)).end()
    assert ended.code == 4
    assert "cannot be started" in ended.stderr.splitlines()[-1]
    assert "Too many open files" in ended.stderr.splitlines()[-1]
    assert ended.report["result"] == "failed"


@pytest.mark.long
@pytest.mark.fault("B7")
def test_a_worker_that_cannot_be_restarted_for_want_of_files_is_when_there_are_some_again(tmp_path: Path) -> None:
    """Strangers take them, by connecting to the run's socket."""
    slow = {**INVERT, "with": {"sleep": 0.05}, "restart": {"max_restarts": 9}}
    run = begun(Run(tmp_path, toy(tmp_path, slow), "--set", "ingest.count=100", under=limited("-n", 64)))
    with ExitStack() as strangers:
        freed = 4  # pidfd, lifeline, connection and stderr of the one that dies
        held = min(len(os.listdir(f"/proc/{run.process.pid}/fd")) for _ in range(50))  # one may be open for a moment
        for _ in range(64 - SPARE + freed - held):
            stranger = strangers.enter_context(socket.socket(socket.AF_UNIX))
            stranger.connect(str(tmp_path / "state" / "toy" / "control"))
        run.workers("invert")[0].kill()
        wait_until(lambda: not run.workers("invert"))
        with pytest.raises(AssertionError, match="not within"):
            wait_until(lambda: bool(run.workers("invert")), timeout=1)
    ended = run.end()
    assert ended.code == 0, ended.stderr
    assert len(run.lines()) == 100


# Processes


@contextmanager
def ordinary_user() -> Iterator[tuple[Path, list[str]]]:
    """A folder of a user whom limits hold, and a command that runs another one as that user."""
    if os.getuid() == 0 and shutil.which("setpriv") is None:
        pytest.skip("root is not limited, and without setpriv nobody else can be")
    with tempfile.TemporaryDirectory(prefix="cleanplate-") as name:
        folder = Path(name)
        under: list[str] = []
        if os.getuid() == 0:
            os.chown(folder, ORDINARY, ORDINARY)
            reading = [f"--{kind}-caps=+dac_read_search" for kind in ("inh", "ambient")]  # the tree may be root's alone
            user = [f"--reuid={ORDINARY}", f"--regid={ORDINARY}", "--clear-groups", *reading]
            under = ["env", f"HOME={folder}", "setpriv", *user, "--"]
        yield folder, under


def let_processes(run: Run, under: list[str], most: int) -> None:
    """RLIMIT_NPROC of the running supervisor."""
    pid = str(run.process.pid)
    subprocess.run([*under, "prlimit", "--pid", pid, f"--nproc={most}:"], check=True)


@pytest.mark.long
@pytest.mark.fault("B8")
def test_a_worker_that_cannot_be_started_is_tried_again_until_there_is_room() -> None:
    with ordinary_user() as (folder, under):
        slow = toy(folder, {**INVERT, "with": {"sleep": 0.02}})
        run = begun(Run(folder, slow, "--set", "ingest.count=200", under=under))
        let_processes(run, under, 1)
        run.workers("invert")[0].kill()
        wait_until(lambda: not run.workers("invert"))
        with pytest.raises(AssertionError, match="not within"):
            wait_until(lambda: bool(run.workers("invert")), timeout=1)
        assert run.process.poll() is None
        let_processes(run, under, 1000)
        ended = run.end()
        assert ended.code == 0, ended.stderr
        assert [line[:4] for line in run.lines()] == [[i, i, 0, 1] for i in range(200)]
        assert ended.report["stages"]["invert"]["restarts"] == 1


@pytest.mark.fault("B8")
def test_a_worker_that_can_never_be_started_again_ends_the_run_in_words() -> None:
    policy = "invert.restart={max_restarts: 1}"
    with ordinary_user() as (folder, under):
        run = begun(Run(folder, toy(folder), "--set", "ingest.count=1000000", "--set", policy, under=under))
        let_processes(run, under, 1)
        run.workers("invert")[0].kill()
        ended = run.end()
        assert ended.code == 4
        assert "invert: cannot be started" in ended.stderr.splitlines()[-1]
        assert "Resource temporarily unavailable" in ended.stderr
        frames = ended.frames
        assert frames["accepted"] == frames["output"] + sum(frames["dropped"].values())
        assert len(run.lines()) == frames["output"]


@pytest.mark.fault("B8")
@pytest.mark.parametrize(("refusals", "code"), [(2, 0), (100, 4)], ids=["for a moment", "for ever"])
def test_the_first_workers_of_a_run_are_tried_again_as_well(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, refusals: int, code: int
) -> None:
    plan, left = load_config(written(tmp_path, toy(tmp_path))), iter(range(refusals))
    real = subprocess.Popen

    def refuse(*args: Any, **options: Any) -> Any:
        if next(left, None) is not None:
            raise BlockingIOError(errno.EAGAIN, os.strerror(errno.EAGAIN))
        return real(*args, **options)

    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    monkeypatch.setattr(subprocess, "Popen", refuse)
    result = run_plan(plan)
    assert result.code == code
    if code:
        assert result.error == "ingest: cannot be started (Resource temporarily unavailable)"
    else:
        assert result.report["frames"]["output"] == 60
        assert result.report["stages"]["ingest"]["restarts"] == 0, "nobody died"


def test_a_worker_more_that_cannot_be_started_is_tried_again_and_ends_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The stage works with those that it has."""
    plan = load_config(written(tmp_path, toy(tmp_path)))
    with RunLog() as log:
        crew = Crew(plan.stages, "ipc:///nowhere", log)
        monkeypatch.setattr(Crew, "of", lambda self, stage: [SimpleNamespace(state="ready", number=0)])
        monkeypatch.setattr(Crew, "start", refused)
        crew.scale(1, 9, 0.0)
        for now in range(100):
            assert list(crew.restart_due(float(now))) == []


def refused(*_: Any) -> None:
    raise OSError(errno.EAGAIN, "no")


def written(folder: Path, config: dict[str, Any]) -> str:
    path = folder / "toy.yaml"
    path.write_text(yaml.safe_dump(config, sort_keys=False))
    return str(path)


# Processors


@pytest.mark.alone
@pytest.mark.long
@pytest.mark.fault("B9")
@pytest.mark.skipif(shutil.which("stress-ng") is None, reason="no stress-ng here")
def test_nobody_is_killed_for_being_slow_when_other_programs_take_all_processors(tmp_path: Path) -> None:
    """The toys have the shortest deadline there is; the hogs outnumber the cores, and have the same priority."""
    hogs = subprocess.Popen(
        ["stress-ng", "--cpu", str(2 * (os.cpu_count() or 1)), "--timeout", "60", "--quiet"], start_new_session=True
    )
    try:
        wait_until(lambda: len(psutil.Process(hogs.pid).children(recursive=True)) >= 2 * (os.cpu_count() or 1))
        middle = ({**INVERT, "workers": 2}, {"name": "total", "uses": "tests.toys:Sum"})
        run = Run(tmp_path, toy(tmp_path, *middle, sink="CollectWithMask"), "--set", "ingest.count=1500")
        ended = run.end(timeout=120)
    finally:
        for hog in [*psutil.Process(hogs.pid).children(recursive=True), psutil.Process(hogs.pid)]:
            hog.kill()
        hogs.wait()
    assert ended.code == 0, ended.stderr
    assert ended.report["runtime"]["deaths"] == []
    assert ended.frames["output"] == 1500
