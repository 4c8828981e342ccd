"""Configurations that mean no good, or nothing: one line says so, soon, and nothing else happens."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pipeline.config import load_config
from pipeline.errors import ConfigError
from pipeline.reading import MAX_FILE, shipped
from tests.runs import COMMAND, ROOT
from tests.test_config import TOY, refusal
from tests.thorough import examples

INVERT = 'tests.toys:Invert"}'


@pytest.mark.fault("F1", "F4")
@pytest.mark.parametrize(
    "text",
    [
        "? !!set {a}\n: 1\n",
        "name: !!bool maybe\n",
        "name: !!int ''\n",
        "name: !!float ''\n",
        "name: !!timestamp noon\n",
        "name: 2020-13-45\n",
        "name: 0001-01-01 00:00:00 +23:59\n",
        "name: !!binary '*'\n",
        f"name: {'9' * 5000}\n",
        "name: !!python/name:os.system\n",
        "name: !!python/object/new:os.system [ls]\n",
        "name: !<tag:new\u2028line> x\n",
        "<<: {name: toy}\n",
        "=: 1\n",
        "a: {a: {a: 1, a: 2}}\n",
        "a: &a [*a]\n",
        "--- a\n--- b\n",
        "%YAML 9.9\n---\na: 1\n",
    ],
    ids=range(18),
)
def test_yaml_that_python_would_choke_on_is_refused(tmp_path: Path, text: str) -> None:
    assert refusal(tmp_path, text).startswith("p.yaml")


@pytest.mark.fault("F1")
@pytest.mark.parametrize(
    "text", ["a: [" + "1," * 32000 + "]", "a: " + "[" * 60000, "a: " + "{b: " * 15000, "- " * 30000]
)
def test_even_the_largest_file_is_refused_within_seconds(tmp_path: Path, text: str) -> None:
    assert len(text) <= MAX_FILE
    begun = time.monotonic()
    refusal(tmp_path, text)
    assert time.monotonic() - begun < 5


@pytest.mark.parametrize(
    "text",
    [
        TOY + '"a\\nb": 1\n',
        TOY + '"a\\e[31mb": 1\n',
        TOY.replace("name: invert", 'name: "a\\nb"'),
        TOY.replace(INVERT, 'tests.toys:Invert", with: {"a\\nb": 1}}'),
        TOY.replace(INVERT, 'tests.toys:Invert", with: {sleep: "a\\nb"}}'),
    ],
    ids=range(5),
)
def test_no_name_in_a_file_can_break_the_line_or_colour_the_terminal(tmp_path: Path, text: str) -> None:
    assert refusal(tmp_path, text).isprintable()


@pytest.mark.fault("F2", "F3")
@pytest.mark.parametrize(
    ("change", "key"),
    [
        ("workers: yes", "stages.invert.workers"),
        ('workers: "2"', "stages.invert.workers"),
        ("workers: 12:30:00", "stages.invert.workers"),
        ("workers: 65", "stages.invert.workers"),
        ("workers: 1.5", "stages.invert.workers"),
        ("options: {sleep: 1}", "stages.invert.options"),
        ("restart: {max_restarts: -1}", "stages.invert.restart.max_restarts"),
        ("restart: {within_s: 0}", "stages.invert.restart.within_s"),
        ("restart: {within_s: .nan}", "stages.invert.restart.within_s"),
        ("restart: {max_restart: 1}", "'max_restarts'"),
        ("on_error: shrug", "stages.invert.on_error"),
        ("after: output", "stages.invert.after"),
        ("after: invert", "stages.invert.after"),
        ("with: [1]", "stages.invert.with"),
        ("with: {1: 2}", "stages.invert.with"),
    ],
)
def test_a_value_of_the_wrong_kind_names_its_key(tmp_path: Path, change: str, key: str) -> None:
    assert key in refusal(tmp_path, TOY.replace(INVERT, f'tests.toys:Invert", {change}}}'))


@pytest.mark.fault("F2", "F3")
@pytest.mark.parametrize(
    ("old", "new", "key"),
    [
        ("name: toy", "name: no", "name"),
        ("name: toy", "name: 1.10", "name"),
        ("name: toy", "name: ../up", "name"),
        ("name: toy", "name: toy\nslots: 1025", "slots"),
        ("name: toy", "name: toy\nslots: true", "slots"),
        ("name: toy", "name: toy\nmax_tries: 0", "max_tries"),
        ("name: toy", "name: toy\non_full: wait", "on_full"),
        ("name: ingest", "name: in/gest", "stages.in/gest.name"),
        ("name: ingest", "name: in gest", "stages.in gest.name"),
        ('"tests.toys:Numbers"}', '"tests.toys:Numbers", after: invert}', "stages.ingest.after"),
        ("tests.toys:Invert", ".toys:Invert", "stages.invert.uses"),
        ("tests.toys:Invert", "..:Invert", "stages.invert.uses"),
        ("tests.toys:Invert", "tests..toys:Invert", "stages.invert.uses"),
        ("tests.toys:Invert", "tests.toys", "stages.invert.uses"),
        ("tests.toys:Invert", "pathlib:Path", "stages.invert.uses"),
        ("tests.toys:Invert", "tests.toys:picture", "stages.invert.uses"),
    ],
)
def test_a_wrong_top_level_value_or_class_names_its_key(tmp_path: Path, old: str, new: str, key: str) -> None:
    assert key in refusal(tmp_path, TOY.replace(old, new, 1)).split(": ", 1)[1]


@pytest.mark.parametrize(
    "stages", ["", "5", "[]", "[{name: invert}]", "[[invert]]", "[{name: [invert]}]", "{invert: 1}"]
)
def test_an_override_of_a_file_without_proper_stages_is_refused_in_words(tmp_path: Path, stages: str) -> None:
    refusal(tmp_path, f"name: toy\nstages: {stages}\n", "invert.sleep=1")


@pytest.mark.fault("F4")
@pytest.mark.parametrize(
    "value",
    [
        "2020-13-45",
        "!!bool x",
        "!!python/object/apply:os.system [ls]",
        "[&a [1], *a]",
        "[" * 3000,
        "{a: 1, a: 2}",
        "\x00",
    ],
    ids=range(7),
)
def test_the_value_of_an_override_is_read_as_strictly_as_a_file(tmp_path: Path, value: str) -> None:
    assert "is not a YAML value" in refusal(tmp_path, TOY, f"invert.sleep={value}")


def test_an_override_of_options_that_were_left_empty_fills_them(tmp_path: Path) -> None:
    path = tmp_path / "p.yaml"
    path.write_text(TOY.replace(INVERT, 'tests.toys:Invert", with: }'))
    assert load_config(str(path), sets=["invert.sleep=2"]).stages[1].options == {"sleep": 2}


@pytest.mark.parametrize("where", ["x" * 5000, "a\0b", "/dev/zero", "/tmp", "", "no\nsuch"])
def test_a_path_that_is_no_file_is_refused_in_one_line(where: str) -> None:
    with pytest.raises(ConfigError) as caught:
        load_config(where)
    assert str(caught.value).isprintable()
    assert len(str(caught.value)) < 6000


@pytest.mark.skipif(os.getuid() == 0, reason="root may read everything")
def test_a_file_that_may_not_be_read_is_refused_in_words(tmp_path: Path) -> None:
    path = tmp_path / "p.yaml"
    path.touch(mode=0)
    with pytest.raises(ConfigError, match="Permission denied"):
        load_config(str(path))


def test_a_required_field_of_a_reserved_name_is_called_reserved_not_missing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "required_toy.py").write_text("from tests.toys import Invert\nclass Bad(Invert):\n    restart: int\n")
    monkeypatch.chdir(tmp_path)
    assert "['restart'] are reserved" in refusal(tmp_path, TOY.replace("tests.toys:Invert", "required_toy:Bad"))


@pytest.mark.fault("F3")
@pytest.mark.parametrize(
    ("body", "words"),
    [
        ("    writes = ('depth',)\n", "writes the plane 'depth', which nobody describes"),
        ("    reads = ('clean',)\n", "reads the plane 'clean', which no stage before it writes"),
        ("    def memory(self, spec):\n        return {'sum': ((1,), '<i8')}\n", "`stateful`"),
    ],
)
def test_a_stage_that_the_ring_cannot_serve_is_refused_before_anything_starts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, body: str, words: str
) -> None:
    name = f"unserved_toy_{abs(hash(body))}"
    (tmp_path / f"{name}.py").write_text(f"from tests.toys import Invert\nclass Odd(Invert):\n{body}")
    monkeypatch.chdir(tmp_path)
    assert words in refusal(tmp_path, TOY.replace("tests.toys:Invert", f"{name}:Odd"))


SYNTAX = (
    """{ } [ ] : ? - # ' " | > = % ~ && *a &a <<: !!int !!set !!timestamp !!bool !!omap !!binary 0x 0b2 .inf 1:2:3"""
)
WORDS = ["name: toy\n", "stages:\n", "  - ", "uses: tests.toys:Invert", "with: ", "after: ", "workers: ", "2020-01-01"]
PIECES = st.sampled_from([*SYNTAX.split(), *WORDS, ": ", "\n", "  ", "\t", "\x00", "\ufeff", "\\n", "!!int "])


