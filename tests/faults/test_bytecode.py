"""kill -9 between any two bytecodes of a frame's cycle: the output is that of an undisturbed run, byte for byte."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.faults.checked import STAGES, chance, check_books, check_output, forgiving
from tests.runs import Run

EACH = 3  # kills of each stage, at other bytecodes each time; torture takes every one
AT_A_TIME = 100  # kills of one run
SPARE = 20  # frames


def start(folder: Path, stage: str, kills: str, deed: str, frames: int) -> Run:
    folder.mkdir()
    return Run(folder, forgiving(folder, count=frames), fault=f"{stage}:opcode:{kills}={deed}@{folder}/bytecodes")


def noted(run: Run) -> list[str]:
    path = run.folder / "bytecodes"
    return path.read_text().splitlines() if path.exists() else []


@pytest.fixture(scope="module")
def lengths(tmp_path_factory: pytest.TempPathFactory) -> dict[str, int]:
    """How many bytecodes a cycle of each stage has: one in four cycles has more (the worker had to wait longer)."""
    folder, found = tmp_path_factory.mktemp("undisturbed"), {}
    runs = {stage: start(folder / stage, stage, "*", "count", 60) for stage in STAGES}
    for stage, run in runs.items():
        ended = run.end()
        assert ended.code == 0, ended.stderr
        check_output(run, 60)
        cycles = sorted(map(int, noted(run)))
        assert len(cycles) >= 50
        found[stage] = cycles[len(cycles) * 3 // 4]
    print(f"bytecodes of a cycle: {found}")
    return found


def check_killed(run: Run, stage: str, kills: Sequence[int], frames: int) -> None:
    """It died at each of these bytecodes, and nobody could tell from the output."""
    ended = run.end(timeout=170)
    assert ended.code == 0, ended.stderr
    print(f"{stage}: killed at {'; '.join(noted(run))}")
    assert [int(line.split()[0]) for line in noted(run)] == list(kills), "not all of them were reached"
    assert ended.report["stages"][stage]["restarts"] == len(kills)
    assert all("signal 9" in death for death in ended.report["runtime"]["deaths"])
    check_output(run, frames)
    check_books(ended, frames)


def frames_for(kills: Sequence[int]) -> int:
    """An incarnation does one frame before its last one, and a long cycle may be some frames away."""
    return SPARE + 6 * len(kills)


def sweep(folder: Path, wanted: Sequence[tuple[str, list[int]]]) -> None:
    """Kill each stage at these bytecodes, each list in a run of its own, two runs at a time."""
    for at in range(0, len(wanted), 2):
        with ExitStack() as ended:
            runs = []
            for stage, kills in wanted[at : at + 2]:
                listed = ",".join(map(str, kills))
                run = start(folder / f"{stage}-{kills[0]}-{at}", stage, listed, "kill", frames_for(kills))
                ended.callback(run.kill)
                runs.append(run)
            for run, (stage, kills) in zip(runs, wanted[at : at + 2], strict=True):
                check_killed(run, stage, kills, frames_for(kills))


@pytest.mark.fault("A2")
def test_a_worker_killed_at_a_random_bytecode_costs_no_frame(tmp_path: Path, lengths: dict[str, int]) -> None:
    rng = chance()
    sweep(tmp_path, [(stage, [rng.randint(1, lengths[stage]) for _ in range(EACH)]) for stage in STAGES])


@pytest.mark.fault("A2")
@pytest.mark.torture
@pytest.mark.timeout(3600)
@pytest.mark.parametrize("stage", STAGES)
def test_a_worker_killed_at_every_bytecode_costs_no_frame(tmp_path: Path, lengths: dict[str, int], stage: str) -> None:
    every = list(range(1, lengths[stage] + 1))
    sweep(tmp_path, [(stage, every[at : at + AT_A_TIME]) for at in range(0, len(every), AT_A_TIME)])
