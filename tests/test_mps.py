"""MPS: started for a run where it helps and can be had, told to the workers, ended with the run however that ends."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any, ClassVar

import psutil
import pytest
import yaml

from pipeline import mps
from pipeline.config import Plan, load_config
from pipeline.errors import SetupError
from pipeline.frame import Frame
from pipeline.mps import CONTROL, Mps, clients
from pipeline.run import run_plan
from pipeline.runlog import RunLog
from tests.runs import toy
from tests.toys import Invert
from tests.waiting import wait_until

# As NVIDIA's: it goes into the background by itself, and takes orders on its standard input.
FAKE = """#!/bin/sh
here="$CUDA_MPS_PIPE_DIRECTORY"
echo "$*" >> "$here/calls"
if [ "$1" = -d ]; then
  %(start)s
  sleep 1000 & echo $! > "$here/daemon"
  exit 0
fi
read order
echo "$order" >> "$here/calls"
%(answer)s
if [ "$order" = quit ]; then kill "$(cat "$here/daemon")"; fi
"""


class Heavy(Invert):
    """Writes down what it was told of MPS."""

    heavy: ClassVar[bool] = True

    device: str = "auto"
    witness: str = ""

    def process(self, frame: Frame) -> None:
        super().process(frame)
        Path(self.witness).write_text(os.environ.get("CUDA_MPS_PIPE_DIRECTORY", ""))


def plan(folder: Path, wish: str = "auto", workers: int = 2, **options: Any) -> Plan:
    given = {"witness": str(folder / "witness"), **options}
    step = {"name": "invert", "uses": "tests.test_mps:Heavy", "workers": workers, "with": given}
    path = folder / "p.yaml"
    path.write_text(yaml.safe_dump(toy(folder, step, gpu={"mps": wish}), sort_keys=False))
    return load_config(str(path), sets=["ingest.count=8"], given="x", wanted=str(folder / "out.txt"), environment={})


def install(folder: Path, monkeypatch: pytest.MonkeyPatch, start: str = "", answer: str = "") -> None:
    """A control program on the PATH, a GPU, and a client that gets what it wants."""
    (folder / "bin").mkdir()
    program = folder / "bin" / CONTROL
    program.write_text(FAKE % {"start": start, "answer": answer})
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{folder / 'bin'}:{os.environ['PATH']}")
    monkeypatch.setattr(mps, "DEVICE", Path("/dev/null"))
    monkeypatch.setattr(mps, "TRIAL", ["/bin/true"])
    for name in ("CUDA_MPS_PIPE_DIRECTORY", "CUDA_VISIBLE_DEVICES"):
        monkeypatch.delenv(name, raising=False)


def alive(pid: int) -> bool:
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def calls(folder: Path) -> list[str]:
    return [line for line in (folder / "calls").read_text().splitlines() if line]


def daemon(folder: Path) -> int:
    return int((folder / "daemon").read_text())


def events(plan: Plan, folder: Path) -> tuple[Mps, list[str]]:
    """A daemon as the plan wants it, and what the log says of it."""
    log, one, found = RunLog(), Mps(folder), list[str]()
    log.event = lambda kind, text, stage="": found.append(text)  # type: ignore[method-assign, misc, assignment]
    one.share(plan, log)
    return one, found


def test_it_is_started_for_two_workers_told_to_them_and_ended(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    install(tmp_path, monkeypatch)
    folder = tmp_path / "mps"
    one, said = events(plan(tmp_path), folder)
    assert dict(one.environment) == dict.fromkeys(("CUDA_MPS_PIPE_DIRECTORY", "CUDA_MPS_LOG_DIRECTORY"), str(folder))
    assert said == [f"started in {folder}"]
    assert folder.stat().st_mode & 0o777 == 0o700
    pid = daemon(folder)
    assert alive(pid)
    one.close()
    wait_until(lambda: not alive(pid), 5)
    assert calls(folder) == ["-d", "get_server_list", "quit"]
    assert one.environment == {}
    one.close()


@pytest.mark.parametrize(
    ("wish", "workers", "options"), [("off", 2, {}), ("auto", 1, {}), ("auto", 3, {"device": "cpu"})]
)
def test_it_is_not_started_where_nobody_wants_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, wish: str, workers: int, options: dict[str, Any]
) -> None:
    install(tmp_path, monkeypatch)
    one, said = events(plan(tmp_path, wish, workers, **options), tmp_path / "mps")
    assert (one.environment, said, (tmp_path / "mps").exists()) == ({}, [], False)


def test_all_workers_that_hold_a_model_count() -> None:
    found = load_config("remove-people", sets=["inpainting.workers=2"], given="a.mp4", wanted="b.mp4", environment={})
    assert clients(found) == 4  # two of segmentation, two of inpainting
    found = load_config(
        "remove-people", sets=["segmentation.device=cpu"], given="a.mp4", wanted="b.mp4", environment={}
    )
    assert clients(found) == 1


ONLY = 'if [ "$order" = get_server_list ]; then %s; fi'
OBSTACLES = {
    "no GPU": "no NVIDIA GPU is here",
    "hidden": "no NVIDIA GPU is here",
    "no program": "nvidia-cuda-mps-control is not on the PATH",
    "own": "CUDA_MPS_PIPE_DIRECTORY is '/own'",
    "path": "is too long a path for its sockets",
    "fails": "did not start (exit code 7)",
    "hangs": "did not start within",
    "mute": "does not answer within",
    "deaf": "does not answer (exit code 9)",
    "useless": "lets nobody use the GPU (exit code 1)",
}


def obstruct(what: str, folder: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Put it in the way; the folder to start in."""
    starts = {"fails": "exit 7", "hangs": "exec sleep 100"}
    answers = {"mute": ONLY % "exec sleep 100", "deaf": ONLY % "exit 9"}
    install(folder, monkeypatch, starts.get(what, ""), answers.get(what, ""))
    monkeypatch.setattr(mps, "START_S", 0.3)
    match what:
        case "no GPU":
            monkeypatch.setattr(mps, "DEVICE", folder / "nowhere")
        case "hidden":
            monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
        case "no program":
            monkeypatch.setenv("PATH", "/usr/bin:/bin")
        case "own":
            monkeypatch.setenv("CUDA_MPS_PIPE_DIRECTORY", "/own")
        case "useless":
            monkeypatch.setattr(mps, "TRIAL", ["/bin/false"])
    return folder / ("x" * mps.LONGEST_PATH if what == "path" else "mps")


