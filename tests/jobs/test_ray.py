"""Jobs on Ray, with all that belongs to it: real clusters on this machine, of which machines die."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import pytest

from pipeline.cli.working import Where
from pipeline.errors import ConfigError, SetupError
from pipeline.jobs.engine import Local
from pipeline.jobs.job import Job, State
from pipeline.jobs.locking import locked
from pipeline.jobs.manifest import Call
from pipeline.jobs.opening import folder_of, open_job
from pipeline.jobs.ray_cluster import open_cluster
from tests.clips import decode, make_clip, sound_of
from tests.commands import cleanplate
from tests.copying import write_copying
from tests.jobs.machines import KEPT_HERE, two_machines
from tests.runs import COMMAND, ROOT
from tests.waiting import wait_until

pytest.importorskip("ray", reason="the extra `cluster` is not installed")
pytestmark = [pytest.mark.real, pytest.mark.filterwarnings("ignore::DeprecationWarning:ray")]
ENOUGH = 240.0
# Two small processes of Ray's own: where all else is killed at once, they try for a minute to tell it, and then go.
AGENTS = {"ray::DashboardAgent", "ray::RuntimeEnvAgent"}


class Film:
    """A clip, a pipeline that keeps its pictures as they are, and the job's command."""

    def __init__(self, folder: Path, frames: int) -> None:
        self.video = make_clip(folder / "a.mp4", frames, audio=1)
        self.config = write_copying(folder, codec="ffv1")
        self.output = folder / "out.mkv"
        self.state = folder / "state"
        self.call = Call(config=self.config, sets=[], outputs=[str(self.output)], segment="0.5s", preroll="0.2s")
        # A worker's title does not hide whose it is.
        self.env = {**KEPT_HERE, "CLEANPLATE_STATE": str(self.state), "SPT_NOENV": "1", "PYTHONPATH": str(ROOT)}

    @property
    def args(self) -> list[str]:
        call = self.call
        return [
            "job", "run", str(self.video), "-c", call.config, "--segment", call.segment, "--preroll", call.preroll,
            "--reach", call.reach,
            "--output", str(self.output),
        ]  # fmt: skip

    @contextmanager
    def started(self, *more: str) -> Iterator[subprocess.Popen[bytes]]:
        """The job; killed afterwards, where it still runs."""
        with (
            (self.video.parent / "stderr").open("w") as said,
            subprocess.Popen(
                [*COMMAND, *self.args, *more], env={**os.environ, **self.env}, cwd=ROOT, stderr=said
            ) as process,
        ):
            try:
                yield process
            finally:
                process.kill()

    def segments(self) -> list[dict[str, Any]]:
        with suppress(FileNotFoundError):
            found: list[dict[str, Any]] = json.loads((folder_of(str(self.output)) / "job.json").read_text())["segments"]
            return found
        return []

    def in_state(self, state: str) -> int:
        return sum(segment["state"] == state for segment in self.segments())

    def check(self) -> None:
        """Every picture is there, and what it was; so is the sound."""
        made, given = decode(self.output), decode(self.video)
        assert len(made) == len(given)
        assert all(np.array_equal(a, b) for a, b in zip(made, given, strict=True))
        assert sound_of(self.output) == sound_of(self.video)
        assert {segment["state"] for segment in self.segments()} == {"done"}

    def processes(self) -> list[psutil.Process]:
        """Whatever lives that was started for it."""
        found = []
        for process in psutil.process_iter():
            with suppress(psutil.Error):
                is_ours = process.environ().get("CLEANPLATE_STATE") == str(self.state)
                if is_ours and process.status() != psutil.STATUS_ZOMBIE:
                    found.append(process)
        return found

    def titles(self) -> list[str]:
        """What they call themselves."""
        found = []
        for process in self.processes():
            with suppress(psutil.Error):
                found.append(" ".join(process.cmdline()).strip())
        return found


@pytest.fixture
def film(tmp_path: Path) -> Iterator[Film]:
    """Of two seconds; what was started for it has ended, when all is over."""
    found = Film(tmp_path, 50)
    yield found
    wait_until(lambda: not found.processes(), timeout=20, every=0.2)


def do_one_here(film: Film) -> None:
    """The first segment, by the local engine; then the user has had enough."""

    def enough(state: State) -> None:
        if state.done:
            raise KeyboardInterrupt

    with pytest.MonkeyPatch.context() as patch, locked(folder_of(str(film.output))):
        patch.setenv("CLEANPLATE_STATE", str(film.state))
        opened = open_job(str(film.video), film.call)
        with pytest.raises(KeyboardInterrupt):
            Job(opened.manifest, opened.folder, opened.recipe, Local(), fixed_lanes=1, watched=enough).work()


