"""The command line itself: it starts without what it does not need, and its help fits and is true."""

from __future__ import annotations

import subprocess
import sys

import pytest

from pipeline.cli.commands import SUMMARIES, WIDTH, fold, load, split
from tests.commands import cleanplate
from tests.runs import ROOT

LISTING = ("numpy", "pydantic", "yaml", "zmq", "rich", "platformdirs", "psutil")
HEAVY = ("torch", "torchvision", "ultralytics", "av", "cv2", "openvino", "onnxruntime", "textual", "prometheus_client")
COMMANDS = sorted(SUMMARIES)


def brought_in(args: list[str], names: tuple[str, ...]) -> list[str]:
    """Which of these modules the command line imports for these arguments."""
    code = (
        "import sys\nfrom pipeline.cli import main\n"
        f"sys.argv = ['cleanplate', *{args}]\n"
        "try:\n    main()\nexcept SystemExit:\n    pass\n"
        f"print([name for name in {names} if name in sys.modules], file=sys.stderr)"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    return eval(done.stderr.splitlines()[-1])  # type: ignore[no-any-return]


@pytest.mark.parametrize("args", [["--help"], ["--version"], []])
def test_the_list_of_commands_needs_no_library_but_its_own(args: list[str]) -> None:
    assert brought_in(args, LISTING + HEAVY) == []


@pytest.mark.parametrize("name", COMMANDS)
def test_the_help_of_a_command_brings_in_nothing_heavy(name: str) -> None:
    assert brought_in([name, "--help"], HEAVY) == []


def test_checking_a_configuration_brings_in_no_engine_and_no_codec() -> None:
    assert brought_in(["check", "remove-people"], tuple(name for name in HEAVY if name != "cv2")) == []


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_of_the_table_is_there_and_gives_examples_last(name: str) -> None:
    done = cleanplate(name, "--help", env={"COLUMNS": "80"})
    assert done.returncode == 0, done.stderr
    lines = done.stdout.rstrip().splitlines()
    assert max(map(len, lines)) <= 80
    if not hasattr(load(name), "commands"):
        assert lines[-1].startswith("    ")
        assert any(line.startswith(f"    cleanplate {name}") for line in lines)
        assert [line for line in lines if line.strip() in ("Example:", "Examples:")]


def test_the_list_of_commands_shows_every_summary_whole() -> None:
    shown = cleanplate("--help", env={"COLUMNS": "80"}).stdout
    assert [name for name in COMMANDS if f"{name}  " not in shown or SUMMARIES[name] not in shown] == []
    assert max(map(len, shown.splitlines())) <= 80


def test_a_word_in_brackets_survives_in_an_example() -> None:
    assert "--set segmentation.classes=[dog]" in cleanplate("run", "--help", env={"COLUMNS": "80"}).stdout


def test_a_long_example_is_broken_where_the_shell_goes_on() -> None:
    line = "  cleanplate run " + " ".join(f"--set stage{n}.field={n}" for n in range(8))
    folded = fold(line)
    assert max(map(len, folded.splitlines())) <= WIDTH
    assert folded.replace(" \\\n", " ").split() == line.split()
    assert all(part.endswith(" \\") for part in folded.splitlines()[:-1])
    assert fold("  short --one") == "  short --one"


def test_a_text_without_examples_has_none() -> None:
    assert split("Only this.\n") == ("Only this.", "")
    assert split("This.\n\nExample:\n\n  cleanplate x\n") == ("This.", "\b\nExample:\n  cleanplate x")


@pytest.mark.parametrize(
    ("args", "words"),
    [
        ("rnu", ["no such command 'rnu'; did you mean 'run'?", "`cleanplate --help`"]),
        ("models lst", ["no such command 'lst'; did you mean 'list'?", "`cleanplate models --help`"]),
        ("run x --inptu a", ["--inptu; did you mean --input?", "`cleanplate run --help`"]),
        ("run", ["missing argument 'config'", "`cleanplate run --help`"]),
        ("run a b", ["(b)", "`cleanplate run --help`"]),
        ("run a --frames 0", ["'--frames'", "greater than or equal to 1"]),
        ("run a --frames two", ["'--frames'", "integer"]),
        ("ps --json=1", ["--json"]),
    ],
)
def test_a_slip_on_the_command_line_ends_in_one_line(args: str, words: list[str]) -> None:
    done = cleanplate(*args.split())
    assert (done.returncode, done.stdout) == (2, "")
    (said,) = done.stderr.strip().splitlines()
    assert said.startswith("cleanplate: ")
    assert all(word in said for word in words), said


def test_without_a_command_the_help_is_shown() -> None:
    done = cleanplate()
    assert done.returncode == 2
    assert "Commands:" in done.stderr


def test_a_code_that_a_command_ends_with_is_that_of_the_process() -> None:
    assert cleanplate("--version").returncode == 0
    assert cleanplate("check", "no-such").returncode == 2
