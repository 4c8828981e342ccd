"""The doctor finds what is missing, says how to mend it, and never falls ill itself."""

import importlib.metadata
import json
import os
import resource
import subprocess
import sys
from contextlib import nullcontext

import pytest
import typer

from models.registry import Listing
from pipeline import ring
from pipeline.cli import checkup, machine, trials
from pipeline.cli.checkup import examine
from pipeline.cli.doctor import doctor
from pipeline.cli.finding import Finding
from pipeline.errors import CleanplateError
from tests.runs import ROOT


def by_name(findings) -> dict[str, Finding]:
    return {finding.name: finding for finding in findings}


@pytest.fixture(scope="module")
def examined(tmp_path_factory):
    """What a whole examination found in a process of its own, and which modules that had then: once, it is slow."""
    folder = tmp_path_factory.mktemp("doctor")
    code = (
        "import json, sys; from dataclasses import asdict; from pipeline.cli.checkup import examine\n"
        "print(json.dumps([[asdict(finding) for finding in examine()], sorted(sys.modules)]))"
    )
    folders = {"CLEANPLATE_CACHE": str(folder / "cache"), "CLEANPLATE_STATE": str(folder / "state")}
    done = subprocess.run(
        [sys.executable, "-c", code], env={**os.environ, **folders}, cwd=ROOT, capture_output=True, text=True,
        timeout=60, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    findings, modules = json.loads(done.stdout)
    return [Finding(**finding) for finding in findings], set(modules)


def test_this_machine_can_run_it(examined):
    findings = by_name(examined[0])
    for name in (
        "Python",
        "packages",
        "shared memory",
        "run folder",
        "cache folder",
        "ring",
        "process handles",
        "encoder h264",
        "encoder prores",
        "encoder ffv1",
        "hardware encoders",
        "engine torch",
        "telemetry",
        "display",
    ):
        assert findings[name].verdict == "PASS", findings[name]
    assert any(name.startswith("model ") for name in findings)
    assert "GPU" in findings
    assert "libavcodec 6" in findings["FFmpeg in PyAV"].detail
    assert [finding for finding in findings.values() if finding.verdict == "FAIL"] == []


def test_it_imports_no_engine_and_no_codec_itself(examined):
    assert not {"torch", "av"} & examined[1]


def test_a_missing_package_is_named_with_its_cure(monkeypatch):
    monkeypatch.setattr(checkup, "requirements", lambda: ["no-such-package>=1", "numpy>=1.26,<3"])
    findings = by_name(checkup.packages())
    assert findings["no-such-package"] == Finding(
        "FAIL", "no-such-package", "is not installed", "pip install 'no-such-package>=1'"
    )
    assert findings["packages"].detail == "1 of 2 as needed"


def test_a_package_of_another_version_is_a_warning(monkeypatch):
    monkeypatch.setattr(checkup, "requirements", lambda: ["numpy<1"])
    assert by_name(checkup.packages())["numpy"].verdict == "WARN"


def test_requirements_that_do_not_apply_here_are_passed_over(monkeypatch):
    monkeypatch.setattr(checkup, "requirements", lambda: ["nothing; python_version < '3'", "none; extra == 'dev'"])
    assert by_name(checkup.packages())["packages"].detail == "0 of 0 as needed"


def test_a_checkout_that_is_not_installed_is_read_from_its_project_file(monkeypatch):
    def absent(name: str) -> list[str]:
        raise importlib.metadata.PackageNotFoundError(name)

    monkeypatch.setattr(checkup.metadata, "requires", absent)
    assert any(line.startswith("numpy") for line in checkup.requirements())


@pytest.mark.fault("B6")
def test_a_run_that_it_cannot_hold_in_memory_fails(monkeypatch):
    monkeypatch.setattr(ring, "available_memory", lambda: 1 << 20)
    (finding,) = machine.ring()
    assert finding.verdict == "FAIL"
    assert "remove-people at 1920x1080" in finding.detail
    assert "slots" in finding.fix


@pytest.mark.parametrize(("gib", "verdict"), [(16, "PASS"), (2, "WARN"), (0.5, "FAIL")])
def test_little_memory_is_told(monkeypatch, gib, verdict):
    monkeypatch.setattr(ring, "available_memory", lambda: int(gib * 2**30))
    (finding,) = machine.memory()
    assert finding.verdict == verdict
    assert bool(finding.fix) == (verdict != "PASS")


def test_a_system_without_memfd_is_told(monkeypatch):
    monkeypatch.delattr(os, "memfd_create")
    (finding,) = machine.shared_memory()
    assert finding.verdict == "FAIL"


def test_a_folder_that_cannot_be_written_is_told_with_its_variable(monkeypatch, tmp_path):
    (tmp_path / "file").write_text("in the way")
    monkeypatch.setenv("CLEANPLATE_CACHE", str(tmp_path / "file" / "cache"))
    finding = by_name(checkup.folders())["cache folder"]
    assert finding.verdict == "FAIL"
    assert "CLEANPLATE_CACHE" in finding.fix


def test_an_examination_that_breaks_is_a_finding(monkeypatch):
    def broken_thing():
        raise OSError("broken")
        yield

    monkeypatch.setattr(checkup, "LOOKS", (broken_thing, checkup.python))
    assert examine()[0] == Finding("FAIL", "broken thing", "OSError: broken")
    assert examine()[1].verdict == "PASS"


def answer(monkeypatch, module, **content):
    monkeypatch.setattr(module, "carry_out", lambda name: content)


ENGINES = {"torch": ["2.13.0", ""], "openvino": ["2026.4", ""]}


def test_a_worker_whose_libraries_may_call_home_is_a_failure(monkeypatch):
    answer(monkeypatch, checkup, engines=ENGINES, calls=[], switches={})
    assert by_name(checkup.engines())["telemetry"].verdict == "PASS"
    monkeypatch.setattr(checkup, "worker_environment", lambda threads: {})
    assert by_name(checkup.engines())["telemetry"].verdict == "FAIL"


@pytest.mark.parametrize(
    ("calls", "switches", "word"),
    [(["socket.connect('192.0.2.1', 80)"], {}, "192.0.2.1"), ([], {"ultralytics": True}, "ultralytics sends")],
)
def test_a_library_that_tries_to_call_home_is_named(monkeypatch, calls, switches, word):
    answer(monkeypatch, checkup, engines=ENGINES, calls=calls, switches=switches)
    finding = by_name(checkup.engines())["telemetry"]
    assert finding.verdict == "FAIL"
    assert word in finding.detail


@pytest.mark.long
def test_a_call_home_at_import_is_heard(monkeypatch, tmp_path):
    """The trial itself, with an engine that does it."""
    (tmp_path / "talkative.py").write_text(
        "import socket\ntry:\n    socket.create_connection(('127.0.0.1', 9), 0.1)\nexcept OSError:\n    pass\n"
    )
    code = "from pipeline.cli import trials; trials.ENGINES = {'x': 'talkative'}; print(trials.engines()['calls'])"
    env = {**os.environ, "PYTHONPATH": f"{ROOT}:{tmp_path}"}
    done = subprocess.run([sys.executable, "-c", code], env=env, capture_output=True, text=True, timeout=60, check=True)
    assert "127.0.0.1" in done.stdout


@pytest.mark.parametrize(("name", "verdict"), [("torch", "FAIL"), ("openvino", "WARN")])
def test_an_engine_that_cannot_be_imported_is_told_with_its_cure(monkeypatch, name, verdict):
    engines = ENGINES | {name: ["", "ImportError: libfoo.so: no such file\nmore"]}
    answer(monkeypatch, checkup, engines=engines, calls=[], switches={})
    finding = by_name(checkup.engines())[f"engine {name}"]
    assert (finding.verdict, finding.fix) == (verdict, f"pip install {name}")
    assert "\n" not in finding.detail


def test_an_encoder_that_makes_no_packet_fails_and_one_of_the_hardware_is_a_gift(monkeypatch):
    software = {"h264": ["libx264", 700, ""], "av1": ["libsvtav1", 0, "out of order"]}
    answer(monkeypatch, checkup, software=software, hardware={"h264_qsv": "no device"}, versions={})
    findings = by_name(checkup.encoders())
    assert [findings[f"encoder {name}"].verdict for name in software] == ["PASS", "FAIL"]
    assert findings["hardware encoders"].verdict == "PASS"
    assert "none of 1" in findings["hardware encoders"].detail
    answer(monkeypatch, checkup, software={}, hardware={"h264_qsv": "", "x": "no"}, versions={})
    assert by_name(checkup.encoders())["hardware encoders"].detail == "h264_qsv"


def test_a_trial_that_crashes_is_a_failure_and_harms_nobody(monkeypatch):
    monkeypatch.setattr(trials.sys, "executable", "/bin/false")
    with pytest.raises(CleanplateError, match="ended with 1: it said nothing"):
        trials.carry_out("encoders")
    monkeypatch.setattr(checkup, "LOOKS", (checkup.encoders,))
    (finding,) = examine()
    assert finding.verdict == "FAIL"


@pytest.mark.parametrize(
    ("found", "verdict", "words"),
    [
        ({"build": "2.9+cu128", "cuda": "12.8", "devices": ["H200, 140 GiB"]}, "PASS", "H200"),
        ({"build": "2.9+cpu", "cuda": "", "devices": []}, "WARN", "for CUDA"),
        ({"build": "2.9+cu128", "cuda": "12.8", "devices": []}, "WARN", "update the driver"),
    ],
)
def test_a_driver_without_a_torch_that_can_use_it_is_told_with_its_cure(monkeypatch, tmp_path, found, verdict, words):
    (tmp_path / "version").write_text("NVRM version: NVIDIA UNIX x86_64 Kernel Module  570.1\nGCC version: x\n")
    monkeypatch.setattr(machine, "DRIVER", tmp_path / "version")
    answer(monkeypatch, machine, **found)
    (finding,) = machine.gpu()
    assert finding.verdict == verdict
    assert words in finding.detail + finding.fix
    assert "570.1" in finding.detail


def test_a_machine_without_a_driver_is_not_asked_through_torch(monkeypatch, tmp_path):
    monkeypatch.setattr(machine, "DRIVER", tmp_path / "none")
    monkeypatch.setattr(machine, "carry_out", lambda name: pytest.fail("torch takes seconds"))
    (finding,) = machine.gpu()
    assert finding.verdict == "WARN"


@pytest.mark.fault("B7")
def test_narrow_limits_are_told_with_the_command_that_widens_them(monkeypatch):
    narrow = {resource.RLIMIT_NOFILE: 64, resource.RLIMIT_FSIZE: 1 << 30, resource.RLIMIT_AS: resource.RLIM_INFINITY}
    monkeypatch.setattr(resource, "getrlimit", lambda limit: (narrow[limit], resource.RLIM_INFINITY))
    findings = by_name(machine.limits())
    assert (findings["open files"].verdict, findings["open files"].fix) == ("WARN", "ulimit -n 4096")
    assert "ulimit -f" in findings["file size"].fix
    assert "address space" not in findings


def test_a_missing_display_is_no_fault(monkeypatch):
    monkeypatch.delenv("DISPLAY", raising=False)
    monkeypatch.delenv("WAYLAND_DISPLAY", raising=False)
    assert by_name(machine.display())["display"] == Finding("PASS", "display", "none; files and streams need none")
    monkeypatch.setenv("DISPLAY", ":7")
    assert by_name(machine.display())["display"].detail == ":7"


@pytest.mark.parametrize(
    ("name", "state", "verdict"),
    [
        (checkup.ESSENTIAL, "damaged", "FAIL"),
        ("lama", "damaged", "WARN"),
        ("lama", "missing", "WARN"),
        (checkup.ESSENTIAL, "present", "PASS"),
    ],
)
def test_only_a_damaged_model_that_every_run_needs_fails(monkeypatch, name, state, verdict):
    listing = Listing(name, "segment", "", "", state, "")
    monkeypatch.setattr("models.registry.catalogue", lambda: [listing])
    assert by_name(checkup.models())[f"model {name}"].verdict == verdict


@pytest.mark.parametrize(("verdict", "code"), [("PASS", 0), ("WARN", 0), ("FAIL", 1)])
def test_only_a_failure_makes_the_exit_code_1(monkeypatch, capsys, verdict, code):
    monkeypatch.setattr(checkup, "examine", lambda: [Finding(verdict, "thing", "is so", "mend it")])
    with pytest.raises(typer.Exit) if code else nullcontext() as ended:
        doctor(as_json=True)
    assert code == 0 or ended.value.exit_code == code
    assert json.loads(capsys.readouterr().out) == [
        {"verdict": verdict, "name": "thing", "detail": "is so", "fix": "mend it"}
    ]
