"""Whole runs from a network camera: the server dies, the line drops again and again, and nobody hears the password."""

from __future__ import annotations

import itertools
import os
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest

from pipeline.masking import STARS
from tests.live.barcodes import Note, notes
from tests.live.servers import Rtsp, proxy, rtsp
from tests.runs import COMMAND, ROOT, Run
from tests.waiting import wait_until

pytestmark = pytest.mark.real

SECRET = "k4n@rienvogel/%"
DROPS = 20


@pytest.fixture
def server() -> Iterator[Rtsp]:
    with rtsp() as made:
        yield made


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Callable[..., Run]]:
    """Start runs from an address into a list of the numbers that came; none of them outlives the test."""
    runs: list[Run] = []

    def begin(address: str, **fields: Any) -> Run:
        runs.append(started(tmp_path, address, **fields))
        return runs[-1]

    yield begin
    for run in runs:
        if run.process.poll() is None:
            run.kill()


def started(folder: Path, address: str, **fields: Any) -> Run:
    config = {
        "name": "watch",
        "stages": [
            {"name": "ingest", "uses": "stages.ingest:Auto", "with": {"check": False, **fields}},
            {"name": "output", "uses": "tests.live.barcodes:Barcodes", "with": {"output": str(folder / "out.txt")}},
        ],
    }
    return Run(folder, config, "--input", address)


def came(run: Run) -> list[Note]:
    return notes(run.output) if run.output.exists() else []


def await_more(run: Run, number: int, timeout: float = 30) -> list[Note]:
    """So many more pictures than there are now; fails where the run has ended."""
    wanted = len(came(run)) + number
    wait_until(lambda: run.process.poll() is not None or len(came(run)) >= wanted, timeout)
    assert run.process.poll() is None, (run.folder / "stderr").read_text()
    return came(run)


def in_order(found: list[Note]) -> bool:
    pairs = itertools.pairwise(found)
    return all(one.number < other.number and one.pts < other.pts for one, other in pairs)


@pytest.mark.fault("D1")
@pytest.mark.alone
@pytest.mark.parametrize("transport", ["tcp", pytest.param("udp", marks=pytest.mark.long)])
def test_a_run_goes_on_by_itself_within_3_s_of_the_server(
    server: Rtsp, start: Callable[..., Run], tmp_path: Path, transport: str
) -> None:
    """That the source itself goes on over either is in test_rtsp.py, each time."""
    run = start(server.address, transport=transport)
    before = await_more(run, 30)[-1]
    server.kill()
    wait_until(lambda: "nobody listens there" in (tmp_path / "stderr").read_text())
    server.start()
    up = time.monotonic()
    wait_until(lambda: came(run)[-1].number > before.number + 60, 10)
    first = next(note for note in came(run) if note.seconds > up)
    assert first.seconds - up < 3.0
    await_more(run, 20)
    run.process.terminate()
    ended = run.end()
    assert ended.code == 143
    assert in_order(came(run)), "pictures in the order in which they were taken, and so are their stamps"
    counts = ended.report["stages"]["ingest"]["counts"]
    assert counts["reconnects"] == 1
    assert ended.report["stages"]["ingest"]["restarts"] == 0
    assert ended.report["ledger_balanced"]


@pytest.mark.long
def test_who_waits_for_a_source_that_is_away_is_not_taken_for_hung(server: Rtsp, start: Callable[..., Run]) -> None:
    run = start(server.address)
    await_more(run, 5)
    server.kill()
    gone = time.monotonic()
    wait_until(lambda: time.monotonic() - gone > 4, 10)  # twice a worker's deadline
    server.start()
    await_more(run, 20)
    run.process.terminate()
    ended = run.end()
    assert [ended.report["stages"][stage]["restarts"] for stage in ("ingest", "output")] == [0, 0], ended.stderr


def test_a_killed_reader_is_replaced_and_the_stamps_go_on(server: Rtsp, start: Callable[..., Run]) -> None:
    run = start(server.address)
    before = await_more(run, 10)[-1]
    run.workers("ingest")[0].kill()
    wait_until(lambda: came(run)[-1].number > before.number + 90)
    run.process.terminate()
    ended = run.end()
    assert ended.report["stages"]["ingest"]["restarts"] == 1
    assert in_order(came(run))
    assert ended.report["ledger_balanced"]


