"""kill -9 between any two bytecodes of a frame's cycle: the output is that of an undisturbed run, byte for byte."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from tests.faults.checked import STAGES, chance, check_books, check_output, forgiving
from tests.runs import Run

EACH = 15  # kills of each stage; 60 in all
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


def test_a_worker_killed_at_a_random_bytecode_costs_no_frame(tmp_path: Path, lengths: dict[str, int]) -> None:
    rng = chance()
    kills = {stage: [rng.randint(1, lengths[stage]) for _ in range(EACH)] for stage in STAGES}
    started: list[tuple[Run, str]] = []
    for pair in (STAGES[:2], STAGES[2:]):
        for stage in pair:
            wanted = ",".join(map(str, kills[stage]))
            started.append((start(tmp_path / stage, stage, wanted, "kill", frames_for(kills[stage])), stage))
        for run, stage in started[-2:]:
            check_killed(run, stage, kills[stage], frames_for(kills[stage]))


def in_parts(length: int) -> Iterator[list[int]]:
    for first in range(1, length + 1, AT_A_TIME):
        yield list(range(first, min(first + AT_A_TIME, length + 1)))


@pytest.mark.torture
@pytest.mark.timeout(3600)
@pytest.mark.parametrize("stage", STAGES)
def test_a_worker_killed_at_every_bytecode_costs_no_frame(tmp_path: Path, lengths: dict[str, int], stage: str) -> None:
    parts = list(in_parts(lengths[stage]))
    for at in range(0, len(parts), 2):
        runs = [
            (start(tmp_path / str(part[0]), stage, ",".join(map(str, part)), "kill", frames_for(part)), part)
            for part in parts[at : at + 2]
        ]
        for run, part in runs:
            check_killed(run, stage, part, frames_for(part))
