"""Wrong configurations, from outside, and wrong changes to a run that goes on: one line, and nothing else happens."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from pipeline.admin import ask
from pipeline.errors import ConfigError
from pipeline.requests import Change, Status
from tests.runs import COMMAND, ROOT, Run, toy
from tests.test_config import TOY, refusal
from tests.waiting import wait_until

pytestmark = pytest.mark.real
INVERT = "  - {name: invert, uses: "
AGAIN = INVERT.replace("invert", "again")
BOMB = "a: &a [x, x, x, x, x, x, x, x, x]\n" + "".join(
    f"{b}: &{b} [{', '.join(['*' + a] * 9)}]\n" for a, b in zip("abcdefgh", "bcdefghi", strict=True)
)

NO_CONFIGURATION: dict[str, tuple[str | bytes, str]] = {
    "broken syntax": (TOY + "a: [1, 2\n", "p.yaml:7"),
    "a tab": (TOY + "a:\n\tb: 1\n", "p.yaml:7"),
    "NUL": (TOY + "a: \0\n", "p.yaml"),
    "UTF-16": (TOY.encode("utf-16"), "not UTF-8"),
    "Latin-1": ("name: caf\xe9\n".encode("latin-1"), "not UTF-8"),
    "nothing": ("", "found NoneType"),
    "ten megabytes": (TOY + "# " + "x" * 10_000_000, "larger than"),
    "deep nesting": ("a: " + "[" * 30_000, "nested deeper"),
    "an alias that bites its tail": ("a: &a [*a]\n", "aliases are not allowed"),
    "an alias bomb": (BOMB, "aliases are not allowed"),
    "code": ("a: !!python/object/apply:os.system ['touch pwned']\n", "p.yaml:1"),
}

MISTAKEN: dict[str, tuple[str, str]] = {
    "an unknown key": (TOY.replace("name: toy", "nmae: toy"), "did you mean 'name'?"),
    "a key that stands twice": (TOY + "name: other\n", "stands twice"),
    "a wrong type": (TOY + "slots: many\n", "slots"),
    "out of range": (TOY + "slots: 5000\n", "slots"),
    "no": (TOY.replace("name: toy", "name: no"), "name"),
    "1.10": (TOY.replace("name: toy", "name: 1.10"), "name"),
    "12:30:00": (TOY + "slots: 12:30:00\n", "slots"),
    "a stage after itself": (TOY.replace(INVERT, INVERT.replace(", uses", ", after: invert, uses")), "invert.after"),
    "a stage after a later one": (TOY.replace(INVERT, INVERT.replace(", uses", ", after: output, uses")), "'output'"),
    "a plane that nobody writes": (TOY.replace("tests.toys:Collect", "tests.toys:MaskOnly"), "stages.output"),
    "two writers of a plane": (TOY.replace(INVERT, f'{INVERT}"tests.toys:Invert"}}\n{AGAIN}'), "'clean'"),
    "a branch without a sink": (TOY + '  - {name: sum, uses: "tests.toys:Sum", after: ingest}\n', "ends in a sink"),
    "no workers": (TOY.replace(INVERT, INVERT.replace(", uses", ", workers: 0, uses")), "stages.invert.workers"),
    "a name with a slash": (TOY.replace("name: invert", "name: in/vert"), "stages.in/vert.name"),
    "a name with a space": (TOY.replace("name: invert", "name: in vert"), "stages.in vert.name"),
    "too few slots": (TOY + "slots: 2\n", "make 4"),
    "one slot": (TOY + "slots: 1\n", "slots"),
    "a variable in a value": (TOY.replace("name: toy", "name: ${HOME}"), "${HOME}"),
}  # fmt: skip


@pytest.mark.fault("F1", "F4")
@pytest.mark.parametrize("fault", NO_CONFIGURATION)
def test_a_file_that_is_no_configuration_ends_in_one_line_soon_and_without_taking_memory(
    tmp_path: Path, fault: str
) -> None:
    text, words = NO_CONFIGURATION[fault]
    (tmp_path / "p.yaml").write_bytes(text if isinstance(text, bytes) else text.encode())
    begun = time.monotonic()
    code, said, peak = measured(tmp_path, "check", "p.yaml")
    assert code == 2, said
    assert said.startswith("cleanplate: ")
    assert said.count("\n") == 1
    assert words in said
    assert os.listdir(tmp_path) == ["p.yaml"], "nothing ran"
    assert peak < 150e6
    assert time.monotonic() - begun < 10, "a second, on a machine with nothing else to do"


@pytest.mark.fault("F2", "F3", "F8")
@pytest.mark.parametrize("fault", MISTAKEN)
def test_a_configuration_that_cannot_be_meant_is_refused_with_its_place(tmp_path: Path, fault: str) -> None:
    text, words = MISTAKEN[fault]
    assert words in refusal(tmp_path, text)


def measured(folder: Path, *args: str) -> tuple[int, str, float]:
    """Exit code, stderr, and the most memory that it took, in bytes."""
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "PYTHONDONTWRITEBYTECODE": "1"}
    # It tells its own peak: what the kernel counts for a child begins with the memory of whoever started it.
    last = "import atexit; atexit.register(lambda: print(open('/proc/self/status').read()))"
    command = [sys.executable, "-c", f"{last}; from pipeline.cli import main; main()", *args]
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, timeout=60, check=False)
    peak = re.search(r"VmHWM:\s+(\d+) kB", done.stdout)
    assert peak is not None
    return done.returncode, done.stderr, 1024.0 * int(peak[1])


@pytest.mark.fault("F1")
def test_run_says_the_same_as_check(tmp_path: Path) -> None:
    (tmp_path / "p.yaml").write_text(MISTAKEN["an unknown key"][0])
    code, said, _ = measured(tmp_path, "run", "p.yaml")
    assert code == 2
    assert (code, said) == measured(tmp_path, "check", "p.yaml")[:2]


@pytest.mark.fault("F4")
@pytest.mark.parametrize("tag", ["object/apply:os.system", "name:os.system"])
def test_code_in_a_value_of_the_command_line_is_not_run_either(tmp_path: Path, tag: str) -> None:
    (tmp_path / "p.yaml").write_text(TOY)
    code, said, _ = measured(tmp_path, "check", "p.yaml", "--set", f"invert.sleep=!!python/{tag} ['touch pwned']")
    assert code == 2
    assert "is not a YAML value" in said
    assert os.listdir(tmp_path) == ["p.yaml"]


# Changes to a run that goes on


def dye(folder: Path, **options: Any) -> dict[str, Any]:
    stage = {"name": "dye", "uses": "tests.toys_live:Dye", "with": {"refuses": 13, **options}}
    config = toy(folder, stage, {"name": "invert", "uses": "tests.toys:Invert"}, sink="CollectWithMask")
    config["stages"][0]["with"]["count"] = 10_000_000
    return config


@pytest.mark.fault("F6")
@pytest.mark.parametrize(
    ("stage", "field", "value", "words"),
    [
        ("die", "level", 2, "there is no stage 'die'; did you mean 'dye'?"),
        ("dye", "levle", 2, "there is no such field; did you mean 'level'?"),
        ("dye", "fixed", 2, "cannot be changed while it runs"),
        ("dye", "level", 201, "less than or equal to 200"),
        ("dye", "level", "high", "valid integer"),
        ("dye", "level", None, "valid integer"),
        ("dye", "level", 13, "a level that nobody likes"),
    ],
)
def test_a_change_that_cannot_be_is_refused_and_the_old_value_stays_in_force(
    shared: Run, stage: str, field: str, value: Any, words: str
) -> None:
    with pytest.raises(ConfigError, match=words.replace("?", r"\?")) as caught:
        ask("toy", Change(stage=stage, field=field, value=value), timeout_s=20)
    assert "\n" not in str(caught.value)
    answer = ask("toy", Status(), timeout_s=20)
    assert answer["stages"]["dye"]["live"] == {"level": 1}
    before = len(shared.lines())
    wait_until(lambda: len(shared.lines()) > before + 20)
    assert {line[4] for line in shared.lines()} == {1}
    assert answer["deaths"] == []


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """One run for all refusals: none of them may have done it any harm in the end."""
    folder = tmp_path_factory.mktemp("shared")
    run = Run(folder, dye(folder))
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("CLEANPLATE_STATE", str(folder / "state"))
        wait_until(lambda: run.output.exists() and run.output.stat().st_size > 100)
        yield run
        run.process.terminate()
        ended = run.end()
    assert ended.code == 143, ended.stderr
    assert ended.frames["output"] == ended.frames["accepted"]
    assert [line[:4] for line in run.lines()] == [[i, i, 0, 1] for i in range(len(run.lines()))]


@pytest.mark.long
@pytest.mark.fault("F6")
def test_values_that_no_successor_could_be_told_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each fits into a message, but both together do not, and a worker is started with all of them."""
    monkeypatch.setenv("CLEANPLATE_STATE", str(tmp_path / "state"))
    config = toy(tmp_path, {"name": "wordy", "uses": "tests.faults.evil:Wordy"})
    run = Run(tmp_path, config, "--set", "ingest.count=10000000")
    wait_until(lambda: run.output.exists() and run.output.stat().st_size > 100)
    words = ["x" * 100] * 200
    assert ask("toy", Change(stage="wordy", field="one", value=words), timeout_s=20)["to"] == words
    with pytest.raises(ConfigError, match="more than 30000 bytes"):
        ask("toy", Change(stage="wordy", field="other", value=words), timeout_s=20)
    (before,) = run.workers("wordy")
    before.kill()
    wait_until(lambda: any(worker.pid != before.pid for worker in run.workers("wordy")))
    at = len(run.lines())
    wait_until(lambda: len(run.lines()) > at + 20)
    assert ask("toy", Status(), timeout_s=20)["stages"]["wordy"]["live"] == {"one": words, "other": []}
    run.process.terminate()
    assert run.end().code == 143


def test_this_python_starts_the_command(tmp_path: Path) -> None:
    """What is measured above is a whole start of the command: it must be one that ends well otherwise."""
    (tmp_path / "p.yaml").write_text(TOY)
    code, said, peak = measured(tmp_path, "check", "p.yaml")
    assert (code, said) == (0, "")
    assert peak > 10e6
    assert sys.executable in COMMAND