@pytest.mark.parametrize("what", OBSTACLES)
def test_where_it_cannot_be_had_a_run_goes_on_without_unless_it_must_be(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, what: str
) -> None:
    folder = obstruct(what, tmp_path, monkeypatch)
    one, said = events(plan(tmp_path), folder)
    assert one.environment == {}
    assert len(said) == 1
    assert OBSTACLES[what] in said[0]
    if (folder / "daemon").exists():
        wait_until(lambda: not alive(daemon(folder)), 5)
    with pytest.raises(SetupError) as refused:
        events(plan(tmp_path, "on"), folder)
    assert str(refused.value).startswith("gpu.mps: on, but ")
    assert OBSTACLES[what] in str(refused.value)
    assert "\n" not in str(refused.value)
    if (folder / "daemon").exists():
        wait_until(lambda: not alive(daemon(folder)), 5)


def test_it_ends_when_its_run_is_killed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    install(tmp_path, monkeypatch)
    folder = tmp_path / "mps"
    plan(tmp_path)
    code = f"""
import os, signal
from pathlib import Path
from pipeline import mps
from pipeline.config import load_config
from pipeline.runlog import RunLog
mps.DEVICE, mps.TRIAL = Path("/dev/null"), ["/bin/true"]
one = mps.Mps(Path({str(folder)!r}))
one.share(load_config({str(tmp_path / "p.yaml")!r}, given="x", wanted="y", environment={{}}), RunLog())
os.kill(os.getpid(), signal.SIGKILL)
"""
    done = subprocess.run([sys.executable, "-c", code], check=False)
    assert done.returncode == -9
    wait_until(lambda: not alive(daemon(folder)), 5)
    assert calls(folder)[-1] == "quit"


@pytest.mark.real
def test_workers_that_hold_a_model_are_told_of_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    install(tmp_path, monkeypatch)
    monkeypatch.setenv("CLEANPLATE_STATE", str(tmp_path / "state"))
    result = run_plan(plan(tmp_path))
    assert (result.code, result.report["runtime"]["mps"]) == (0, True)
    assert (tmp_path / "witness").read_text() == str(tmp_path / "state/toy/mps")
    assert not (tmp_path / "state/toy").exists()


@pytest.mark.real
def test_a_run_that_must_have_it_and_cannot_ends_with_3_and_says_why(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CLEANPLATE_STATE", str(tmp_path / "state"))
    monkeypatch.setattr(mps, "DEVICE", tmp_path / "nowhere")
    result = run_plan(plan(tmp_path, "on"), report=tmp_path / "report.json")
    assert (result.code, result.report["result"]) == (3, "failed")
    assert result.error == "gpu.mps: on, but no NVIDIA GPU is here; next: gpu.mps: auto"
    assert (tmp_path / "report.json").exists()


@pytest.mark.skipif(Path("/dev/nvidiactl").exists(), reason="there is a GPU")
def test_without_a_driver_the_first_client_says_so() -> None:
    assert mps.try_client() == mps.NO_LIBRARY
