"""What is shipped: every file of every package and nothing else, under one version; it works where it is installed."""

from __future__ import annotations

import email
import os
import subprocess
import tarfile
import tomllib
import zipfile
from email.message import Message
from pathlib import Path

import pytest
from packaging.requirements import Requirement

from pipeline import __version__
from pipeline.reading import shipped
from tests.packaging import PACKAGES, build, files_of, installed, pip, sources
from tests.runs import ROOT
from tests.scenes import make_standing

EXTRAS = {"offline", "openvino", "onnx", "web", "tui", "cluster", "codec", "bench", "docs", "dev"}
MOST = 30_000_000  # bytes of the wheel


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return sources(tmp_path_factory.mktemp("source"))


@pytest.fixture(scope="module")
def wheel(source: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build("wheel", source, tmp_path_factory.mktemp("wheel"))


@pytest.fixture(scope="module")
def facts(wheel: Path) -> Message:
    with zipfile.ZipFile(wheel) as file:
        (name,) = (name for name in file.namelist() if name.endswith(".dist-info/METADATA"))
        return email.message_from_bytes(file.read(name))


def test_the_wheel_holds_every_file_of_every_package_and_nothing_else(wheel: Path, source: Path) -> None:
    with zipfile.ZipFile(wheel) as file:
        names = {name for name in file.namelist() if f"cleanplate-{__version__}.dist-info/" not in name}
    assert names == files_of(source)
    assert {f"configs/{name}.yaml" for name in shipped()} <= names
    assert any(name.startswith("models/") and name.endswith(".safetensors") for name in names)
    assert "pipeline/web/static/index.html" in names


def test_the_wheel_is_small_enough_for_a_registry(wheel: Path) -> None:
    assert wheel.stat().st_size < MOST


def test_the_wheel_says_the_one_version_the_licence_and_the_command(wheel: Path, facts: Message) -> None:
    assert wheel.name == f"cleanplate-{__version__}-py3-none-any.whl"
    assert (facts["Version"], facts["License-Expression"]) == (__version__, "AGPL-3.0-or-later")
    with zipfile.ZipFile(wheel) as file:
        entries = file.read(f"cleanplate-{__version__}.dist-info/entry_points.txt").decode()
        assert "cleanplate = pipeline.cli:main" in entries
        assert file.read(f"cleanplate-{__version__}.dist-info/licenses/LICENSE") == (ROOT / "LICENSE").read_bytes()


def test_every_extra_is_offered_and_installed_by_make(facts: Message) -> None:
    assert set(facts.get_all("Provides-Extra") or ()) == EXTRAS
    install = next(line for line in (ROOT / "Makefile").read_text().splitlines() if "-e '.[" in line)
    assert set(install.partition("[")[2].partition("]")[0].split(",")) == EXTRAS


def test_what_is_pinned_is_within_what_is_asked_for(facts: Message) -> None:
    lines = (ROOT / "constraints.txt").read_text().splitlines()
    pins = dict(line.lower().replace("_", "-").split("==") for line in lines if "==" in line)
    needs = [Requirement(line) for line in facts.get_all("Requires-Dist") or ()]
    unpinned = [need.name for need in needs if need.name.lower().replace("_", "-") not in pins]
    assert unpinned == ["simple-lama-inpainting-updated"], "the one for later Pythons"
    for need in needs:
        pin = pins.get(need.name.lower().replace("_", "-"))
        assert pin is None or need.specifier.contains(pin), f"{need} is pinned to {pin}"


def test_what_is_shipped_is_named_there_and_here() -> None:
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["setuptools"]
    assert {name.partition(".")[0] for name in settings["packages"]} == set(PACKAGES)


def test_the_version_stands_in_one_place() -> None:
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text())
    assert settings["project"]["dynamic"] == ["version"]
    assert settings["tool"]["setuptools"]["dynamic"] == {"version": {"attr": "pipeline.__version__"}}


def test_the_archive_of_sources_has_what_the_wheel_is_built_of_and_no_tests(source: Path, tmp_path: Path) -> None:
    with tarfile.open(build("sdist", source, tmp_path)) as file:
        file.extractall(tmp_path, filter="data")
    unpacked = tmp_path / f"cleanplate-{__version__}"
    assert files_of(unpacked) == files_of(source)
    assert not (unpacked / "tests").exists()
    assert (unpacked / "docs" / "cleanplate.schema.json").exists()
    assert (unpacked / "constraints.txt").exists()


@pytest.mark.long
@pytest.mark.real
@pytest.mark.timeout(600)
def test_installed_elsewhere_it_removes_people_with_its_shipped_configuration(wheel: Path, tmp_path: Path) -> None:
    """In an environment of its own, from another folder, with nothing of this tree in sight."""
    programs = installed(wheel, tmp_path / "venv")
    bare = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    env = bare | {"CLEANPLATE_STATE": str(tmp_path / "state")}

    def called(*words: str) -> str:
        done = subprocess.run(words, cwd=tmp_path, env=env, capture_output=True, text=True, timeout=150)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    where = called(str(programs / "python"), "-c", "import configs, models, pipeline, stages; print(pipeline.__file__)")
    assert str(tmp_path) in where
    command = str(programs / "cleanplate")
    assert called(command, "--version").strip() == __version__
    called(command, "check", "privacy-all")
    make_standing(tmp_path / "street.mp4")
    said = called(command, "run", "remove-people", "--input", "street.mp4", "--output", "clean.mp4", "--offline")
    assert "6 of 6 frames" in said
    assert (tmp_path / "clean.mp4").stat().st_size > 0
    assert "No broken requirements" in pip(tmp_path / "venv", "check")
