"""Configurations: what is wrong is said in one line, with the key and the close match; nothing strange gets in."""

from __future__ import annotations

from pathlib import Path

import pytest

from pipeline.config import Plan, load_config
from pipeline.errors import ConfigError
from pipeline.importer import load_class
from pipeline.reading import MAX_FILE, shipped

TOY = """name: toy
stages:
  - {name: ingest, uses: "tests.toys:Numbers"}
  - {name: invert, uses: "tests.toys:Invert"}
  - {name: output, uses: "tests.toys:Collect", with: {output: out.txt}}
"""


def load(folder: Path, text: str | bytes, *sets: str) -> Plan:
    path = folder / "p.yaml"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return load_config(str(path), sets=sets)


def refusal(folder: Path, text: str | bytes, *sets: str) -> str:
    with pytest.raises(ConfigError) as caught:
        load(folder, text, *sets)
    said = str(caught.value)
    assert "\n" not in said
    assert len(said) < 400
    return said


@pytest.mark.parametrize("name", sorted(shipped()))
def test_every_shipped_configuration_is_valid_and_opens_with_its_use(name: str) -> None:
    plan = load_config(name, given="in.mp4", wanted="out.mp4")
    assert plan.config.name == name
    assert shipped()[name].read_text().startswith("# ")


def test_a_plan_follows_from_the_file(tmp_path: Path) -> None:
    plan = load(tmp_path, TOY, "invert.workers=3", "invert.sleep=0.5", "slots=9")
    assert [built.after for built in plan.stages] == [None, "ingest", "invert"]
    assert (plan.stages[1].config.workers, plan.stages[1].options, plan.slots) == (3, {"sleep": 0.5}, 9)
    assert plan.on_full == "block"
    assert [built.credits for built in plan.stages] == [2, 2, 2]


def test_a_live_source_drops_by_default_and_has_one_frame_granted_at_a_time(tmp_path: Path) -> None:
    plan = load(tmp_path, TOY.replace("Numbers", "LiveNumbers"))
    assert plan.on_full == "drop_oldest"
    assert {plan.credits(built) for built in plan.stages} == {1}
    assert load(tmp_path, TOY.replace("Numbers", "LiveNumbers"), "on_full=block").on_full == "block"


@pytest.mark.fault("F2", "F3")
@pytest.mark.parametrize(
    ("change", "words"),
    [
        (("name: toy", "nme: toy"), ["nme", "no such field", "'name'"]),
        (("name: toy", "name: Two Words"), ["name"]),
        (("Invert\"}", "Invert\", wrokers: 2}"), ["stages.invert.wrokers", "'workers'"]),
        (("Invert\"}", "Invert\", with: {slep: 1}}"), ["stages.invert", "slep", "'sleep'"]),
        (("Invert\"}", "Invert\", with: {sleep: long}}"), ["stages.invert", "sleep", "'long'"]),
        (("Invert\"}", "Invert\", workers: 0}"), ["stages.invert.workers", "0"]),
        (("toys:Invert", "toys:Inverse"), ["no class 'Inverse'", "'Invert'"]),
        (("tests.toys:Invert", "nowhere.toys:Invert"), ["stages.invert.uses", "no module 'nowhere.toys'"]),
        (("Invert\"}", "Invert\", after: ingst}"), ["stages.invert.after", "'ingest'"]),
        (("name: invert", "name: ingest"), ["two stages are called 'ingest'"]),
        (("tests.toys:Collect", "tests.toys:CollectWithMask"), ["reads the plane 'mask'", "no stage before it"]),
        (("tests.toys:Numbers", "tests.toys:Invert"), ["stages.ingest", "source"]),
        (("tests.toys:Collect\", with: {output: out.txt}", "tests.toys:Invert\""), ["stages.output", "sink"]),
    ],
    ids=lambda value: value[1][:40] if isinstance(value, tuple) else "",
)  # fmt: skip
def test_a_mistake_is_named_with_its_place(tmp_path: Path, change: tuple[str, str], words: list[str]) -> None:
    assert change[0] in TOY
    said = refusal(tmp_path, TOY.replace(*change, 1))
    assert all(word in said for word in words), said


