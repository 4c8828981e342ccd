"""The examination behind `cleanplate doctor`: what this machine has, tried out, and how to mend what it lacks."""

from __future__ import annotations

import importlib.metadata as metadata
import os
import sys
import tempfile
import tomllib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Literal

from pipeline.config import cache_dir, state_dir, worker_environment

Verdict = Literal["PASS", "WARN", "FAIL"]
LOW_MEMORY, LEAST_MEMORY = 4 << 30, 1 << 30
TRIAL = 1 << 20


@dataclass(frozen=True)
class Finding:
    """One thing looked at. `fix` says what to do about it, or is empty."""

    verdict: Verdict
    name: str
    detail: str
    fix: str = ""


def examine() -> list[Finding]:
    """Everything, in the order of its importance. An examination that breaks is itself a finding."""
    findings: list[Finding] = []
    for look in (python, packages, memory, shared_memory, folders, encoders, models, telemetry, gpu):
        findings.extend(_results(look))
    return findings


def _results(look: Callable[[], Iterator[Finding]]) -> list[Finding]:
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


def memory() -> Iterator[Finding]:
    import psutil

    free = psutil.virtual_memory().available
    text = f"{free / 2**30:.1f} GiB free"
    if free >= LOW_MEMORY:
        yield Finding("PASS", "memory", text)
    else:
        fix = "end other programs; a ring of 1080p frames with two models takes about 3 GiB"
        yield Finding("WARN" if free >= LEAST_MEMORY else "FAIL", "memory", text, fix)


def shared_memory() -> Iterator[Finding]:
    try:
        handle = os.memfd_create("cleanplate-doctor", os.MFD_CLOEXEC)
    except (AttributeError, OSError) as error:
        yield Finding("FAIL", "shared memory", f"no memfd ({error})", "use Linux 3.17 or later")
        return
    try:
        os.posix_fallocate(handle, 0, TRIAL)
    finally:
        os.close(handle)
    yield Finding("PASS", "shared memory", "memfd works, and its memory can be reserved")


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
    """Opened and given a picture: listed is not usable."""
    import av
    import numpy as np

    from pipeline.frame import FrameSpec
    from stages.output.codecs import CODECS
    from stages.output.encoding import Converter, Encoding, encode_one

    spec = FrameSpec(width=64, height=64, time_base=Fraction(1, 30))
    for name, codec in CODECS.items():
        label = f"encoder {name}"
        try:
            with av.open(os.devnull, "w", format="nut") as container:
                stream = Encoding(codec, spec).add_to(container)
                container.start_encoding()
                size = encode_one(stream, Converter(stream, spec).convert(np.zeros((64, 64, 3), np.uint8), 0)).size
            yield Finding("PASS", label, f"{codec.encoder} made a packet of {size} bytes")
        except (av.FFmpegError, ValueError) as error:
            yield Finding("FAIL", label, f"{codec.encoder}: {error}", "pip install --force-reinstall av")


def models() -> Iterator[Finding]:
    """What is here, byte for byte. What is not, is fetched when a run needs it; but no run fetches lama of itself."""
    from models.registry import catalogue

    verdicts: dict[str, Verdict] = {"present": "PASS", "missing": "WARN", "damaged": "FAIL"}
    absent = []
    for entry in catalogue():
        if entry.state == "missing" and entry.name != "lama":
            absent.append(entry.name)
            continue
        yield Finding(verdicts[entry.state], f"model {entry.name}", f"{entry.state}: {entry.detail}")
    if absent:
        yield Finding("PASS", "other models", f"fetched when a run needs them: {', '.join(absent)}")


def telemetry() -> Iterator[Finding]:
    environment = worker_environment(1)
    wanted = {"YOLO_OFFLINE": "1", "YOLO_AUTOINSTALL": "false"}
    on = [name for name, value in wanted.items() if environment.get(name) != value]
    detail = f"{', '.join(on)} not set" if on else "off in every worker: nothing is sent, nothing installs itself"
    yield Finding("FAIL" if on else "PASS", "telemetry", detail)


def gpu() -> Iterator[Finding]:
    """From the driver and the package, without importing torch."""
    driver = Path("/proc/driver/nvidia/version")
    build = metadata.version("torch")
    if not driver.exists():
        yield Finding("WARN", "GPU", f"none with an NVIDIA driver; models run on the CPU (torch {build})")
    elif build.endswith("+cpu"):
        fix = "pip install torch from https://download.pytorch.org/whl/"
        yield Finding("WARN", "GPU", f"an NVIDIA driver is there, but torch {build} cannot use it", fix)
    else:
        yield Finding("PASS", "GPU", f"{driver.read_text().splitlines()[0].strip()}; torch {build}")
