"""Values from the environment: after the file, before `--set`, and whoever gave a wrong one is named."""

from __future__ import annotations

from pathlib import Path

import pytest

from pipeline.config import Plan, load_config
from pipeline.environment import variables
from pipeline.errors import ConfigError
from tests.commands import cleanplate
from tests.test_config import TOY


def load(folder: Path, text: str = TOY, sets: tuple[str, ...] = (), **environment: str) -> Plan:
    path = folder / "p.yaml"
    path.write_text(text)
    return load_config(str(path), sets=sets, environment=dict(sorted(environment.items())))


def refusal(folder: Path, **environment: str) -> str:
    with pytest.raises(ConfigError) as caught:
        load(folder, **environment)
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 400
    return str(caught.value)


def test_a_variable_goes_before_the_file_and_a_set_before_the_variable(tmp_path: Path) -> None:
    text = TOY.replace('Invert"}', 'Invert", workers: 2, with: {sleep: 1}}')
    named = {"CLEANPLATE__INVERT__SLEEP": "2", "CLEANPLATE__INVERT__WORKERS": "3", "CLEANPLATE__SLOTS": "20"}
    plain, varied = load(tmp_path, text).stages[1], load(tmp_path, text, **named)
    assert (plain.options, plain.config.workers) == ({"sleep": 1}, 2)
    assert (varied.stages[1].options, varied.stages[1].config.workers, varied.slots) == ({"sleep": 2}, 3, 20)
    both = load(tmp_path, text, ("invert.sleep=3", "slots=30"), **named)
    assert (both.stages[1].options, both.stages[1].config.workers, both.slots) == ({"sleep": 3}, 3, 30)


def test_values_are_yaml(tmp_path: Path) -> None:
    plan = load(tmp_path, CLEANPLATE__INGEST__REJECTS="[1, 2]", CLEANPLATE__INVERT__RESTART="{max_restarts: 7}")
    assert plan.stages[0].options == {"rejects": [1, 2]}
    assert plan.stages[1].config.restart.max_restarts == 7


def test_a_dash_in_a_stages_name_is_written_as_an_underscore(tmp_path: Path) -> None:
    text = TOY.replace("name: invert", "name: turn-it_over")
    plan = load(tmp_path, text, CLEANPLATE__TURN_IT_OVER__WORKERS="2")
    assert plan.stages[1].config.workers == 2


def test_a_variable_that_two_stages_could_be_meant_by_is_refused(tmp_path: Path) -> None:
    twin = '  - {name: turn_over, uses: "tests.toys:Sum"}\n  - {name: output'
    text = TOY.replace("name: invert,", "name: turn-over,").replace("  - {name: output", twin)
    with pytest.raises(ConfigError, match="'turn-over' or 'turn_over'"):
        load(tmp_path, text, CLEANPLATE__TURN_OVER__WORKERS="2")


def test_a_stage_whose_name_begins_like_another_is_told_from_it(tmp_path: Path) -> None:
    text = TOY.replace("  - {name: output", '  - {name: invert__words, uses: "tests.toys:Sum"}\n  - {name: output')
    plan = load(tmp_path, text, CLEANPLATE__INVERT__WORDS__ON_ERROR="stop", CLEANPLATE__INVERT__WORDS="5")
    assert plan.stages[1].options == {"words": 5}
    assert [built.on_error for built in plan.stages] == ["blank", "blank", "stop", "blank"]


def test_one_value_of_a_key_that_holds_several_is_set_by_a_dotted_path(tmp_path: Path) -> None:
    assert load(tmp_path).config.gpu.mps == "auto"
    for text in ("off", "false", "'off'"):  # YAML takes the bare word for a truth value
        assert load(tmp_path, CLEANPLATE__GPU__MPS=text).config.gpu.mps == "off"
        assert load(tmp_path, TOY + f"gpu: {{mps: {text}}}\n").config.gpu.mps == "off"
    assert load(tmp_path, sets=("gpu.mps=on",), CLEANPLATE__GPU__MPS="off").config.gpu.mps == "on"
    with pytest.raises(ConfigError, match=r"^--set gpu.mps=maybe: gpu.mps: input should be 'auto', 'on' or 'off'"):
        load(tmp_path, sets=("gpu.mps=maybe",))
    assert refusal(tmp_path, CLEANPLATE__GPU__MSP="on").startswith("CLEANPLATE__GPU__MSP: gpu.msp: no such field")


