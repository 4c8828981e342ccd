"""What the shell offers, asked for as the shells do: through the variables that their scripts set."""

from __future__ import annotations

import os
import shlex
import subprocess
from pathlib import Path

import pytest

from pipeline.cli import complete
from pipeline.cli.commands import SUMMARIES
from pipeline.instances import claim
from pipeline.logfile import new_log
from pipeline.reading import shipped
from tests.commands import cleanplate
from tests.runs import COMMAND, ROOT
from tests.test_config import TOY

WORDS = """name: words
stages:
  - {name: ingest, uses: "tests.toys:Numbers"}
  - {name: invert, uses: "own_words:Spoken"}
  - {name: output, uses: "tests.toys:Collect", with: {output: out.txt}}
"""
STAGE = """
from typing import Literal
from pydantic import Field
from tests.toys import Invert

class Spoken(Invert):
    tongue: Literal["latin", "greek"] = "latin"
    loud: bool | None = Field(default=None, description="whether all can hear it")
    times: int = Field(default=3, description="how often")
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "own_words.py").write_text(STAGE)
    (tmp_path / "words.yaml").write_text(WORDS)
    (tmp_path / "notes.txt").write_text("no configuration")
    return tmp_path


def offered(line: str, cwd: Path = ROOT, shell: str = "fish") -> dict[str, str]:
    """Words and what is said of them; `line` ends where the cursor is."""
    env = {"_CLEANPLATE_COMPLETE": f"complete_{shell}", "_TYPER_COMPLETE_ARGS": line}
    done = cleanplate(cwd=cwd, env={**env, "_TYPER_COMPLETE_FISH_ACTION": "get-args"})
    assert done.stderr == ""
    return dict(row.partition("\t")[::2] for row in done.stdout.splitlines() if row)


def in_bash(*words: str, cwd: Path = ROOT) -> list[str]:
    """The words for the last one of these, which bash has parted at every `=` as well."""
    env = {"COMP_WORDS": " ".join(words), "COMP_CWORD": str(len(words) - 1), "_CLEANPLATE_COMPLETE": "complete_bash"}
    done = cleanplate(cwd=cwd, env=env)
    assert done.stderr == ""
    return done.stdout.split()


def test_commands_are_offered_with_what_they_do() -> None:
    assert set(offered("cleanplate ")) == set(SUMMARIES)
    assert offered("cleanplate sch") == {"schema": SUMMARIES["schema"]}


def test_options_are_offered_of_the_command_on_the_line() -> None:
    assert "--mermaid" in offered("cleanplate check remove-people --")
    assert "--report" not in offered("cleanplate check remove-people --")


def test_a_configuration_is_a_shipped_name_or_a_yaml_file_or_on_the_way_to_one(folder: Path) -> None:
    (folder / "deeper").mkdir()
    (folder / "deeper" / "mine.yml").write_text(TOY)
    found = offered("cleanplate check ", cwd=folder)
    assert set(found) == {*shipped(), "words.yaml", "deeper/"}
    assert found["remove-people"] == "Remove people from a video"
    assert set(offered("cleanplate check deeper/", cwd=folder)) == {"deeper/mine.yml"}
    assert offered("cleanplate check nowhere/", cwd=folder) == {}


def test_keys_of_the_configuration_on_the_line_are_offered(folder: Path) -> None:
    found = offered("cleanplate check words.yaml --set ", cwd=folder)
    assert set(found) >= {"slots=", "on_full=", "ingest.", "invert.", "output."}
    assert "stages=" not in found
    assert "frames under way" in found["slots="]


def test_a_stage_that_is_begun_offers_its_fields_with_what_they_are(folder: Path) -> None:
    found = offered("cleanplate check words.yaml --set invert.", cwd=folder)
    assert found["invert.times="] == "how often; default 3"
    assert set(found) > {"invert.workers=", "invert.tongue=", "invert.sleep="}
    assert not any("ingest" in word for word in found)
    assert set(offered("cleanplate check words.yaml --set inv", cwd=folder)) == set(found)


@pytest.mark.parametrize(
    ("begun", "words"),
    [
        ("invert.tongue=", {"invert.tongue=latin", "invert.tongue=greek"}),
        ("invert.tongue=g", {"invert.tongue=greek"}),
        ("invert.ton", {"invert.tongue=latin", "invert.tongue=greek"}),
        ("invert.loud=", {"invert.loud=true", "invert.loud=false"}),
        ("on_full=", {"on_full=block", "on_full=drop_oldest"}),
        ("invert.times=", {"invert.times="}),
        ("nobody.", set()),
    ],
)
def test_values_are_offered_where_they_can_be_counted(folder: Path, begun: str, words: set[str]) -> None:
    assert set(offered(f"cleanplate check words.yaml --set {begun}", cwd=folder)) == words


def test_bash_which_parts_words_at_the_equals_sign_is_offered_the_values_alone(folder: Path) -> None:
    line = ("cleanplate", "check", "words.yaml", "--set", "invert.tongue", "=")
    assert in_bash(*line, cwd=folder) == ["latin", "greek"]
    assert in_bash(*line, "gr", cwd=folder) == ["greek"]
    assert in_bash(*line[:-1], cwd=folder) == ["invert.tongue=latin", "invert.tongue=greek"]


def test_a_stage_that_stands_for_several_offers_the_fields_of_all() -> None:
    fields = set(complete.stage_fields("stages.output:Auto"))
    assert {"codec", "audio"} <= fields


@pytest.mark.parametrize("name", ["no-such", "broken.yaml", "/dev/zero"])
def test_a_configuration_that_is_none_offers_nothing_and_no_complaint(folder: Path, name: str) -> None:
    (folder / "broken.yaml").write_text("a: [")
    assert offered(f"cleanplate check {name} --set inv", cwd=folder) == {}


def test_running_pipelines_are_offered_to_stop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CLEANPLATE_STATE", str(tmp_path / "state"))
    assert offered("cleanplate stop ") == {}
    with claim("toy", "", [], "mine", "noon"):
        assert set(offered("cleanplate stop ")) == {"mine"}


def test_models_and_samples_are_offered_by_name() -> None:
    assert {"lama", "telea"} <= {name for name, _ in complete.models()}
    assert "vtest" in {name for name, _ in complete.samples()}


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_the_script_for_a_shell_can_be_shown(shell: str) -> None:
    done = cleanplate(env={"_CLEANPLATE_COMPLETE": f"source_{shell}"})
    assert done.returncode == 0, done.stderr
    assert f"complete_{shell}" in done.stdout


def test_zsh_gets_words_with_what_they_mean(folder: Path) -> None:
    env = {
        "_CLEANPLATE_COMPLETE": "complete_zsh",
        "_TYPER_COMPLETE_ARGS": "cleanplate check words.yaml --set invert.ti",
    }
    assert '"invert.times="' in cleanplate(cwd=folder, env=env).stdout


def test_in_a_real_bash_the_script_fills_in_the_reply(folder: Path) -> None:
    """The script as `--show-completion` prints it, with `cleanplate` as a function in place of the installed one."""
    script = cleanplate(env={"_CLEANPLATE_COMPLETE": "source_bash"}).stdout
    (folder / "complete.sh").write_text(script)
    (folder / "cleanplate").write_text(f"#!/bin/sh\nexec {shlex.join(COMMAND)}\n")
    (folder / "cleanplate").chmod(0o755)
    code = (
        "source complete.sh; COMP_WORDS=(cleanplate check words.yaml --set invert.tongue = g); COMP_CWORD=6; "
        '_cleanplate_completion ./cleanplate; echo "${COMPREPLY[@]}"'
    )
    done = subprocess.run(
        ["bash", "-c", code], cwd=folder, capture_output=True, text=True, env={**os.environ, "PYTHONPATH": str(ROOT)}
    )
    assert done.stdout.strip() == "greek", done.stderr


def test_each_command_offers_what_its_words_name() -> None:
    assert set(shipped()) <= set(offered("cleanplate run "))
    assert "segmentation.classes=" in offered("cleanplate run remove-people --set segmentation.")
    assert "lama" in offered("cleanplate models fetch ")
    assert set(offered("cleanplate samples fetch vt")) == {"vtest"}
    assert {"list", "fetch"} <= set(offered("cleanplate models "))
    assert {*shipped(), "transport", "memory"} <= set(offered("cleanplate bench "))
    assert set(offered("cleanplate bench compare --set orig")) >= {"original.codec="}


def test_runs_that_have_left_a_log_are_offered_to_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CLEANPLATE_STATE", str(tmp_path / "state"))
    new_log("toy", "20260101-000000").close()
    new_log("toy", "20260201-000000").close()
    assert offered("cleanplate logs ") == {"toy": "began 20260201-000000"}
