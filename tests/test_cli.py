"""The command line: every command answers, and every mistake ends in one line and its exit code."""

from __future__ import annotations

from pathlib import Path

import pytest

from pipeline.cli.run import summary
from tests.commands import cleanplate
from tests.runs import ROOT, Run, toy


def refused(*args: str, code: int = 2) -> str:
    """The one line with which the command refuses."""
    done = cleanplate(*args)
    said = [line for line in done.stderr.splitlines() if line.strip()]
    assert done.returncode == code, done.stderr
    assert len(said) == 1, done.stderr
    assert "Traceback" not in done.stderr
    return said[0]


@pytest.mark.parametrize(
    "command", ["run", "check", "ps", "stop", "schema", "doctor", "samples", "models", "samples fetch", "models list"]
)
def test_every_command_has_help(command: str) -> None:
    done = cleanplate(*command.split(), "--help")
    assert done.returncode == 0
    assert "Usage" in done.stdout


def test_help_of_run_gives_examples() -> None:
    assert "cleanplate run remove-people --input street.mp4" in cleanplate("run", "--help").stdout


@pytest.mark.parametrize("command", ["check remove-people", "schema", "models list", "samples list", "ps", "ps --json"])
def test_commands_that_only_tell_put_it_on_stdout(command: str) -> None:
    done = cleanplate(*command.split())
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip()
    assert not done.stderr


def test_an_unknown_configuration_names_the_close_one() -> None:
    assert "did you mean 'remove-people'?" in refused("run", "remove-peple", "-i", "a.mp4", "-o", "b.mp4")


def test_a_misspelt_field_names_the_right_one() -> None:
    said = refused("run", "remove-people", "-i", "a.mp4", "-o", "b.mp4", "--set", "segmentation.clases=[dog]")
    assert "segmentation" in said
    assert "did you mean 'classes'?" in said


def test_a_number_out_of_range_names_its_key() -> None:
    said = refused("run", "remove-people", "-i", "a.mp4", "-o", "b.mp4", "--set", "inpainting.workers=-1")
    assert "stages.inpainting.workers" in said


def test_a_run_without_input_or_output_says_which_option_is_missing() -> None:
    assert "--input" in refused("run", "remove-people")
    assert "--output" in refused("run", "remove-people", "-i", "a.mp4")


def test_a_missing_input_is_refused_by_name(tmp_path: Path) -> None:
    said = refused("run", "remove-people", "-i", "/nonexistent.mp4", "-o", str(tmp_path / "o.mp4"), code=3)
    assert "/nonexistent.mp4" in said
    assert not list(tmp_path.iterdir())


def test_no_clobber_refuses_an_existing_output(tmp_path: Path) -> None:
    out = tmp_path / "o.mp4"
    out.write_text("precious")
    assert "o.mp4 exists" in refused("run", "remove-people", "-i", "a.mp4", "-o", str(out), "--no-clobber")
    assert out.read_text() == "precious"


def test_no_clobber_keeps_the_outputs_beside_it_too(tmp_path: Path) -> None:
    (tmp_path / "o-original.mp4").write_text("precious")
    said = refused("run", "compare", "-i", "a.mp4", "-o", str(tmp_path / "o.mp4"), "--no-clobber")
    assert "o-original.mp4 exists" in said


@pytest.mark.parametrize("name", ["a.mp4", "o.mp4", "o-side-by-side.mp4", "../{folder}/a.mp4"])
def test_a_report_never_replaces_a_video(tmp_path: Path, name: str) -> None:
    (tmp_path / "a.mp4").write_text("precious")
    report = tmp_path / name.format(folder=tmp_path.name)
    said = refused(
        "run", "compare", "-i", str(tmp_path / "a.mp4"), "-o", str(tmp_path / "o.mp4"), "--report", str(report)
    )
    assert "would replace the" in said
    assert (tmp_path / "a.mp4").read_text() == "precious"


def test_check_refuses_a_size_that_is_none() -> None:
    assert "WIDTHxHEIGHT" in refused("check", "remove-people", "--size", "big")
    assert "16384" in refused("check", "remove-people", "--size", "99999x1")


def test_check_says_what_memory_the_ring_takes() -> None:
    small, large = (cleanplate("check", "remove-people", "--size", size).stdout for size in ("640x360", "3840x2160"))
    assert "MB at 640x360" in small
    assert "MB at 3840x2160" in large


def test_a_branch_feeds_both_sinks(tmp_path: Path) -> None:
    config = toy(tmp_path)
    second = {**config["stages"][-1], "name": "second", "after": "invert", "with": {"output": str(tmp_path / "2.txt")}}
    config["stages"].append(second)
    run = Run(tmp_path, config)
    assert run.end().code == 0
    assert (tmp_path / "out.txt").read_text() == (tmp_path / "2.txt").read_text()
    assert len(run.lines()) == 60


def test_check_takes_several_outputs() -> None:
    shown = cleanplate("check", "remove-people", "-i", "in.mp4", "-o", "a.mp4", "-o", "rtsp://127.0.0.1/x").stdout
    assert "stages.output.file:File" in shown
    assert "stages.output.push:Push" in shown


def test_check_shows_what_would_run_where_the_configuration_names_input_and_output_itself() -> None:
    shown = cleanplate("check", "live-camera").stdout
    assert "on_full: drop_oldest" in shown
    assert "stages.ingest.camera:Camera" in shown
    assert "stages.output.display:Window" in shown


def test_quiet_says_nothing_and_the_summary_is_readable(tmp_path: Path) -> None:
    quiet = Run(tmp_path, toy(tmp_path), "--quiet").end()
    assert (quiet.stdout, quiet.stderr) == ("", "")
    text = summary(quiet.report)
    assert "60 of 60 frames" in text
    assert "invert" in text


@pytest.mark.fault("B10")
def test_a_report_that_could_not_be_written_is_refused_before_anything_runs(tmp_path: Path) -> None:
    ended = Run(tmp_path, toy(tmp_path), "--report", str(tmp_path / "nowhere" / "r.json")).end()
    assert ended.code == 2
    assert not (tmp_path / "out.txt").exists()
    assert "nowhere" in ended.stderr
    assert "Traceback" not in ended.stderr


def test_a_bug_of_ours_ends_in_one_line_too(tmp_path: Path) -> None:
    (tmp_path / "broken.py").write_text("import nosuchlibrary\n")
    (tmp_path / "broken.yaml").write_text(
        "name: broken\nstages:\n"
        "  - {name: ingest, uses: 'broken:Source'}\n"
        "  - {name: output, uses: 'stages.output:Auto'}\n"
    )
    done = cleanplate("check", "broken.yaml", cwd=tmp_path)
    assert done.returncode != 0
    assert "nosuchlibrary" in done.stderr
    assert "Traceback" not in done.stderr


def test_the_version_is_that_of_the_package() -> None:
    from pipeline import __version__

    assert cleanplate("--version").stdout.strip() == __version__
    assert (
        f"[{__version__}]" in (ROOT / "CHANGELOG.md").read_text()
        or "[Unreleased]" in (ROOT / "CHANGELOG.md").read_text()
    )