@pytest.mark.fault("F5")
@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        ("CLEANPLATE__SLOTZ", "3", ["no such key 'SLOTZ'", "'CLEANPLATE__SLOTS'"]),
        ("CLEANPLATE__STAGES", "[]", ["no such key 'STAGES'"]),
        ("CLEANPLATE__", "1", ["no such key"]),
        ("CLEANPLATE__INVRT__SLEEP", "1", ["no stage 'INVRT'", "'CLEANPLATE__INVERT__SLEEP'"]),
        ("CLEANPLATE__INVERT__SLEP", "1", ["stages.invert: slep: no such field", "'sleep'"]),
        ("CLEANPLATE__INVERT__WORKERZ", "1", ["workerz: no such field"]),
        ("CLEANPLATE__INVERT__SLEEP", "[1", ["not a YAML value"]),
        ("CLEANPLATE__INVERT__SLEEP", "long", ["stages.invert: sleep", "'long'"]),
        ("CLEANPLATE__INVERT__WORKERS", "0", ["stages.invert.workers", "0"]),
        ("CLEANPLATE__INVERT__RESTART", "{within_s: 0}", ["stages.invert.restart.within_s"]),
        ("CLEANPLATE__ON_FULL", "wait", ["on_full", "'wait'"]),
        ("CLEANPLATE__A\nB", "1", ["no such key"]),
    ],
    ids=range(12),
)
def test_a_wrong_variable_is_named_with_what_is_meant(tmp_path: Path, name: str, value: str, words: list[str]) -> None:
    said = refusal(tmp_path, **{name: value})
    assert said.startswith("CLEANPLATE__"), said
    assert all(word in said for word in words), said
    if name.isprintable():
        assert said.startswith(f"{name}: ")


def test_who_gave_a_wrong_value_last_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"^--set invert.sleep=long: stages.invert: sleep"):
        load(tmp_path, sets=("invert.sleep=long",), CLEANPLATE__INVERT__SLEEP="1")
    with pytest.raises(ConfigError, match=r"^p.yaml: stages.invert: slep"):
        load(tmp_path, TOY.replace('Invert"}', 'Invert", with: {slep: 1}}'), CLEANPLATE__INVERT__SLEEP="1")


def test_a_wrong_variable_ends_in_one_line_and_2() -> None:
    done = cleanplate("check", "remove-people", env={"CLEANPLATE__SEGMENTATION__CLASES": "[dog]"})
    assert done.returncode == 2
    said = "cleanplate: CLEANPLATE__SEGMENTATION__CLASES: stages.segmentation: clases: no such field"
    assert done.stderr.strip() == f"{said}; did you mean 'classes'?"


def test_the_environment_is_that_of_the_process(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CLEANPLATE__INPAINTING__WORKERS", "2")
    monkeypatch.setenv("CLEANPLATE_STATE_OF_MIND", "calm")
    assert variables() == {"CLEANPLATE__INPAINTING__WORKERS": "2"}
    plan = load_config("remove-people", given="a.mp4", wanted="b.mp4")
    assert {built.name: built.config.workers for built in plan.stages}["inpainting"] == 2


def test_a_password_in_an_override_is_not_repeated_in_a_complaint(tmp_path: Path) -> None:
    with pytest.raises(ConfigError) as caught:
        load(tmp_path, sets=("ingest.count=rtsp://me:hunter2@host/",))
    assert "hunter2" not in str(caught.value)
    assert "hunter2" not in refusal(tmp_path, CLEANPLATE__INGEST__COUNT="rtsp://me:hunter2@host/")