@pytest.mark.fault("F3")
def test_two_writers_of_one_plane_are_refused(tmp_path: Path) -> None:
    twice = TOY.replace("  - {name: output", '  - {name: again, uses: "tests.toys:Invert"}\n  - {name: output')
    assert "writes the plane 'clean', as 'invert' does" in refusal(tmp_path, twice)


def test_a_stage_with_state_has_one_worker(tmp_path: Path) -> None:
    text = TOY.replace("  - {name: output", '  - {name: total, uses: "tests.toys:Sum", workers: 2}\n  - {name: output')
    assert "keeps state" in refusal(tmp_path, text)


@pytest.mark.parametrize(
    ("toy", "words"),
    [("ShelvesWithoutState", "for stages that say `stateful`"), ("ShelvesOfOneName", "'pictures' stands both in")],
)
def test_lasting_memory_that_cannot_be_is_refused(tmp_path: Path, toy: str, words: str) -> None:
    stage = f'  - {{name: keeps, uses: "tests.toys_memory:{toy}"}}\n  - {{name: output'
    assert words in refusal(tmp_path, TOY.replace("  - {name: output", stage))


def test_a_stage_with_a_pool_is_granted_one_frame_at_a_time(tmp_path: Path) -> None:
    keeps = '  - {name: keeps, uses: "tests.toys_memory:Shelves"}\n  - {name: output'
    plan = load(tmp_path, TOY.replace("  - {name: output", keeps))
    assert (plan.stages[2].stage.lasting, plan.credits(plan.stages[2])) == (("kept", "pictures"), 1)
    assert not plan.ahead(plan.stages[2])


def seeing(folder: Path, *stages: str, sets: tuple[str, ...] = ()) -> Plan:
    """TOY with these stages of tests.toys_memory before and behind its Invert: `name:Class`, or `-` for that."""
    lines = [
        '  - {name: invert, uses: "tests.toys:Invert"}' if one == "-" else
        '  - {{name: {}, uses: "tests.toys_memory:{}"}}'.format(*one.split(":")) for one in stages
    ]  # fmt: skip
    return load(folder, TOY.replace('  - {name: invert, uses: "tests.toys:Invert"}', "\n".join(lines)), *sets)


def test_a_stage_that_sees_other_frames_takes_slots_for_them(tmp_path: Path) -> None:
    plain, plan = load(tmp_path, TOY), seeing(tmp_path, "learn:LearnAhead", "-", sets=("delay=4",))
    learn = plan.stages[1]
    assert (learn.recalls_from, learn.recalled, learn.lag, learn.later) == ("invert", ("clean",), 3, 4)
    assert plan.slots == plain.slots + learn.credits + 3 + 4
    rule = plan.rules[1]
    assert (rule.ordered, rule.recalls_from, rule.lag, rule.later) == (True, "invert", 3, 4)
    assert [rule.lag + rule.later for rule in plan.rules] == [0, 7, 0, 0]


def test_where_nobody_finishes_frames_further_on_none_are_recalled(tmp_path: Path) -> None:
    learn = seeing(tmp_path, "-", "learn:Learn").stages[2]
    assert (learn.recalls_from, learn.recalled, learn.lag) == (None, (), 0)


@pytest.mark.parametrize(
    ("stages", "sets", "words"),
    [
        (("-",), ("delay=2",), "delay = 2, but no stage here looks ahead"),
        (("ahead:Ahead", "-"), ("delay=65",), "delay"),
        (("learn:Learn", "-"), ("learn.lag=0",), "stages.learn: lag = 0, but it must be 1 to 64"),
        (("learn:Learn", "-"), ("learn.lag=65",), "stages.learn: lag = 65, but it must be 1 to 64"),
        (("learn:LearnMore", "ahead:RestAhead", "-"), ("delay=3",), "stages.learn: lag = 3, but it must be 4 to 64"),
        (("learn:LearnMore", "ahead:RestAhead", "-"), ("delay=2", "slots=10"), "5 that stages see beside their own"),
        (("learn:LearnLively", "-"), (), "`lag` cannot be a live field"),
        (("ahead:AheadWithoutState", "-"), (), "for transforms that say `stateful`"),
    ],
)
def test_what_no_stage_can_see_is_refused(
    tmp_path: Path, stages: tuple[str, ...], sets: tuple[str, ...], words: str
) -> None:
    with pytest.raises(ConfigError) as caught:
        seeing(tmp_path, *stages, sets=sets)
    assert words in str(caught.value)