@pytest.mark.fault("F1", "F2")
@settings(max_examples=examples(400), deadline=None, suppress_health_check=list(HealthCheck), print_blob=True)
@given(st.one_of(st.lists(PIECES, max_size=25).map("".join), st.text(max_size=80)), st.booleans())
def test_whatever_stands_in_a_file_or_an_override_it_loads_or_is_refused_in_one_line(
    tmp_path_factory: pytest.TempPathFactory, text: str, in_file: bool
) -> None:
    path = tmp_path_factory.getbasetemp() / "random.yaml"
    path.write_text(text if in_file else TOY, encoding="utf-8", errors="replace")
    try:
        load_config(str(path), sets=[] if in_file else [f"invert.{text}", f"invert.sleep={text}"])
    except ConfigError as error:
        assert "\n" not in str(error)  # noqa: PT017 - it may also load


def test_a_folder_full_of_our_names_shadows_none_of_them(tmp_path: Path) -> None:
    """From outside, as a user would start it: the current folder comes last."""
    for name in ("pipeline", "stages", "models", "configs", "yaml", "pydantic", "json"):
        (tmp_path / f"{name}.py").write_text("raise RuntimeError('shadowed')\n")
    (tmp_path / "own_stage.py").write_text("from tests.toys import Invert\nclass Own(Invert):\n    mine: int = 3\n")
    (tmp_path / "p.yaml").write_text(TOY.replace("tests.toys:Invert", "own_stage:Own"))
    done = subprocess.run(
        [sys.executable, "-P", *COMMAND[1:], "check", "p.yaml", "--set", "invert.mine=5"],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert "own_stage:Own" in done.stdout


def test_a_shipped_name_wins_over_nothing_but_a_path_can_still_be_given(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    name = sorted(shipped())[0]
    (tmp_path / name).write_text(TOY)
    monkeypatch.chdir(tmp_path)
    assert load_config(name, given="i.mp4", wanted="o.mp4").config.name == name
    assert load_config(f"./{name}").config.name == "toy"
