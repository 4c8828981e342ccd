"""Several inputs in one call: each has an output of its own, is run by itself, and a bad one stops no other."""

from __future__ import annotations

import json
import os
import signal
import subprocess
from pathlib import Path

import pytest

from pipeline.cli.inputs import MAX_INPUTS, errands, expand, fill, keep_apart
from pipeline.errors import ConfigError
from tests.clips import decode, make_clip, number_of, picture
from tests.commands import cleanplate
from tests.copying import copying, write_copying
from tests.runs import COMMAND, ROOT, Run, toy
from tests.stills import write_still
from tests.waiting import wait_until


@pytest.fixture
def clips(tmp_path: Path) -> Path:
    folder = tmp_path / "clips"
    folder.mkdir()
    for number, name in enumerate(("b2.mp4", "b10.mkv", "a.mov"), 1):
        make_clip(folder / name, [picture(at) for at in range(number * 3)])
    (tmp_path / "out").mkdir()
    write_copying(tmp_path)
    return tmp_path


def run(folder: Path, *args: str) -> subprocess.CompletedProcess[str]:
    return cleanplate(
        "run", "copy.yaml", *args, cwd=folder, env={"CLEANPLATE_STATE": str(folder / "state")}, timeout=120
    )


def lengths(folder: Path) -> dict[str, int]:
    return {path.name: len(decode(path)) for path in sorted(folder.iterdir())}


def test_a_glob_and_a_pattern_give_each_input_its_output_and_its_report(clips: Path) -> None:
    done = run(clips, "-i", "clips/*", "-o", "out/{index}-{name}-clean{ext}", "--report", "out/{name}.json")
    assert done.returncode == 0, done.stderr
    reports = {path: json.loads((clips / "out" / path).read_text()) for path in ("a.json", "b2.json", "b10.json")}
    assert {name: report["frames"]["output"] for name, report in reports.items()} == {
        "a.json": 9, "b2.json": 3, "b10.json": 6,
    }  # fmt: skip
    for path in (clips / "out").glob("*.json"):
        path.unlink()
    assert lengths(clips / "out") == {"1-a-clean.mov": 9, "2-b2-clean.mp4": 3, "3-b10-clean.mkv": 6}
    assert "[2/3] clips/b2.mp4" in done.stderr
    assert "3 of 3 inputs are done" in done.stdout
    assert [number_of(image) for image in decode(clips / "out" / "2-b2-clean.mp4")] == [0, 1, 2]


