"""`cleanplate bench` as it is typed: a table or JSON on stdout, progress on stderr, and an exit code for a loss."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.commands import cleanplate
from tests.runs import ROOT

pytestmark = pytest.mark.real
DRAWN = "lavfi:testsrc2=size=160x120:rate=30"
TWO_CORES = (
    "import os; os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:2]); from pipeline.cli import main; main()"
)


def toy(folder: Path, *middle: dict[str, Any]) -> str:
    """A drawn picture -> these stages -> nothing."""
    path = folder / "toy.yaml"
    source, sink = (
        {"name": "ingest", "uses": "stages.ingest:Auto"},
        {"name": "output", "uses": "stages.output.null:Null"},
    )
    path.write_text(json.dumps({"name": "toy", "stages": [source, *middle, sink]}))
    return str(path)


def taking(service_ms: float, cpu_ms: float = 0.0) -> dict[str, Any]:
    times = {"service_ms": service_ms, "cpu_ms": cpu_ms}
    return {"name": "net", "uses": "benchmarks.standins:Taking", "with": times}


def bench(*args: str, **more: Any) -> subprocess.CompletedProcess[str]:
    return cleanplate("bench", *args, "--frames", "40", timeout=170, **more)


def test_the_verdict_and_its_tables_are_on_stdout_and_the_progress_is_not(tmp_path: Path) -> None:
    done = bench(
        toy(tmp_path, taking(20)), "--input", DRAWN, "--rounds", "1", "--load", "8",
        "--json", str(tmp_path / "r.json"), "--plot", str(tmp_path / "r.png"),
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    said = " ".join(done.stdout.split())
    assert "The bottleneck is net:" in said
    assert "2 workers would move it to" in said
    for word in ("wait p50", "queue", "CPU", "frames/s in", "Loaded as by a camera"):
        assert word in said, word
    assert max(map(len, done.stdout.splitlines())) <= 120
    assert all(line.startswith("cleanplate: ") for line in done.stderr.splitlines())
    assert "s left)" in done.stderr
    content = json.loads((tmp_path / "r.json").read_text())
    assert content["verdict"]["bottleneck"] == "net"
    assert content["machine"]["cores"] >= 1
    assert (tmp_path / "r.png").read_bytes().startswith(b"\x89PNG")


@pytest.mark.long
def test_json_on_stdout_is_nothing_but_json(tmp_path: Path) -> None:
    done = bench(toy(tmp_path, taking(15)), "--input", DRAWN, "--rounds", "1", "--load", "0", "--json", "-")
    assert done.returncode == 0, done.stderr
    content = json.loads(done.stdout)
    assert content["question"] == "pipeline"
    assert "load" not in content
    assert content["whole"]["stages"]["net"]["service_ms"]["p50"] == pytest.approx(15, rel=0.2)


@pytest.mark.long
def test_the_same_twice_is_no_loss_and_a_stage_30_percent_slower_is_one(tmp_path: Path) -> None:
    quick, kept = toy(tmp_path, taking(20)), str(tmp_path / "old.json")
    options = ("--input", DRAWN, "--rounds", "3", "--load", "0")
    assert bench(quick, *options, "--json", kept).returncode == 0
    again = bench(quick, *options, "--compare", kept)
    assert again.returncode == 0, again.stdout
    assert "worse  " not in again.stdout
    slower = bench(quick, *options, "--set", "net.service_ms=26", "--compare", kept)
    assert slower.returncode == 1, slower.stdout
    assert "worse  whole.stages.net.p50_ms: " in slower.stdout


@pytest.mark.long
def test_where_the_cores_are_all_in_use_more_workers_are_not_advised_and_do_not_help(tmp_path: Path) -> None:
    """Three stages that compute for 15 ms each, on two cores; of the times that each takes, none is the limit."""
    names, planes = ("a", "b", "c"), []
    uses = ("segmentation:Segmentation", "inpainting:Plate", "inpainting:Inpainting")
    for name, stands_for in zip(names, uses, strict=True):
        options = {"stands_for": f"stages.{stands_for}", "service_ms": 15, "cpu_ms": 15}
        planes.append({"name": name, "uses": "benchmarks.standins:StandIn", "with": options})
    done = subprocess.run(
        [
            sys.executable, "-c", TWO_CORES, "bench", toy(tmp_path, *planes), "--input", DRAWN, "--frames", "60",
            "--rounds", "1", "--load", "8", "--workers", "a=1..2", "--json", "-",
        ],
        cwd=ROOT, env={**os.environ, "PYTHONPATH": str(ROOT)}, capture_output=True, text=True, timeout=170, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    content = json.loads(done.stdout)
    verdict = content["verdict"]
    assert (verdict["limit"], verdict["workers"]) == ("cores", None), verdict
    assert "More workers do not help" in verdict["said"]
    one, two = content["sweep"]["points"]
    assert two["predicted"] == one["predicted"]
    if max(one["others_busy"], two["others_busy"]) < 0.3:  # else one process more takes a share from other programs
        assert two["rate"] < 1.25 * one["rate"]


@pytest.mark.long
def test_a_shipped_pipeline_is_measured_without_any_weights(tmp_path: Path) -> None:
    """Nothing can be fetched, nothing is there: stand-ins take the models' places, and nobody can overlook it."""
    env = {"CLEANPLATE_CACHE": str(tmp_path / "cache"), "CLEANPLATE_OFFLINE": "1"}
    done = bench(
        "remove-people", "--input", DRAWN, "--set", "segmentation.model=yolo11n-seg", "--rounds", "1", "--load", "0",
        "--time", "inpainting=5", "--json", str(tmp_path / "r.json"), env=env,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert "STAND-IN for segmentation" in done.stderr
    assert "STAND-INS, NOT MODELS" in done.stdout
    content = json.loads((tmp_path / "r.json").read_text())
    assert content["stand_ins"].keys() == {"segmentation", "inpainting"}
    assert content["alone"]["models"] == []
    assert content["whole"]["stages"]["inpainting"]["service_ms"]["p50"] == pytest.approx(5, rel=0.4)


@pytest.mark.long
def test_models_are_left_out_where_it_is_asked_for(tmp_path: Path) -> None:
    done = bench(
        "remove-people", "--input", DRAWN, "--without-models", "--time", "segmentation=8/2", "--rounds", "1",
        "--load", "0", "--json", "-",
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    content = json.loads(done.stdout)
    assert content["stand_ins"]["segmentation"] == {"service_ms": 8.0, "cpu_ms": 2.0, "from": "--time"}
    assert content["stand_ins"]["inpainting"]["from"].startswith("recorded in ")
    assert done.stderr.count("STAND-IN for ") == 2


@pytest.mark.parametrize(
    ("args", "why"),
    [
        (["remove-people", "--input", DRAWN, "--workers", "plate=1..3"], "plate keeps state"),
        (["remove-people", "--input", DRAWN, "--time", "segmentation=quick"], "STAGE=MS or STAGE=MS/CPU_MS"),
        (["transport", "--workers", "a=1..2"], "are for configurations"),
        (["memory", "--plot", "a.png"], "are for configurations"),
        (["remove-people", "--json", "/proc/nowhere/r.json"], "no result can be written there"),
        (["remove-peple"], "did you mean 'remove-people'"),
    ],
)
def test_what_cannot_be_measured_is_said_at_once_and_in_one_line(args: list[str], why: str) -> None:
    done = cleanplate("bench", *args)
    assert (done.returncode, done.stdout) == (2, "")
    (line,) = done.stderr.splitlines()
    assert why in line
