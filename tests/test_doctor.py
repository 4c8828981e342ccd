"""The doctor finds what is missing, says how to mend it, and never falls ill itself."""

import importlib.metadata
import os
import subprocess
import sys
from collections import namedtuple

import psutil
import pytest

from pipeline.cli import checkup
from pipeline.cli.checkup import Finding, examine

Memory = namedtuple("Memory", "available")


def by_name(findings) -> dict[str, Finding]:
    return {finding.name: finding for finding in findings}


def test_this_machine_can_run_it(tmp_path, monkeypatch):
    monkeypatch.setenv("CLEANPLATE_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("CLEANPLATE_STATE", str(tmp_path / "state"))
    findings = by_name(examine())
    for name in (
        "Python",
        "packages",
        "shared memory",
        "run folder",
        "cache folder",
        "encoder h264",
        "encoder ffv1",
        "telemetry",
    ):
        assert findings[name].verdict == "PASS", findings[name]
    assert any(name.startswith("model ") for name in findings)
    assert "GPU" in findings


def test_it_does_not_import_torch():
    code = "import sys; from pipeline.cli.checkup import examine; examine(); assert 'torch' not in sys.modules"
    assert subprocess.run([sys.executable, "-c", code], timeout=60).returncode == 0


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


@pytest.mark.parametrize(("gib", "verdict"), [(16, "PASS"), (2, "WARN"), (0.5, "FAIL")])
def test_little_memory_is_told(monkeypatch, gib, verdict):
    monkeypatch.setattr(psutil, "virtual_memory", lambda: Memory(int(gib * 2**30)))
    (finding,) = checkup.memory()
    assert finding.verdict == verdict
    assert bool(finding.fix) == (verdict != "PASS")


def test_a_system_without_memfd_is_told(monkeypatch):
    monkeypatch.delattr(os, "memfd_create")
    (finding,) = checkup.shared_memory()
    assert finding.verdict == "FAIL"


def test_a_folder_that_cannot_be_written_is_told_with_its_variable(monkeypatch, tmp_path):
    (tmp_path / "file").write_text("in the way")
    monkeypatch.setenv("CLEANPLATE_CACHE", str(tmp_path / "file" / "cache"))
    finding = by_name(checkup.folders())["cache folder"]
    assert finding.verdict == "FAIL"
    assert "CLEANPLATE_CACHE" in finding.fix


def test_an_examination_that_breaks_is_a_finding(monkeypatch):
    def shared_memory():
        raise OSError("broken")
        yield

    monkeypatch.setattr(checkup, "shared_memory", shared_memory)
    assert by_name(examine())["shared memory"] == Finding("FAIL", "shared memory", "OSError: broken")


def test_telemetry_that_is_on_is_a_failure(monkeypatch):
    monkeypatch.setattr(checkup, "worker_environment", lambda threads: {})
    (finding,) = checkup.telemetry()
    assert finding.verdict == "FAIL"
