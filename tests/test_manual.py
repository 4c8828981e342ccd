"""What makes the reference: schemas in words, drawings from plans and defaults, parts of pages between their marks."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest
from pydantic import BaseModel, Field

from manual import commands, diagram, hooks, licences, metrics, pages, segments, stages
from manual.values import cell, default, values
from models.known import KNOWN
from models.registry import ENTRIES
from pipeline.cli.commands import SUMMARIES
from pipeline.cli.schema import known_stages
from pipeline.config import load_config

SVG = "{http://www.w3.org/2000/svg}"


class Inner(BaseModel):
    """What a field may hold."""

    width: int
    height: int


class Sample(BaseModel):
    """A field of each kind."""

    whole: int = Field(default=3, ge=0, le=30)
    above: float = Field(default=0.5, gt=0, lt=1)
    step: int = Field(default=64, ge=64, multiple_of=32)
    name: str = ""
    either: bool | None = None
    corners: list[list[float]] = []
    inner: Inner | None = None


@pytest.mark.parametrize(
    ("name", "words", "usual"),
    [
        ("whole", "integer, 0 to 30", "`3`"),
        ("above", "number, more than 0, less than 1", "`0.5`"),
        ("step", "integer, at least 64, a multiple of 32", "`64`"),
        ("name", "text", ""),
        ("either", "true or false or nothing", ""),
        ("corners", "list of (list of number)", "`[]`"),
        ("inner", "mapping of `width`, `height` or nothing", ""),
    ],
)
def test_a_field_is_told_in_words(name: str, words: str, usual: str) -> None:
    schema = Sample.model_json_schema()
    field = schema["properties"][name]
    assert (values(field, schema["$defs"]), default(field)) == (words, usual)


def test_choices_are_told_by_name_and_each_once() -> None:
    field: dict[str, Any] = {"anyOf": [{"const": "off"}, {"enum": ["auto", "on"]}, {"const": "off"}]}
    assert values(field, {}) == "`off` or `auto`, `on`"


def test_a_cell_stays_one_line_of_a_table() -> None:
    assert cell("a |\n  b <c>") == "a \\| b &lt;c>"


def test_every_stage_that_can_be_used_has_its_table_with_all_of_its_fields() -> None:
    made = "\n".join(stages.pages().values())
    for cls, names in known_stages().items():
        assert f"`uses: {names[0]}`" in made
        if not hasattr(cls, "kinds"):
            section = made.split(f"`uses: {names[0]}`")[1].split("\n## ")[0]
            assert re.findall(r"^\| `(\w+)` \|", section, re.MULTILINE) == list(cls.model_fields)


def test_every_field_says_what_it_is() -> None:
    """A row that ends without a word is a field that nobody has described."""
    made = "\n".join([*stages.pages().values(), (pages.REFERENCE / "pipeline.md").read_text()])
    assert re.findall(r"^\| `\w+` .*\|  ?\|$", made, re.MULTILINE) == []


def test_every_command_stands_in_the_reference_with_its_options() -> None:
    made = commands.page()
    assert all(f"\n## {name}\n" in made for name in SUMMARIES)
    assert "### job run" in made
    assert "--preroll" in made.split("### job run")[1].split("###")[0]


def test_every_model_has_its_licence() -> None:
    rows = licences.table().splitlines()[2:]
    assert len(rows) == len(ENTRIES)
    for entry, row in zip(ENTRIES, rows, strict=True):
        licence = KNOWN[entry.weights].licence if entry.weights else entry.licence
        assert licence
        assert f"`{entry.name}`" in row
        assert f"| {licence} |" in row


def test_counters_stand_in_the_table_by_the_name_that_prometheus_sees() -> None:
    made = metrics.table()
    assert "| `cleanplate_frames_total` | counter | fate |" in made
    assert "| `cleanplate_up` | gauge |" in made
    assert "| `cleanplate_unanswered` |" in made


@pytest.mark.parametrize("name", pages.DRAWN)
def test_the_drawing_has_a_box_for_each_stage_and_an_arrow_to_each_that_follows(name: str) -> None:
    root = ElementTree.fromstring(diagram.draw(name))
    plan = load_config(name, given="in.mp4", wanted="out.mp4", environment={})
    boxes = [(rect.get("x"), rect.get("y")) for rect in root.findall(f"{SVG}rect") if rect.get("x")]
    assert len(set(boxes)) == len(boxes) == len(plan.stages), "no box lies on another"
    assert len([path for path in root.findall(f"{SVG}path") if path.get("marker-end")]) == len(plan.stages) - 1
    said = [text.text or "" for text in root.findall(f"{SVG}text")]
    assert all(any(word.startswith(built.name) for word in said) for built in plan.stages)


def test_the_drawing_of_segments_lies_within_its_borders_and_reaches_back_at_most_as_far_as_is_said() -> None:
    root = ElementTree.fromstring(segments.draw())
    width = float(root.get("width", 0))
    bars = [rect for rect in root.findall(f"{SVG}rect") if rect.get("x")]
    assert all(0 <= float(bar.get("x", 0)) <= width - float(bar.get("width", 0)) for bar in bars)
    own = [bar for bar in bars if bar.get("fill") == segments.OWN and float(bar.get("width", 0)) > 14]
    assert len(own) == segments.SEGMENTS


def test_only_what_is_between_the_marks_is_made_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(pages.PARTS, "numbers", lambda: "1, 2, 3")
    once = pages.with_parts("before\n<!-- made: numbers -->\n<!-- made -->\nafter\n")
    assert once == "before\n<!-- made: numbers -->\n\n1, 2, 3\n\n<!-- made -->\nafter\n"
    assert pages.with_parts(once) == once
    assert pages.with_parts("nothing is made here\n") is None
    with pytest.raises(KeyError, match="unknown"):
        pages.with_parts("<!-- made: unknown -->\n<!-- made -->\n")


def test_what_is_no_longer_made_is_removed_and_what_is_current_is_left(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept, stale = tmp_path / "kept.md", tmp_path / "stale.md"
    stale.write_text("of a stage that is gone")
    monkeypatch.setattr(pages, "REFERENCE", tmp_path)
    monkeypatch.setattr(pages, "made", lambda: {kept: "text"})
    assert pages.write() == [kept]
    assert pages.write() == []
    assert (kept.read_text(), stale.exists()) == ("text", False)


def test_links_into_the_source_become_plain_names_and_others_stay() -> None:
    text = "[ring.py](../pipeline/ring.py), [models](models.md), [a test](../../tests/test_ring.py#L3)"
    assert hooks.on_page_markdown(text, page=None) == "ring.py, [models](models.md), a test"
