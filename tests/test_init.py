"""What an editor and a newcomer get: the schema, the shipped configurations by it, and a file to start from."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from pipeline.cli.init import render
from pipeline.cli.schema import build, known_stages
from pipeline.config import load_config
from pipeline.importer import load_class
from pipeline.reading import shipped
from tests.commands import cleanplate
from tests.runs import ROOT
from tests.schemas import complaints

MODELINE = "# yaml-language-server: $schema="


def wrong(content: Any) -> list[str]:
    schema = build()
    return list(complaints(content, schema, schema))


def example() -> Any:
    return yaml.safe_load(shipped()["remove-people"].read_text())


@pytest.mark.parametrize("name", sorted(shipped()))
def test_every_shipped_configuration_begins_with_its_schema_and_is_valid_by_it(name: str) -> None:
    text = shipped()[name].read_text()
    assert text.startswith(f"{MODELINE}../docs/cleanplate.schema.json\n")
    assert wrong(yaml.safe_load(text)) == []


@pytest.mark.parametrize(
    ("path", "value", "complaint"),
    [
        (("stages", 1, "with", "clases"), ["dog"], "clases is not known"),
        (("stages", 1, "with", "grow"), "eight", "is no integer"),
        (("stages", 5, "with", "codec"), "h266", "h266"),
        (("stages", 5, "with", "colour"), "red", "colour is not known"),
        (("stages", 4, "workers"), 0, "beyond 1"),
        (("stages", 4, "wrokers"), 2, "wrokers is not known"),
        (("stages", 4, "uses"), "inpainting", "does not match"),
        (("on_full",), "wait", "'wait'"),
        (("slotz",), 3, "slotz is not known"),
    ],
)
def test_a_mistake_is_one_by_the_schema_too(path: tuple[Any, ...], value: Any, complaint: str) -> None:
    content = at = example()
    for step in path[:-1]:
        at = at[step]
    at[path[-1]] = value
    assert any(complaint in one for one in wrong(content)), wrong(content)


def test_a_stage_of_ones_own_may_have_any_fields() -> None:
    content = example()
    content["stages"][4] |= {"uses": "mine:Own", "with": {"anything": 1}}
    assert wrong(content) == []


def test_the_schema_knows_every_stage_that_can_be_used_by_every_name() -> None:
    names = {name for known in known_stages().values() for name in known}
    assert names >= {
        "stages.ingest:Auto",
        "stages.ingest.file:File",
        "stages.ingest.images:Images",
        "stages.segmentation:Segmentation",
        "stages.inpainting:Plate",
        "stages.inpainting:Inpainting",
        "stages.output:Auto",
        "stages.output.file:File",
        "stages.output.images:Images",
    }
    for cls, known in known_stages().items():
        assert all(load_class(name) is cls for name in known)
    used = {stage["uses"] for name in shipped() for stage in yaml.safe_load(shipped()[name].read_text())["stages"]}
    assert used <= names


def test_every_reference_in_the_schema_leads_somewhere() -> None:
    schema = build()
    text = json.dumps(schema)
    for target in re.findall(r'"\$ref": "#/\$defs/([^"]+)"', text):
        assert target in schema["$defs"]


def test_the_committed_schema_is_the_one_that_the_command_prints() -> None:
    """After a change: `cleanplate schema > docs/cleanplate.schema.json`."""
    assert json.loads((ROOT / "docs/cleanplate.schema.json").read_text()) == build()


@pytest.mark.parametrize("name", sorted(shipped()))
def test_a_file_to_start_from_means_the_same_as_what_it_was_made_from(name: str, tmp_path: Path) -> None:
    path = tmp_path / "mine.yaml"
    path.write_text(render(name))
    assert path.read_text().startswith(f"{MODELINE}cleanplate.schema.json\n")
    assert wrong(yaml.safe_load(path.read_text())) == []
    mine, theirs = (load_config(where, given="a.mp4", wanted="b.mp4", environment={}) for where in (str(path), name))
    assert (mine.slots, mine.on_full) == (theirs.slots, theirs.on_full)
    for one, other in zip(mine.stages, theirs.stages, strict=True):
        assert (type(one.stage), one.stage.model_dump()) == (type(other.stage), other.stage.model_dump())
        assert (one.config.workers, one.after, one.on_error) == (other.config.workers, other.after, other.on_error)


@pytest.mark.parametrize("name", sorted(shipped()))
def test_every_default_in_it_is_true_and_every_field_is_there(name: str, tmp_path: Path) -> None:
    """Without the signs in front of keys it still loads, and means the same."""
    text = render(name)
    everything = re.sub(r"^( *)# (?=[a-z_]+:( |$))", r"\1", text, flags=re.MULTILINE)
    assert everything != text
    path = tmp_path / "mine.yaml"
    path.write_text(everything)
    mine, theirs = (load_config(where, given="a.mp4", wanted="b.mp4", environment={}) for where in (str(path), name))
    for one, other in zip(mine.stages, theirs.stages, strict=True):
        assert one.stage.model_dump() == other.stage.model_dump()
        assert one.config.options.keys() >= type(one.stage).model_fields.keys() - {"input", "output"}
        assert one.config.restart == other.config.restart


@pytest.mark.parametrize("name", sorted(shipped()))
def test_it_says_what_it_is_for_and_its_examples_run_the_new_file(name: str) -> None:
    told, own = (text.splitlines() for text in (shipped()[name].read_text(), render(name, "a/new.yaml")))
    opening = [line for line in told[1:] if line.startswith("#")]
    assert opening[0].startswith("# ")
    assert own[1] == opening[0], "the use, in its first line"
    assert any(line.startswith("#   cleanplate run a/new.yaml ") for line in own) or name == "compare"
    assert not any(re.search(rf"cleanplate run {name}( |$)", line) for line in own)


@pytest.mark.parametrize("name", sorted(shipped()))
def test_each_field_in_it_has_its_meaning_and_no_line_is_long_for_that(name: str) -> None:
    above, bare = "", []
    lines = render(name).splitlines()
    for line in lines:
        field = re.match(r"^ *(?:# )?(?:- )?([a-z_]+):(?: |$)", line)
        if field and field[1] not in ("name", "uses", "stages", "with"):
            bare += [line] if "  # " not in line and not above.lstrip().startswith("#   ") else []
        above = line
    assert bare == []
    assert [line for line in lines if len(line) > 120 and "  # " in line] == []


def test_remarks_on_keys_come_along(tmp_path: Path) -> None:
    path = tmp_path / "p.yaml"
    path.write_text(
        "# Turns numbers round.\nname: turning\nstages:\n"
        '  - {name: ingest, uses: "tests.toys:Numbers"}\n'
        '  - name: invert  # round they go\n    uses: "tests.toys:Invert"\n    workers: 2   # one is too slow\n'
        "    with: {sleep: 0.1}  # as if it were hard\n"
        '  - {name: output, uses: "tests.toys:Collect"}\n'
    )
    text = render(str(path))
    assert "# Turns numbers round.\n" in text
    for key, remark in (("- name: invert", "round they go"), ("workers: 2", "one is too slow"), ("with:", "as if it")):
        assert re.search(rf"{key} +# {remark}", text), text


def test_of_the_uses_each_is_written_and_checked(tmp_path: Path) -> None:
    for name in ("privacy-faces", "live-camera"):
        assert cleanplate("init", name, cwd=tmp_path).stdout.startswith(f"{name}.yaml: check it with")
        checked = cleanplate("check", f"{name}.yaml", cwd=tmp_path)
        assert checked.returncode == 0, checked.stderr
    unknown = cleanplate("init", "privacy-face", cwd=tmp_path)
    assert unknown.returncode == 2
    assert "did you mean 'privacy-faces'" in unknown.stderr


def test_branches_and_settings_of_a_file_of_ones_own_are_kept(tmp_path: Path) -> None:
    path = tmp_path / "p.yaml"
    path.write_text(
        "name: forked\nslots: 20\nstages:\n"
        '  - {name: ingest, uses: "tests.toys:Numbers"}\n'
        '  - {name: invert, uses: "tests.toys:Invert", workers: 2, restart: {max_restarts: 9}, on_error: stop}\n'
        '  - {name: output, uses: "tests.toys:Collect"}\n'
        '  - {name: second, uses: "tests.toys:Collect", after: invert, with: {output: other.txt}}\n'
    )
    text = render(str(path))
    made = yaml.safe_load(text)
    assert made["slots"] == 20
    assert made["stages"][1]["workers"] == 2
    assert made["stages"][1]["restart"]["max_restarts"] == 9
    assert made["stages"][1]["on_error"] == "stop"
    assert made["stages"][3]["after"] == "invert"
    assert made["stages"][3]["with"] == {"output": "other.txt"}


def test_init_writes_a_new_file_and_never_replaces_one(tmp_path: Path) -> None:
    path = tmp_path / "mine.yaml"
    assert cleanplate("init", "--output", str(path)).returncode == 0
    assert "classes: [person]" in path.read_text()
    path.write_text("precious")
    again = cleanplate("init", "--output", str(path))
    assert (again.returncode, path.read_text()) == (2, "precious")
    assert "exists; choose another with --output" in again.stderr
    nowhere = cleanplate("init", "--output", str(tmp_path / "no" / "where.yaml"))
    assert nowhere.returncode == 2
    assert len(nowhere.stderr.splitlines()) == 1


def test_the_environment_does_not_get_into_a_file(tmp_path: Path) -> None:
    path = tmp_path / "mine.yaml"
    done = cleanplate("init", "--output", str(path), env={"CLEANPLATE__INPAINTING__WORKERS": "3"})
    assert done.returncode == 0
    workers = [stage.get("workers") for stage in yaml.safe_load(path.read_text())["stages"]]
    assert workers == [None, 2, None, None, 1, None]
