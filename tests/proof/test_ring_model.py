"""The ownership rules under the model checker: every order of every step, and proof that it would see them broken."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.thorough import rarely

MODELS = Path(__file__).parent
DEEPEST = 3_000_000  # steps of one path; a path that is cut short would prove nothing
KILLS = int(os.environ.get("TORTURE_SPIN_KILLS", "4"))
MISSING = [tool for tool in ("spin", "gcc") if shutil.which(tool) is None]

pytestmark = pytest.mark.skipif(bool(MISSING), reason=f"not installed: {', '.join(MISSING)}")


@dataclass(frozen=True)
class Found:
    """What the model checker said of one variant of a model."""

    errors: int
    states: int
    said: str


def search(folder: Path, model: str, *variant: str, standstill: bool = True) -> Found:
    """Look at every state of a model that is built with these macros; for a standstill too, unless told not to."""
    macros = [f"-D{macro}" for macro in variant]
    subprocess.run(["spin", "-a", *macros, MODELS / model], cwd=folder, check=True, capture_output=True, timeout=60)
    build = ["gcc", "-O1", "-w", "-DSAFETY", "-o", "pan", "pan.c"]
    subprocess.run(build, cwd=folder, check=True, capture_output=True, timeout=120)
    look = ["./pan", f"-m{DEEPEST}", *([] if standstill else ["-E"])]
    said = subprocess.run(look, cwd=folder, check=True, capture_output=True, text=True, timeout=600).stdout
    assert "max search depth too small" not in said
    errors, states = re.search(r"errors: (\d+)", said), re.search(r"(\d+) states, stored", said)
    assert errors, said
    assert states, said
    return Found(int(errors[1]), int(states[1]), said)


# The numbers of states are those of the agreed model: one that has lost a rule, or won one, has another number.
@pytest.mark.parametrize(("kills", "states"), [(2, 322_058), *rarely((3, 1_687_691))])
def test_no_two_workers_ever_touch_one_slot_and_nothing_comes_to_a_standstill(
    tmp_path: Path, kills: int, states: int
) -> None:
    found = search(tmp_path, "ring.pml", f"KILLS={kills}")
    assert (found.errors, found.states) == (0, states), found.said


@pytest.mark.long
def test_a_worker_that_is_asked_to_leave_costs_nothing_and_takes_nothing_with_it(tmp_path: Path) -> None:
    found = search(tmp_path, "ring.pml", "LEAVING", "KILLS=1", "LEAVES=1")
    assert found.errors == 0, found.said
    assert found.states > 700_000


def test_of_two_readers_of_one_slot_none_loses_it_to_the_writer(tmp_path: Path) -> None:
    found = search(tmp_path, "branch.pml", "KILLS=1")
    assert found.errors == 0, found.said
    assert found.states > 200_000


@pytest.mark.parametrize(
    ("model", "mutant", "why"),
    [
        ("ring.pml", ("STEAL",), "assertion violated"),
        ("ring.pml", ("NOGEN",), "assertion violated"),
        ("ring.pml", ("NORECL",), "invalid end state"),
        ("ring.pml", ("LEAVING", "HASTY", "KILLS=0"), "assertion violated"),
        ("branch.pml", ("EARLY",), "assertion violated"),
        ("branch.pml", ("NOGEN",), "assertion violated"),
        ("branch.pml", ("NORECL",), "invalid end state"),
        ("branch.pml", ("APART", "KILLS=0"), "assertion violated"),
    ],
)
def test_a_broken_ledger_is_found_out(tmp_path: Path, model: str, mutant: tuple[str, ...], why: str) -> None:
    found = search(tmp_path, model, *mutant, standstill=why != "assertion violated")
    assert found.errors == 1, found.said
    assert why in found.said


@pytest.mark.torture
@pytest.mark.timeout(900)
@pytest.mark.parametrize("model", ["ring.pml", "branch.pml"])
def test_no_error_with_more_kills(tmp_path: Path, model: str) -> None:
    kills = KILLS if model == "ring.pml" else KILLS - 1
    found = search(tmp_path, model, f"KILLS={kills}")
    assert found.errors == 0, found.said
    if model == "ring.pml" and kills == 4:
        assert found.states == 7_512_104