@pytest.mark.long
def test_a_job_begun_here_goes_on_on_ray_and_what_was_done_stays(film: Film) -> None:
    do_one_here(film)
    parts = folder_of(str(film.output)) / "parts"
    before = {path.name: path.stat().st_mtime_ns for path in parts.iterdir()}
    assert len(before) == film.in_state("done") == 1
    ended = cleanplate(*film.args, "--engine", "ray", env=film.env, timeout=ENOUGH)
    assert ended.returncode == 0, ended.stderr
    film.check()
    assert {name: (parts / name).stat().st_mtime_ns for name in before} == before
    assert not list(folder_of(str(film.output)).glob(".seen-*"))


@pytest.mark.long
@pytest.mark.timeout(600)
def test_a_machine_that_dies_takes_no_segment_with_it(tmp_path: Path) -> None:
    film = Film(tmp_path, 110)
    with (
        two_machines() as machines,
        film.started("--engine", "ray", "--address", machines.address, "--workers", "2") as process,
    ):
        wait_until(lambda: film.in_state("done") >= 2 and film.in_state("running") == 2, timeout=ENOUGH)
        machines.kill_one()
        assert 0 < film.in_state("done") < len(film.segments()), "it was in the middle of it"
        assert process.wait(ENOUGH) == 0
    film.check()
    assert max(segment["tries"] for segment in film.segments()) == 0, "Ray did it again, the job never knew"
    wait_until(lambda: not film.processes(), timeout=20, every=0.2)


@pytest.mark.long
@pytest.mark.timeout(600)
def test_machines_without_the_jobs_folder_get_copies(tmp_path: Path) -> None:
    hidden = tmp_path / "hidden"
    hidden.mkdir()
    film = Film(hidden, 50)
    under = ["unshare", "-m", "sh", "-c", f'mount -t tmpfs none {hidden} && exec "$@"', "sh"]
    if shutil.which("unshare") is None or subprocess.run([*under, "true"], check=False).returncode:
        pytest.skip("no folder can be hidden here: that needs mount namespaces")
    with two_machines(under=under) as machines:
        ended = cleanplate(*film.args, "--engine", "ray", "--address", machines.address, env=film.env, timeout=ENOUGH)
        assert ended.returncode == 0, ended.stderr
    film.check()
    assert max(segment["tries"] for segment in film.segments()) == 0


@pytest.mark.long
@pytest.mark.timeout(600)
@pytest.mark.parametrize(("number", "code"), [(signal.SIGTERM, 143), (signal.SIGKILL, -9)])
def test_a_job_that_is_stopped_leaves_no_process_and_goes_on_later(tmp_path: Path, number: int, code: int) -> None:
    film = Film(tmp_path, 50)
    with film.started("--engine", "ray", "--workers", "2") as process:
        wait_until(lambda: film.in_state("done") >= 1 and film.in_state("running") >= 1, timeout=ENOUGH)
        assert len(film.processes()) > 10, "Ray's own, and those of a run"
        process.send_signal(number)
        assert process.wait(30) == code, (tmp_path / "stderr").read_text()
    wait_until(lambda: set(film.titles()) <= AGENTS, timeout=20, every=0.2)
    wait_until(lambda: not film.processes(), timeout=150, every=0.5)
    done = film.in_state("done")
    assert 1 <= done < len(film.segments())
    ended = cleanplate(*film.args, env=film.env, timeout=ENOUGH)
    assert ended.returncode == 0, ended.stderr
    film.check()


@pytest.mark.parametrize(
    ("where", "said"),
    [
        (Where("ray", None, None, "cpus=many"), "--needs cpus=many: must be such as cpus=4"),
        (Where("ray", None, 1025), "--workers 1025: more than 1024"),
        (Where("local", "auto", None), "--address: belongs to --engine ray"),
        (Where("local", None, None, "cpus=1"), "--needs: belongs to --engine ray"),
        (Where("local", None, 65), "--workers 65: more than 64 belong to --engine ray"),
    ],
)
def test_what_makes_no_sense_is_refused_before_anything_starts(where: Where, said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        where.open()


@pytest.mark.parametrize("address", ["127.0.0.1:9", "ray://127.0.0.1:9"])
def test_an_address_where_nothing_answers_is_refused_at_once(address: str) -> None:
    with pytest.raises(SetupError, match=f"--address {address}: cannot be reached: Connection refused"):
        open_cluster(address)
