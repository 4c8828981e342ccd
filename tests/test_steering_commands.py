"""`scale`, `set`, `pause`, `resume` and `ps`: what they ask of a run, and what they say of its answer."""

from __future__ import annotations

import json
import time
from pathlib import Path

import pytest

from pipeline.cli import live
from pipeline.cli.pause import pause
from pipeline.cli.ps import looks, ps
from pipeline.cli.resume import resume
from pipeline.cli.scale import scale
from pipeline.cli.set import HELP, parse
from pipeline.cli.set import set as set_settings
from pipeline.config import load_config
from pipeline.errors import ConfigError, RunError
from pipeline.instances import Instance, claim
from pipeline.requests import Change, Pause, Request, Resume, Scale
from tests.answers import Speaker
from tests.commands import cleanplate
from tests.dials import going_run, status
from tests.test_completion import in_bash, offered
from tests.waiting import wait_until

RUN = "remove-people"


@pytest.fixture
def speaker(monkeypatch: pytest.MonkeyPatch) -> Speaker:
    """The run `remove-people`."""
    made = Speaker()
    monkeypatch.setattr(live, "ask", made.ask)
    monkeypatch.setattr(live, "find", lambda name: Instance(name, 1, "", "", "", ""))
    return made


def said(capsys: pytest.CaptureFixture[str]) -> list[str]:
    return capsys.readouterr().out.splitlines()


def test_scaling_asks_for_each_stage_and_says_what_became_of_it(
    speaker: Speaker, capsys: pytest.CaptureFixture[str]
) -> None:
    scale(RUN, ["inpainting=3", "segmentation=1"])
    assert speaker.wishes == [Scale(stage="inpainting", workers=3), Scale(stage="segmentation", workers=1)]
    assert said(capsys) == ["inpainting: 2 -> 3 workers", "segmentation: 1 -> 1 worker"]


@pytest.mark.parametrize(
    "item", ["inpainting", "inpainting=", "=2", "inpainting=0", "inpainting=65", "inpainting=-1", "inpainting=2.5",
             "inpainting=two", "inpainting=²", "inpainting=9999999999999"]
)  # fmt: skip
def test_a_number_of_workers_that_is_none_is_refused_before_anything_is_asked(speaker: Speaker, item: str) -> None:
    with pytest.raises(ConfigError, match="expected STAGE=N with N from 1 to 64"):
        scale(RUN, ["segmentation=2", item])
    assert speaker.asked == []


def test_nothing_is_scaled_where_one_of_the_stages_cannot_be(speaker: Speaker) -> None:
    with pytest.raises(ConfigError, match="plate: keeps state, so it has one worker, not 2"):
        scale(RUN, ["inpainting=3", "plate=2"])
    with pytest.raises(ConfigError, match="no stage 'inpaintin'; did you mean 'inpainting'"):
        scale(RUN, ["segmentation=2", "inpaintin=3"])
    assert speaker.wishes == []


def test_a_setting_is_changed_to_a_yaml_value(speaker: Speaker, capsys: pytest.CaptureFixture[str]) -> None:
    set_settings(RUN, ["segmentation.grow=12", "segmentation.classes=[dog, 'no']"])
    assert speaker.wishes == [
        Change(stage="segmentation", field="grow", value=12),
        Change(stage="segmentation", field="classes", value=["dog", "no"]),
    ]
    assert said(capsys) == ["segmentation.grow: 8 -> 12", 'segmentation.classes: ["person"] -> ["dog", "no"]']


def test_without_values_what_can_be_set_is_listed_as_it_would_be_written(
    speaker: Speaker, capsys: pytest.CaptureFixture[str]
) -> None:
    set_settings(RUN, [])
    assert said(capsys) == ["segmentation.grow=8", 'segmentation.classes=["person"]']
    set_settings(RUN, ["segmentation.grow"])
    assert said(capsys) == ["segmentation.grow=8"]
    speaker.told["stages"]["segmentation"]["live"] = {}
    set_settings(RUN, None)
    assert said(capsys) == ["remove-people has nothing that can be set while it runs"]
    assert speaker.wishes == []


@pytest.mark.parametrize(
    ("items", "words"),
    [
        (["segmentation.grwo=1"], "segmentation.grwo: cannot be set while it runs; did you mean 'grow'?"),
        (["segmentation.model=1"], "what can is grow, classes"),
        (["plate.model=1"], "nothing of it can"),
        (["segmentatio.grow=1"], "no stage 'segmentatio'; did you mean 'segmentation'?"),
        (["grow=1"], "grow=1: expected STAGE.FIELD=VALUE"),
        (["segmentation.=1"], "expected STAGE.FIELD=VALUE"),
        (["segmentation.grow=[1"], "is not a YAML value"),
        (["segmentation.grow=1", "segmentation.classes"], "segmentation.classes: needs a value"),
        (["segmentation.grow=9", "plate.x=1"], "plate.x"),
    ],
)
def test_nothing_is_set_where_one_of_the_settings_cannot_be(speaker: Speaker, items: list[str], words: str) -> None:
    with pytest.raises(ConfigError) as caught:
        set_settings(RUN, items)
    assert words in str(caught.value)
    assert "\n" not in str(caught.value)
    assert speaker.wishes == []