def test_planes_of_two_branches_cannot_be_recalled_together(tmp_path: Path) -> None:
    side = '  - {name: side, uses: "tests.toys_memory:Slow", after: learn}\n'
    side += '  - {name: last, uses: "tests.toys:MaskOnly"}\n'
    learn = '  - {name: learn, uses: "tests.toys_memory:LearnMore"}\n  - {name: invert'
    assert "which different branches write" in refusal(tmp_path, TOY.replace("  - {name: invert", learn) + side)


@pytest.mark.fault("F8")
def test_too_few_slots_are_refused_with_the_formula(tmp_path: Path) -> None:
    assert "make 6" in refusal(tmp_path, TOY, "slots=4", "invert.workers=3")


def test_a_field_of_a_reserved_name_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "reserved_toy.py").write_text(
        "from tests.toys import Invert\nclass Bad(Invert):\n    workers: int = 1\n"
    )
    monkeypatch.chdir(tmp_path)
    assert "reserved" in refusal(tmp_path, TOY.replace("tests.toys:Invert", "reserved_toy:Bad"))


@pytest.mark.fault("F1", "F4")
@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", ["expected keys and values"]),
        ("- a\n- b\n", ["expected keys and values, found list"]),
        (b"\xff\xfe\x00n", ["not UTF-8"]),
        ("name: toy\x00", ["p.yaml"]),
        ("a: 1\n\tb: 2\n", ["p.yaml:2"]),
        ("a: [1, 2\n", ["p.yaml:"]),
        (TOY + "name: other\n", ["p.yaml:6", "'name' stands twice"]),
        ("a: &x [1]\nb: *x\n", ["p.yaml:2", "aliases"]),
        ("a: " + "[" * 50 + "]" * 50, ["nested deeper"]),
        ("a: !!python/object/apply:os.system ['touch pwned']\n", ["p.yaml:1"]),
        ("? [a, b]\n: 1\n", ["p.yaml:1"]),
        ("x" * (MAX_FILE + 1), ["larger than"]),
    ],
    ids=range(12),
)
def test_what_is_not_plain_yaml_is_refused(tmp_path: Path, text: str | bytes, words: list[str]) -> None:
    said = refusal(tmp_path, text)
    assert all(word in said for word in words), said
    assert not Path("pwned").exists()


@pytest.mark.fault("F1")
def test_a_byte_order_mark_does_no_harm(tmp_path: Path) -> None:
    assert load(tmp_path, b"\xef\xbb\xbf" + TOY.encode()).config.name == "toy"


@pytest.mark.fault("F2")
@pytest.mark.parametrize(
    ("item", "words"),
    [
        ("slots", ["needs a value"]),
        ("slotz=3", ["no such key 'slotz'", "'slots'"]),
        ("stages=[]", ["no such key 'stages'"]),
        ("invrt.sleep=1", ["no stage 'invrt'", "'invert'"]),
        ("invert.sleep=[1", ["not a YAML value"]),
        ("invert.workers=two", ["stages.invert.workers"]),
        ("on_full=wait", ["on_full"]),
        ("slots=1", ["slots"]),
    ],
)
def test_a_wrong_override_is_named(tmp_path: Path, item: str, words: list[str]) -> None:
    said = refusal(tmp_path, TOY, item)
    assert all(word in said for word in words), said


def test_an_unknown_configuration_lists_the_shipped_ones() -> None:
    with pytest.raises(ConfigError, match="remove-people"):
        load_config("nothing-like-it")


def test_ones_own_stage_in_the_current_folder_works_and_cannot_take_our_names(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "pipeline.py").write_text("raise RuntimeError('shadowed')\n")
    (tmp_path / "own_toy.py").write_text("from tests.toys import Invert\nclass Own(Invert):\n    mine: int = 3\n")
    monkeypatch.chdir(tmp_path)
    plan = load(tmp_path, TOY.replace("tests.toys:Invert", "own_toy:Own"), "invert.mine=4")
    assert plan.stages[1].stage.model_dump()["mine"] == 4


def test_a_module_whose_own_import_fails_says_so_itself(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "needy_toy.py").write_text("import no_such_library\n")
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ModuleNotFoundError, match="no_such_library"):
        load_class("needy_toy:X")
