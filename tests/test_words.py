"""One word for one thing: what configurations say of fields, commands and the page is so, and fields speak alike."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator

import pytest
import yaml

from pipeline.cli.commands import SUMMARIES, load
from pipeline.cli.schema import known_stages
from pipeline.config import PipelineConfig, StageConfig, load_config
from pipeline.reading import shipped
from pipeline.web.describe import pipeline as described

FIELDS = [
    *((cls, name, field) for cls in known_stages() for name, field in cls.model_fields.items()),
    *((cls, name, field) for cls in (PipelineConfig, StageConfig) for name, field in cls.model_fields.items()),
]


def comments(name: str) -> list[str]:
    """What a configuration says before its first key."""
    lines = shipped()[name].read_text().splitlines()
    return [line[1:].strip() for line in lines[: next(at for at, line in enumerate(lines) if line[0] != "#")]]


def settings(text: str) -> Iterator[str]:
    """What follows each `--set`, quotes taken off as a shell does, and the words `STAGE.FIELD=VALUE` beside it."""
    for found in re.finditer(r"--set ((?:'[^']*'|[^\s';)])+)", text):
        yield shlex.split(found[1])[0]
    for found in re.finditer(r"(?<![\w.])'([a-z]+\.[a-z_]+=\[[^']*)'", text):
        yield found[1]


EXAMPLES = [(name, setting) for name in shipped() for line in comments(name) for setting in settings(line)]


@pytest.mark.parametrize(("name", "setting"), EXAMPLES)
def test_every_setting_that_a_configuration_speaks_of_can_be_set(name: str, setting: str) -> None:
    plan = load_config(name, sets=[setting], given="in.mp4", wanted="out.mp4", environment={})
    key, _, value = setting.partition("=")
    stage, _, field = key.rpartition(".")
    if stage:
        (built,) = (built for built in plan.stages if built.name == stage)
        assert built.config.options[field] == yaml.safe_load(value)


def test_there_are_such_examples_in_most_configurations() -> None:
    assert len(EXAMPLES) >= 25
    assert len({name for name, _ in EXAMPLES}) >= 10


@pytest.mark.parametrize("name", sorted(shipped()))
def test_commands_and_names_in_it_are_known(name: str) -> None:
    text = "\n".join(comments(name))
    commands = re.findall(r"cleanplate ([a-z]+)(?: ([a-z-]+))?", text)
    assert {command for command, _ in commands} <= set(SUMMARIES)
    assert {config for command, config in commands if command == "run" and config} <= set(shipped())
    for named in re.findall(r"\b((?:privacy|remove|live|matte|semantic)-[a-z]+(?:-[a-z]+)?)\b", text):
        assert named in shipped(), named


def test_what_is_said_to_be_on_the_page_is_called_so_there() -> None:
    said = {name: re.findall(r"# on the page: (.+)", "\n".join(comments(name))) for name in shipped()}
    named = {name: titles for name, titles in said.items() if titles}
    assert set(named) == {"privacy-all", "privacy-faces", "privacy-plates"}
    for name, titles in named.items():
        assert titles == [described(name)["title"]]


def test_what_is_not_given_is_called_none_and_never_as_python_writes_it() -> None:
    told = [(cls.__name__, name, field.description) for cls, name, field in FIELDS if field.description]
    wrong = [one for one in told if re.search(r"\b(None|True|False|null(?!:))\b", one[2])]
    assert wrong == []


@pytest.mark.parametrize(
    "name", ["classes", "device", "weights", "hide", "spare", "input", "output", "width", "height"]
)
def test_what_has_one_name_is_one_thing_in_every_stage(name: str) -> None:
    """The same type, so that what is known of one stage holds for the other."""
    kinds = {str(field.annotation) for _, own, field in FIELDS if own == name}
    assert len(kinds) == 1, kinds


@pytest.mark.parametrize("option", ["--set", "--input", "--output", "--debug", "--quiet", "--target"])
def test_an_option_is_written_alike_wherever_it_is(option: str) -> None:
    found = [one for command in SUMMARIES for one in options_of(load(command)) if option in one.opts]
    assert found
    assert len({tuple(one.opts) for one in found}) == 1
    assert len({one.metavar for one in found}) == 1


def options_of(command: object) -> Iterator[object]:
    for inner in getattr(command, "commands", {}).values():
        yield from options_of(inner)
    yield from getattr(command, "params", ())
