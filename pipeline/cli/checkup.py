"""The examination behind `cleanplate doctor`: what this machine has, tried out, and how to mend what it lacks."""

from __future__ import annotations

import importlib.metadata as metadata
import sys
import tempfile
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from pipeline.cli import machine
from pipeline.cli.finding import Finding, Look, Verdict
from pipeline.cli.trials import carry_out
from pipeline.environment import cache_dir, state_dir, worker_environment

ESSENTIAL = "yolov5s-seg"  # what the shipped pipelines find people with; without any other model they still run


def examine() -> list[Finding]:
    """Everything, in the order of its importance. An examination that breaks is itself a finding."""
    findings: list[Finding] = []
    for look in LOOKS:
        findings.extend(_results(look))
    return findings


def _results(look: Look) -> list[Finding]:
    try:
        return list(look())
    except Exception as error:  # noqa: BLE001 - the user came to hear what is broken
        return [Finding("FAIL", look.__name__.replace("_", " "), f"{type(error).__name__}: {error}")]


def python() -> Iterator[Finding]:
    version = ".".join(map(str, sys.version_info[:3]))
    enough = sys.version_info >= (3, 11)
    yield Finding("PASS" if enough else "FAIL", "Python", version, "" if enough else "install Python 3.11 or later")


def packages() -> Iterator[Finding]:
    from packaging.requirements import Requirement

    wanted = [Requirement(line) for line in requirements()]
    wanted = [need for need in wanted if need.marker is None or need.marker.evaluate({"extra": ""})]
    good = 0
    for need in wanted:
        try:
            found = metadata.version(need.name)
        except metadata.PackageNotFoundError:
            yield Finding("FAIL", need.name, "is not installed", f"pip install '{need}'")
            continue
        if need.specifier.contains(found, prereleases=True):
            good += 1
        else:
            yield Finding("WARN", need.name, f"{found} is not within {need.specifier}", f"pip install '{need}'")
    yield Finding("PASS" if good == len(wanted) else "WARN", "packages", f"{good} of {len(wanted)} as needed")


def requirements() -> list[str]:
    """What the distribution says it needs; of a checkout that is not installed, what its pyproject.toml says."""
    try:
        return metadata.requires("cleanplate") or []
    except metadata.PackageNotFoundError:
        project = Path(__file__).resolve().parents[2] / "pyproject.toml"
        return list(tomllib.loads(project.read_text())["project"]["dependencies"])


def folders() -> Iterator[Finding]:
    for name, folder in (("run folder", state_dir()), ("cache folder", cache_dir())):
        try:
            folder.mkdir(parents=True, exist_ok=True)
            with tempfile.TemporaryFile(dir=folder):
                yield Finding("PASS", name, str(folder))
        except OSError as error:
            variable = "CLEANPLATE_STATE" if name == "run folder" else "CLEANPLATE_CACHE"
            yield Finding("FAIL", name, f"{folder}: {error.strerror}", f"set {variable} to a folder you may write to")


def encoders() -> Iterator[Finding]:
    """Those that are needed; those of the hardware are a gift where they work."""
    found = carry_out("encoders")
    for name, (encoder, size, why) in found["software"].items():
        if why:
            yield Finding("FAIL", f"encoder {name}", f"{encoder}: {why}", "pip install --force-reinstall av")
        else:
            yield Finding("PASS", f"encoder {name}", f"{encoder} made a packet of {size} bytes")
    working = [name for name, why in found["hardware"].items() if not why]
    none = f"none of {len(found['hardware'])} works here; the processor encodes"
    yield Finding("PASS", "hardware encoders", ", ".join(working) or none)
    libraries = ", ".join(f"{name} {version}" for name, version in found["versions"].items() if "av" in name[:5])
    yield Finding("PASS", "FFmpeg in PyAV", libraries)


def models() -> Iterator[Finding]:
    """What is here, byte for byte. What is not, is fetched when a run needs it; but no run fetches lama of itself."""
    from models.registry import catalogue

    absent, own = [], []
    for entry in catalogue():
        if entry.brought:
            own.append(entry.name)
            continue
        if entry.state == "missing" and entry.name != "lama":
            absent.append(entry.name)
            continue
        worst: Verdict = "FAIL" if entry.state == "damaged" and entry.name == ESSENTIAL else "WARN"
        fix = f"cleanplate models fetch {entry.name}" if entry.state == "damaged" else ""
        said = f"{entry.state}: {entry.detail}"
        yield Finding("PASS" if entry.state == "present" else worst, f"model {entry.name}", said, fix)
    if absent:
        yield Finding("PASS", "other models", f"fetched when a run needs them: {', '.join(absent)}")
    if own:
        yield Finding("PASS", "models of your own", f"run with a file that you give: {', '.join(own)}")


def engines() -> Iterator[Finding]:
    """Imported, in a process that notes down every try to reach the network."""
    found = carry_out("engines")
    for name, (version, why) in found["engines"].items():
        if not why:
            yield Finding("PASS", f"engine {name}", version)
            continue
        verdict: Verdict = "FAIL" if name == "torch" else "WARN"
        yield Finding(verdict, f"engine {name}", why.splitlines()[0][:200], f"pip install {name}")
    yield _telemetry(found)


def _telemetry(found: dict[str, Any]) -> Finding:
    environment = worker_environment(1)
    wanted = {"YOLO_OFFLINE": "1", "YOLO_AUTOINSTALL": "false"}
    on = [f"{name} is not set" for name, value in wanted.items() if environment.get(name) != value]
    on += [f"{name} sends events" for name, sends in found["switches"].items() if sends]
    on += [f"at import: {call}" for call in found["calls"]]
    if on:
        return Finding("FAIL", "telemetry", "; ".join(on)[:300], "report this: nothing here may call home")
    return Finding("PASS", "telemetry", "off: all engines imported as in a worker, and none tried to reach the network")


LOOKS: tuple[Look, ...] = (
    python, packages, machine.memory, machine.ring, machine.shared_memory, machine.limits, folders, encoders, engines,
    models, machine.display, machine.gpu,
)  # fmt: skip
