"""Runs that follow each other in one process: what was loaded stays, what was seen does not."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from pathlib import Path

import av
import psutil
import pytest
import yaml

from pipeline.environment import state_dir
from pipeline.instances import private_dir, sweep
from pipeline.remote import RunOrders
from pipeline.remote_lane import RemoteLane
from tests.clips import make_clip
from tests.waiting import wait_until

pytestmark = pytest.mark.real
FRAMES = 6


@pytest.fixture
def lane() -> Iterator[RemoteLane]:
    lane = RemoteLane()
    yield lane
    lane.close()


@pytest.fixture
def clip(tmp_path: Path) -> str:
    return str(make_clip(tmp_path / "a.mp4", FRAMES))


def write(folder: Path, *, keeps: bool) -> str:
    """A configuration whose stage keeps a diary in `folder`."""
    stage = {
        "name": "middle",
        "uses": "tests.toys_lanes:Counting",
        "with": {"diary": f"{folder}/diary", "keeps": keeps},
    }
    source, sink = {"name": "ingest", "uses": "stages.ingest:Auto"}, {"name": "output", "uses": "stages.output:Auto"}
    path = folder / f"keeps-{keeps}.yaml"
    path.write_text(yaml.safe_dump({"name": "lane", "stages": [source, stage, {**sink, "with": {"codec": "ffv1"}}]}))
    return str(path)


def run(lane: RemoteLane, config: str, clip: str, out: Path, sets: tuple[str, ...] = ()) -> list[int]:
    """What each picture shows."""
    ending = lane.run(RunOrders(config, sets, clip, (str(out),), finish_alone=False))
    assert ending.code == 0, ending
    assert ending.report["ledger_balanced"]
    assert ending.report["frames"]["output"] == FRAMES
    with av.open(str(out)) as container:
        return [int(frame.to_ndarray(format="bgr24").max()) for frame in container.decode(video=0)]


def diary(folder: Path) -> list[str]:
    return [line.split()[0] for line in (folder / "diary").read_text().splitlines()]


def processes(folder: Path) -> set[str]:
    return {line.split()[1] for line in (folder / "diary").read_text().splitlines()}


def test_a_stage_that_says_so_goes_on_in_its_process_and_another_is_made_anew_there(
    lane: RemoteLane, clip: str, tmp_path: Path
) -> None:
    config = write(tmp_path, keeps=True)
    for number in range(3):
        assert run(lane, config, clip, tmp_path / f"{number}.mkv") == list(range(FRAMES))
    assert diary(tmp_path) == ["setup", "renew", "renew"]
    assert len(processes(tmp_path)) == 1


def test_what_is_not_kept_has_seen_nothing_before(lane: RemoteLane, clip: str, tmp_path: Path) -> None:
    config = write(tmp_path, keeps=False)
    for number in range(2):
        assert run(lane, config, clip, tmp_path / f"{number}.mkv") == list(range(FRAMES))
    assert diary(tmp_path) == ["setup", "renew", "close", "setup"]
    assert len(processes(tmp_path)) == 1


def test_other_fields_make_another_stage(lane: RemoteLane, clip: str, tmp_path: Path) -> None:
    config = write(tmp_path, keeps=True)
    run(lane, config, clip, tmp_path / "0.mkv")
    run(lane, config, clip, tmp_path / "1.mkv", (f"middle.diary={tmp_path}/other",))
    assert diary(tmp_path) == ["setup", "close"]
    assert (tmp_path / "other").read_text().startswith("setup")


def test_a_worker_that_dies_between_two_runs_is_replaced(lane: RemoteLane, clip: str, tmp_path: Path) -> None:
    config = write(tmp_path, keeps=True)
    run(lane, config, clip, tmp_path / "0.mkv")
    (worker,) = (psutil.Process(int(pid)) for pid in processes(tmp_path))
    worker.kill()
    wait_until(lambda: not worker.is_running() or worker.status() == psutil.STATUS_ZOMBIE, timeout=10)
    assert run(lane, config, clip, tmp_path / "1.mkv") == list(range(FRAMES))
    assert diary(tmp_path) == ["setup", "setup"]


def test_after_a_run_that_failed_everything_is_begun_anew(
    lane: RemoteLane, clip: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = write(tmp_path, keeps=True)
    monkeypatch.setenv("BREAK", "1")
    orders = RunOrders(config, ("max_tries=1", "on_error=stop"), "nothing.mp4", (str(tmp_path / "0.mkv"),))
    assert lane.run(orders).code == 3
    monkeypatch.delenv("BREAK")
    assert run(lane, config, clip, tmp_path / "1.mkv") == list(range(FRAMES))
    assert diary(tmp_path) == ["setup"]


def test_a_lane_that_is_killed_leaves_no_process_and_runs_no_more(lane: RemoteLane, clip: str, tmp_path: Path) -> None:
    config = write(tmp_path, keeps=True)
    run(lane, config, clip, tmp_path / "0.mkv")
    (worker,) = (psutil.Process(int(pid)) for pid in processes(tmp_path))
    lane.kill()
    wait_until(lambda: not worker.is_running(), timeout=10)
    assert lane.run(RunOrders(config, (), clip, (str(tmp_path / "1.mkv"),))).code == 4
    assert not (tmp_path / "1.mkv").exists()


def test_the_folder_of_a_lane_goes_with_it_and_that_of_a_killed_one_with_the_next_run(
    clip: str, tmp_path: Path
) -> None:
    lane = RemoteLane()
    config = write(tmp_path, keeps=True)
    run(lane, config, clip, tmp_path / "0.mkv")
    (folder,) = state_dir().glob("lane-*")
    lane.close()
    assert not folder.exists()
    other = RemoteLane()
    run(other, config, clip, tmp_path / "1.mkv")
    (folder,) = state_dir().glob("lane-*")
    sweep(private_dir(state_dir()))
    assert folder.exists()  # it is in use
    child = other._child
    assert child is not None
    os.kill(child.pid, signal.SIGKILL)
    other.close()
    sweep(private_dir(state_dir()))
    assert not folder.exists()