@pytest.mark.long
def test_a_failed_input_stops_no_other_and_the_first_bad_end_is_the_exit_code(clips: Path) -> None:
    whole = make_clip(clips / "whole.mp4", 40, container_options={"movflags": "faststart"}).read_bytes()
    (clips / "cut.mp4").write_bytes(whole[: len(whole) * 6 // 10])
    (clips / "text.mp4").write_text("no video")
    inputs = [word for name in ("clips/a.mov", "cut.mp4", "text.mp4", "clips/b2.mp4") for word in ("-i", name)]
    done = run(clips, *inputs, "-o", "out/{name}.mkv")
    assert done.returncode == 4
    assert {"a.mkv", "b2.mkv", "cut.mkv"} == set(lengths(clips / "out"))
    assert done.stdout.endswith(
        "2 of 4 inputs are done\n"
        "  clips/a.mov   done              out/a.mkv\n"
        "  cut.mp4       done with errors  out/cut.mkv\n"
        "  text.mp4      failed\n"
        "  clips/b2.mp4  done              out/b2.mkv\n"
    )
    assert "Traceback" not in done.stderr
    assert "text.mp4: not media" in done.stderr
    other = run(clips, "-i", "text.mp4", "-i", "cut.mp4", "-o", "out/{name}.mkv", "--quiet")
    assert other.returncode == 3
    assert other.stdout == ""


@pytest.mark.parametrize(
    ("args", "why"),
    [
        (["-i", "clips/a.mov", "-i", "clips/b2.mp4", "-o", "out/x.mp4"], "2 inputs would all become this one"),
        (["-i", "clips/*", "-o", "out/{nam}.mp4"], "did you mean 'name'"),
        (["-i", "clips/a.mov", "-i", "a.mp4", "-o", "out/{name}.mp4"], "would both become out/a.mp4"),
        (["-i", "clips/*", "-o", "{folder}/{name}{ext}"], "would replace the input"),
        (["-i", "clips/*", "-o", "out/{name}.mp4", "--report", "r.json"], "--report r.json"),
        (["-i", "clips/*", "-o", "nowhere/at/{name}.mp4"], "there is no folder nowhere/at"),
        (["-i", "clips/*.avi", "-o", "out/{name}.mp4"], "no file matches"),
        (["-i", "clips/*", "-o", "out/{name}.mp4", "--start", "1:99"], "--start 1:99: is not a time"),
        (["-i", "clips/*", "-o", "out/{name}.mp4", "--start", "2", "--end", "1"], "--end 1: is not after --start 2"),
        (["-i", "clips/*", "-i", "gopher://x", "-o", "out/{name}.mp4"], "no input of this kind"),
    ],
)
def test_what_cannot_end_well_is_refused_before_anything_runs(clips: Path, args: list[str], why: str) -> None:
    make_clip(clips / "a.mp4", 3)
    before = sorted(path for path in clips.rglob("*") if "state" not in path.parts)
    done = run(clips, *args)
    assert done.returncode == 2, done.stderr
    assert why in done.stderr
    assert len(done.stderr.splitlines()) == 1
    assert sorted(path for path in clips.rglob("*") if "state" not in path.parts) == before


@pytest.mark.parametrize(
    ("inputs", "pattern", "why"),
    [
        (("a.mov", "a-original.mkv"), "out/{name}.mkv", "would both become out/a-original.mkv"),
        (("a-original.mkv", "a.mov"), "{folder}/{name}.mkv", "would replace the input"),
        (("a.mov", "a-original.mkv"), "{folder}/{name}.mkv", "would replace the input"),
    ],
)
def test_all_sinks_of_a_run_keep_away_from_the_other_runs(clips: Path, inputs, pattern: str, why: str) -> None:
    make_clip(clips / "clips" / "a-original.mkv", 3)
    config = copying()
    config["stages"].insert(1, {"name": "original", "uses": "stages.output:Auto", "with": {"view": "input"}})
    config["stages"][2]["after"] = "ingest"
    (clips / "copy.yaml").write_text(json.dumps(config))
    before = sorted(os.listdir(clips / "clips"))
    done = run(clips, *(word for name in inputs for word in ("-i", f"clips/{name}")), "-o", pattern)
    assert done.returncode == 2, done.stderr
    assert why in done.stderr
    assert (sorted(os.listdir(clips / "clips")), os.listdir(clips / "out")) == (before, [])
    alone = run(clips, "-i", "clips/a.mov", "-o", "out/a.mkv", "--report", "out/r.json")
    assert alone.returncode == 0, alone.stderr
    report = json.loads((clips / "out" / "r.json").read_text())
    assert report["output"]["output"] == "out/a.mkv"
    assert report["outputs"]["original"]["output"] == "out/a-original.mkv"
    assert alone.stdout.startswith("out/a-original.mkv, out/a.mkv: 9 of 9 frames")


def test_servers_and_one_recording_take_several_inputs_one_after_the_other() -> None:
    outputs = ["{name}.mkv", "tcp://127.0.0.1:9", "recording:cam"]
    todo = errands(["a.mp4", "b.mp4"], outputs, None)
    keep_apart(todo, [one.outputs for one in todo])
    assert [one.outputs for one in todo] == [("a.mkv", *outputs[1:]), ("b.mkv", *outputs[1:])]


def test_a_placeholder_makes_the_folder_of_a_recording_and_none_of_an_address(tmp_path: Path) -> None:
    outputs = [f"recording:{tmp_path}/{{name}}/cam", "http://127.0.0.1:0/{name}/"]
    assert errands(["a.mp4"], outputs, None)[0].folders == (f"{tmp_path}/a",)
    with pytest.raises(ConfigError, match=f"there is no folder {tmp_path}/no/where; make it first"):
        errands(["a.mp4"], [f"recording:{tmp_path}/no/where/{{name}}"], None)


def test_the_folder_that_a_pattern_begins_with_is_made_where_what_holds_it_is_there(tmp_path: Path) -> None:
    (todo,) = errands(["a.mp4"], [f"{tmp_path}/clean/{{name}}{{ext}}"], f"{tmp_path}/told/{{name}}.json")
    assert todo.folders == (f"{tmp_path}/clean", f"{tmp_path}/told")
    assert not (tmp_path / "clean").exists()
    todo.make_folders()
    assert (tmp_path / "clean").is_dir()
    assert errands(["a.mp4"], [f"{tmp_path}/clean/{{name}}{{ext}}"], None)[0].folders == ()
    (tmp_path / "file").touch()
    with pytest.raises(ConfigError, match=f"there is no folder {tmp_path}/file; make it first"):
        errands(["a.mp4"], [f"{tmp_path}/file/{{name}}{{ext}}"], None)


def test_free_numbers_are_given_once_in_a_call(tmp_path: Path) -> None:
    (tmp_path / "2.mkv").touch()
    made = errands(["a.mp4", "b.mp4", "c.mp4"], [f"{tmp_path}/{{n}}.mkv"], f"{tmp_path}/{{name}}-{{n}}.json")
    assert [Path(one.outputs[0]).name for one in made] == ["1.mkv", "3.mkv", "4.mkv"]
    assert [one.report.name for one in made if one.report] == ["a-1.json", "b-1.json", "c-1.json"]


def test_no_clobber_looks_at_every_output_first(clips: Path) -> None:
    (clips / "out" / "b2.mkv").write_text("precious")
    done = run(clips, "-i", "clips/*", "-o", "out/{name}.mkv", "--no-clobber")
    assert done.returncode == 2
    assert os.listdir(clips / "out") == ["b2.mkv"]
    assert (clips / "out" / "b2.mkv").read_text() == "precious"


def test_folders_that_a_placeholder_names_are_made(clips: Path) -> None:
    done = run(clips, "-i", "clips/*", "-o", "{folder}/clean/{name}.mkv", "--report", "out/{name}/r.json")
    assert done.returncode == 0, done.stderr
    assert set(lengths(clips / "clips" / "clean")) == {"a.mkv", "b2.mkv", "b10.mkv"}
    assert (clips / "out" / "b10" / "r.json").exists()


def test_one_input_may_have_a_pattern_too_and_needs_none(clips: Path) -> None:
    assert run(clips, "-i", "clips/b2.mp4", "-o", "out/{name}-clean{ext}").returncode == 0
    plain = run(clips, "-i", "clips/b2.mp4", "-o", "out/{odd}.mkv")
    assert plain.returncode == 0
    assert set(os.listdir(clips / "out")) == {"b2-clean.mp4", "{odd}.mkv"}
    assert "stage" in plain.stdout
    assert "inputs are done" not in plain.stdout


@pytest.mark.long
def test_times_cut_every_input(clips: Path) -> None:
    done = run(clips, "-i", "clips/*", "-o", "out/{name}.mkv", "--start", "0:00.04", "--end", "0.12")
    assert done.returncode == 0, done.stderr
    for path in (clips / "out").iterdir():
        assert [number_of(image) for image in decode(path)] == [1, 2]
    late = run(clips, "-i", "clips/a.mov", "-o", "out/x.mkv", "--start", "1:00")
    assert late.returncode == 3
    assert "--start 1:00 is after its last picture" in late.stderr


def test_a_time_for_a_source_that_has_none_is_a_mistake(tmp_path: Path) -> None:
    ended = Run(tmp_path, toy(tmp_path), "--start", "1").end()
    assert ended.code == 2
    assert "stages.ingest: start: no such field" in ended.stderr


def test_an_interrupted_call_finishes_the_input_at_hand_and_begins_no_other(clips: Path) -> None:
    """As the terminal does it: Ctrl-C goes to the whole group."""
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "CLEANPLATE_STATE": str(clips / "state")}
    graph = "lavfi:testsrc2=size=64x48:rate=25"
    args = ["run", "copy.yaml", "-i", "clips/b2.mp4", "-i", graph, "-i", "clips/a.mov", "-o", "out/{index}.mkv"]
    process = subprocess.Popen(
        [*COMMAND, *args], cwd=clips, env=environment, text=True, start_new_session=True,
        stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    )  # fmt: skip
    part = clips / "out" / "2.mkv.part"
    wait_until(lambda: part.exists() and part.stat().st_size > 100_000, 60)
    os.killpg(process.pid, signal.SIGINT)
    out, err = process.communicate(timeout=30)
    assert process.returncode == 130, err
    assert "Traceback" not in err
    assert lengths(clips / "out")["1.mkv"] == 3
    assert lengths(clips / "out")["2.mkv"] > 10
    assert set(os.listdir(clips / "out")) == {"1.mkv", "2.mkv"}
    ends = [line.split()[1] for line in out.splitlines()[-3:]]
    assert ends == ["done", "interrupted", "not"]


def test_pictures_in_and_out_by_a_glob(tmp_path: Path) -> None:
    write_copying(tmp_path)
    (tmp_path / "out").mkdir()
    for number, width in enumerate((96, 104), 1):
        write_still(tmp_path / f"img{number}.png", picture(number, width, 64))
    done = run(tmp_path, "-i", "img*.png", "-o", "out/{name}{ext}")
    assert done.returncode == 0, done.stderr
    assert [decode(tmp_path / "out" / f"img{number}.png")[0].shape[1] for number in (1, 2)] == [96, 104]


def test_globs_are_expanded_in_natural_order_and_each_file_comes_once(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("c10.mp4", "c9.mp4", "[x].mp4", "deep/a.mp4"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    assert expand(["c*.mp4", "./c9.mp4"]) == ["c9.mp4", "c10.mp4"]
    assert expand(["*"]) == ["[x].mp4", "c9.mp4", "c10.mp4"]
    assert expand(["**/*.mp4"]) == ["[x].mp4", "c9.mp4", "c10.mp4", "deep/a.mp4"]
    assert expand(["*/"]) == ["deep/"]
    assert expand(["[x].mp4"]) == ["[x].mp4"]  # a name, because there is such a file
    assert expand(["lavfi:testsrc2=size=64x48*2"]) == ["lavfi:testsrc2=size=64x48*2"]
    assert expand(["absent.mp4"]) == ["absent.mp4"]
    with pytest.raises(ConfigError, match="too many"):
        expand([f"{number}.mp4" for number in range(MAX_INPUTS + 1)])


@pytest.mark.parametrize(
    ("pattern", "given", "made"),
    [
        ("{folder}/{name}-{index}{ext}", "a/b.c.mp4", "a/b.c-7.mp4"),
        ("{name}{ext}", "plain", "plain"),
        ("{folder}/{name}", "x.mp4", "./x"),
        ("{index:03}.mkv", "x.mp4", "007.mkv"),
        ("{name}.mkv", "lavfi:testsrc2=size=64x48", "lavfi-testsrc2-size-64x48.mkv"),
        ("{name}{name}", "{name}.mp4", "{name}{name}"),  # what a file is called is no pattern
    ],
)
def test_placeholders_are_filled_from_the_input(pattern: str, given: str, made: str) -> None:
    assert fill(pattern, given, 7) == made


def test_a_folder_of_pictures_has_no_ending(tmp_path: Path) -> None:
    (tmp_path / "shot.v2").mkdir()
    assert fill("out/{name}{ext}.mkv", f"{tmp_path}/shot.v2/", 1) == "out/shot.v2.mkv"


def test_no_input_or_a_null_output_needs_no_pattern() -> None:
    assert [(one.input, one.outputs) for one in errands([], ["o.mp4"], None)] == [(None, ("o.mp4",))]
    assert [one.outputs for one in errands(["a.mp4", "b.mp4"], ["null:"], None)] == [("null:",), ("null:",)]
    assert [one.outputs for one in errands(["a.mp4", "b.mp4"], [], None)] == [(), ()]