def test_what_was_set_before_one_is_refused_is_told(speaker: Speaker, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(ConfigError, match="not that"):
        set_settings(RUN, ["segmentation.grow=3", "segmentation.classes=wrong"])
    assert said(capsys) == ["segmentation.grow: 8 -> 3"]


def test_a_password_in_a_value_is_not_shown(speaker: Speaker, capsys: pytest.CaptureFixture[str]) -> None:
    set_settings(RUN, ["segmentation.grow=rtsp://ada:sesame@host/x"])
    assert speaker.wishes == [Change(stage="segmentation", field="grow", value="rtsp://ada:sesame@host/x")]
    assert "sesame" not in "".join(said(capsys))


def test_pausing_and_going_on_say_at_which_frame(speaker: Speaker, capsys: pytest.CaptureFixture[str]) -> None:
    pause(RUN)
    resume(RUN)
    assert [type(request) for request in speaker.wishes] == [Pause, Resume]
    assert said(capsys) == ["remove-people: paused at frame 239", "remove-people: goes on at frame 239"]


@pytest.mark.parametrize("command", ["scale {} a=1", "set {}", "set {} a.b=1", "pause {}", "resume {}", "top {}"])
def test_a_run_that_is_none_is_refused_in_one_line_with_the_close_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, command: str
) -> None:
    monkeypatch.setenv("CLEANPLATE_STATE", str(tmp_path / "state"))
    with claim("street", "", [], None, "noon"):
        done = cleanplate(*command.format("stret").split())
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == "cleanplate: no run called 'stret'; did you mean 'street'?; see `cleanplate ps`\n"


def test_a_run_that_does_not_answer_ends_in_one_line_and_exit_code_4(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CLEANPLATE_STATE", str(tmp_path / "state"))
    with claim("street", "", [], None, "noon"):  # its lock is held, and nobody listens
        done = cleanplate("pause", "street")
    assert (done.returncode, done.stdout) == (4, "")
    assert done.stderr.startswith("cleanplate: street does not answer within 5 s")
    assert len(done.stderr.splitlines()) == 1


def test_ps_lists_what_a_run_tells_and_a_silent_one_without(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    speaker = Speaker()

    def answer(name: str, request: Request, timeout_s: float) -> object:
        if name == "mute":
            raise RunError("no answer")
        return speaker.ask(name, request, timeout_s)

    found = [Instance(name, 7, "c", "a.mp4", "b.mp4", "noon") for name in ("mute", RUN)]
    monkeypatch.setattr("pipeline.cli.ps.running", lambda: found)
    monkeypatch.setattr(live, "ask", answer)
    ps()
    head, mute, talking, workers = said(capsys)
    assert mute.split() == ["mute", "7", "noon", "-", "-", "-", "a.mp4", "->", "b.mp4"]
    assert talking.split() == [RUN, "7", "noon", "running", "230", "23.0", "a.mp4", "->", "b.mp4"]
    assert workers.strip() == "ingest 1, segmentation 1, plate 1, inpainting 2, output 1"
    assert head.index("INPUT") == mute.index("a.mp4") == talking.index("a.mp4")
    ps(as_json=True)
    first, second = json.loads(capsys.readouterr().out)
    assert (first["name"], first["phase"], first["workers"]) == ("mute", None, None)
    assert (second["fps"], second["frames"], second["workers"]["inpainting"]) == (23.0, 230, 2)


def test_ps_waits_for_many_silent_runs_no_longer_than_for_a_few(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[float] = []
    now = [100.0]

    def hang(name: str, request: Request, timeout_s: float) -> object:
        asked.append(timeout_s)
        now[0] += timeout_s
        raise RunError("no answer")

    monkeypatch.setattr(live, "ask", hang)
    monkeypatch.setattr(time, "monotonic", lambda: now[0])
    assert [look for _, look in looks([Instance(f"{n}", n, "", "", "", "") for n in range(9)])] == [None] * 9
    assert sum(asked) == pytest.approx(3.0)
    assert len(asked) == 3


def test_the_examples_of_set_are_settings_of_the_shipped_pipeline() -> None:
    plan = load_config("remove-people", given="in.mp4", wanted="out.mp4", environment={})
    fields = {f"{built.name}.{field}" for built in plan.stages for field in type(built.stage).live_fields()}
    shown = [parse(word).path for word in HELP.split() if "=" in word and "." in word.partition("=")[0]]
    assert len(shown) > 2
    assert set(shown) <= fields


@pytest.mark.long
@pytest.mark.real
def test_a_real_run_is_scaled_set_paused_and_listed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with going_run(tmp_path, monkeypatch):
        done = cleanplate("scale", "toy", "dial=2")
        assert (done.returncode, done.stdout, done.stderr) == (0, "dial: 1 -> 2 workers\n", "")
        wait_until(lambda: [w["state"] for w in (status() or {})["stages"]["dial"]["workers"]] == ["ready"] * 2)
        assert cleanplate("set", "toy").stdout == "dial.sleep=0.02\n"
        assert cleanplate("set", "toy", "dial.sleep=0.001").stdout == "dial.sleep: 0.02 -> 0.001\n"
        wrong = cleanplate("set", "toy", "dial.sleep=2")
        assert (wrong.returncode, wrong.stdout) == (2, "")
        assert "less than or equal to 1" in wrong.stderr
        assert cleanplate("set", "toy", "dial.sleep").stdout == "dial.sleep=0.001\n"
        assert cleanplate("pause", "toy").stdout.startswith("toy: paused at frame ")
        shown = cleanplate("ps").stdout
        assert " paused " in shown
        assert "ingest 1, dial 2, output 1" in shown
        assert offered("cleanplate scale toy ") == {"dial=2": "its workers now"}
        assert offered("cleanplate set toy di") == {"dial.sleep=0.001": "its value now"}
        assert in_bash("cleanplate", "pause", "") == ["toy"]
        assert cleanplate("resume", "toy").stdout.startswith("toy: goes on at frame ")
        assert (status() or {})["phase"] == "running"