@pytest.mark.long
def test_a_reader_that_is_killed_while_its_source_is_away_does_not_cost_the_run(
    server: Rtsp, start: Callable[..., Run], tmp_path: Path
) -> None:
    run = start(server.address, timeout=1)
    before = await_more(run, 10)[-1]
    server.kill()
    wait_until(lambda: "nobody listens there" in (tmp_path / "stderr").read_text())
    killed = run.workers("ingest")[0]
    killed.kill()
    gone = time.monotonic()
    wait_until(lambda: time.monotonic() - gone > 4, 10)  # longer than a run waits for its first picture
    server.start()
    wait_until(lambda: came(run)[-1].number > before.number + 20)
    run.process.terminate()
    ended = run.end()
    assert ended.report["stages"]["ingest"]["restarts"] == 1, ended.stderr
    assert in_order(came(run))


def test_a_run_that_waits_for_its_first_picture_can_be_ended(server: Rtsp, start: Callable[..., Run]) -> None:
    server.kill()
    run = start(server.address)
    wait_until(lambda: bool(run.workers("ingest")))
    asked = time.monotonic()
    run.process.terminate()
    ended = run.end()
    server.start()
    assert ended.code == 143, ended.stderr
    assert time.monotonic() - asked < 8, "long before the 30 s in which a server may come up"


def below(run: Run) -> dict[int, str]:
    """The processes of a run by what they are called."""
    return {child.pid: child.name() for child in psutil.Process(run.process.pid).children(recursive=True)}


def state_of(worker: psutil.Process) -> tuple[int, int, int]:
    """Threads, descriptors and bytes of memory of its own."""
    return worker.num_threads(), worker.num_fds(), worker.memory_full_info().uss


@pytest.mark.long
@pytest.mark.fault("D1")
def test_after_20_drops_nothing_has_grown(server: Rtsp, start: Callable[..., Run]) -> None:
    with proxy(server.port) as between:
        run = start(f"rtsp://127.0.0.1:{between.port}/live", transport="tcp")
        await_more(run, 10)
        worker = run.workers("ingest")[0]
        everybody = below(run)
        early = (0, 0, 0)
        for drop in range(DROPS):
            between.drop(reset=drop % 2 == 1)
            wait_until(lambda connections=drop + 2: between.accepted == connections)
            await_more(run, 3)
            if drop == 4:
                early = state_of(worker)
        late = state_of(worker)
        assert below(run) == everybody
        run.process.terminate()
        ended = run.end()
    assert between.accepted == DROPS + 1
    assert late[0] <= early[0], "threads"
    assert late[1] <= early[1], "descriptors"
    assert late[2] - early[2] < 8 << 20, "memory"
    assert in_order(came(run))
    assert ended.report["stages"]["ingest"]["counts"]["reconnects"] == DROPS
    assert ended.report["stages"]["ingest"]["restarts"] == 0


def test_no_part_of_a_password_is_seen_anywhere(
    start: Callable[..., Run], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """On stderr, in the report, in what other commands show, in any file of the run, in any command line."""
    monkeypatch.setenv("CAMERA_PASSWORD", SECRET)
    forms = [form.encode() for form in (SECRET, "k4n%40rienvogel%2F%25", "k4n", "rienvogel")]
    with rtsp("--login", f"me:{SECRET}") as server:
        address = server.address.replace("//", "//me:${CAMERA_PASSWORD}@")
        run = start(address, silence=1)
        await_more(run, 10)
        seen = everything_shown(run)
        server.kill()
        wait_until(lambda: "nobody listens there" in (tmp_path / "stderr").read_text())
        server.start("--login", "me:another")
        wait_until(lambda: "(401)" in (tmp_path / "stderr").read_text())
        seen += everything_shown(run)
        run.process.terminate()
        run.end()
        wrong = start(server.address.replace("//", "//me:${CAMERA_PASSWORD}@")).end()
        assert (wrong.code, "(401)" in wrong.stderr) == (3, True)
    assert STARS in wrong.stderr, "the address is shown, but for its password"
    seen += [path.read_bytes() for path in tmp_path.rglob("*") if path.is_file() and not path.is_symlink()]
    for form in forms:
        assert not [text for text in seen if form in text], form


def everything_shown(run: Run) -> list[bytes]:
    """What other users of this machine can see of a run, and what its own other commands show."""
    processes = [psutil.Process(run.process.pid), *psutil.Process(run.process.pid).children(recursive=True)]
    lines = [Path(f"/proc/{process.pid}/cmdline").read_bytes() for process in processes]
    for command in (["ps"], ["logs", "watch"]):
        done = subprocess.run(
            [*COMMAND, *command], cwd=ROOT, capture_output=True, timeout=60, check=False,
            env={**os.environ, "CLEANPLATE_STATE": str(run.folder / "state"), "PYTHONPATH": str(ROOT)},
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        lines += [done.stdout, done.stderr]
    return lines
