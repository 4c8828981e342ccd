"""Every command, option, configuration, stage and field that the documentation names is one that there is."""

from __future__ import annotations

import re
import shlex
from collections import defaultdict
from collections.abc import Iterator, Sequence
from functools import cache
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from pipeline.cli.commands import SUMMARIES, load
from pipeline.config import StageConfig, load_config
from pipeline.importer import load_class
from pipeline.reading import read_yaml, shipped
from tests.runs import ROOT

MADE = ROOT / "docs" / "reference"
PAGES = [ROOT / "README.md", *sorted(path for path in (ROOT / "docs").rglob("*.md") if path.parent != MADE)]
LINE = re.compile(r"^(?:\$ |    |  - )?(?:\.venv/bin/)?cleanplate (.+)$", re.MULTILINE)
SPAN = re.compile(r"`(?:\.venv/bin/)?cleanplate ([^`]+)`")
FIELD = re.compile(r"`(?:--set )?'?([a-z][a-z-]*?)(?:-\d)?\.([a-z_]+)(?:=[^`]*)?`")
COMMON = {"-h", "--help", "--version", "--install-completion", "--show-completion"}
ENDS = {"|", ">", "&&", ";", ")", "..."}  # of a command among others


def relative(path: Path) -> str:
    return str(path.relative_to(ROOT))


def commands(path: Path) -> Iterator[list[str]]:
    """The words behind `cleanplate` of each command on a page."""
    text = path.read_text().replace("\\\n", " ")
    for line in [*LINE.findall(text), *SPAN.findall(text)]:
        words = shlex.split(line.replace("\n", " "), comments=True)
        end = next((at for at, word in enumerate(words) if word in ENDS or word.endswith(";")), len(words))
        yield words[:end]


def found(words: Sequence[str]) -> tuple[Any, list[str]]:
    """The command that is called, and the words behind it."""
    command, rest = load(words[0]), list(words[1:])
    if inner := getattr(command, "commands", {}):
        if not rest or rest[0].startswith("-"):
            return command, rest
        assert rest[0] in inner, words
        return inner[rest[0]], rest[1:]
    return command, rest


@pytest.mark.parametrize("path", PAGES, ids=relative)
def test_commands_and_their_options_exist(path: Path) -> None:
    for words in commands(path):
        if words[0].startswith("-"):
            assert words[0] in COMMON, words
            continue
        assert words[0] in SUMMARIES, words
        command, rest = found(words)
        known = {option for parameter in command.params for option in parameter.opts} | COMMON
        assert {word for word in rest if re.match(r"--?[a-z]", word)} <= known, words


def options(rest: Sequence[str], *names: str) -> list[str]:
    """The values of an option, by any of its names."""
    return [value for name, value in pairwise(rest) if name in names]


@pytest.mark.parametrize("path", PAGES, ids=relative)
def test_what_is_run_as_shown_is_a_right_configuration(path: Path) -> None:
    for words in commands(path):
        if words[0] not in ("run", "check") or len(words) < 2 or words[1] not in shipped():
            continue
        given = (options(words, "-i", "--input") or ["in.mp4"])[0]
        wanted = options(words, "-o", "--output") or "out.mp4"
        load_config(words[1], sets=options(words, "--set"), given=given, wanted=wanted, environment={})


@pytest.mark.parametrize("path", PAGES, ids=relative)
def test_what_is_set_while_it_runs_is_a_live_field(path: Path) -> None:
    for words in commands(path):
        if words[0] != "set" or len(words) < 2 or words[1] not in shipped():
            continue
        plan = load_config(words[1], sets=words[2:], given="in.mp4", wanted="out.mp4", environment={})
        stages = {built.name: built.stage for built in plan.stages}
        for change in words[2:]:
            stage, _, field = change.partition("=")[0].partition(".")
            assert field in type(stages[stage]).live_fields(), words


@cache
def fields() -> dict[str, set[str]]:
    """By the names that stages have in the shipped configurations: all of their keys and fields."""
    known: dict[str, set[str]] = defaultdict(set)
    for name in shipped():
        for stage in read_yaml(name)[1]["stages"]:
            cls = load_class(stage["uses"])
            kinds = getattr(cls, "kinds", lambda cls=cls: (cls,))()
            known[stage["name"]] |= {field for kind in kinds for field in kind.model_fields} | set(
                StageConfig.model_fields
            )
    return known


@pytest.mark.parametrize("path", PAGES, ids=relative)
def test_fields_in_the_text_are_fields(path: Path) -> None:
    unknown = [
        f"{stage}.{field}"
        for stage, field in FIELD.findall(path.read_text())
        if stage in fields() and field not in fields()[stage]
    ]
    assert unknown == []
