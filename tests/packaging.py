"""The distribution as `python -m build` makes it: built by the same back-end, out of a copy of the tree."""

from __future__ import annotations

import shutil
import subprocess
import sys
import venv
from pathlib import Path

from tests.runs import ROOT

PACKAGES = ("pipeline", "stages", "models", "configs", "benchmarks")
NEEDED = ("pyproject.toml", "MANIFEST.in", "README.md", "LICENSE", "CHANGELOG.md", "constraints.txt")
BUILD = "import sys; from setuptools import build_meta as b; print(getattr(b, 'build_' + sys.argv[1])(sys.argv[2]))"


def files_of(folder: Path) -> set[str]:
    """The files of the packages there, as they are to be shipped."""
    found = (path for package in PACKAGES for path in (folder / package).rglob("*") if path.is_file())
    return {str(path.relative_to(folder)) for path in found if "__pycache__" not in path.parts}


def sources(folder: Path) -> Path:
    """A copy of what a distribution is built of, tests and old builds beside it, which must stay out."""
    for package in (*PACKAGES, "tests"):
        shutil.copytree(ROOT / package, folder / package, ignore=shutil.ignore_patterns("__pycache__"))
    (folder / "docs").mkdir()
    shutil.copy(ROOT / "docs" / "cleanplate.schema.json", folder / "docs")
    for name in NEEDED:
        shutil.copy(ROOT / name, folder)
    return folder


def build(kind: str, source: Path, into: Path) -> Path:
    """`kind`: wheel or sdist."""
    done = subprocess.run(
        [sys.executable, "-c", BUILD, kind, str(into)], cwd=source, capture_output=True, text=True, timeout=120
    )
    assert done.returncode == 0, done.stderr
    assert "Warning" not in done.stdout + done.stderr
    return into / done.stdout.splitlines()[-1]


def pip(folder: Path, *words: str) -> str:
    """What pip says, for the environment there: it has none of its own, which would bring an old setuptools."""
    words = (sys.executable, "-m", "pip", "--disable-pip-version-check", "--python", str(folder), *words)
    return subprocess.run(words, cwd=folder, check=True, capture_output=True, text=True, timeout=120).stdout


def installed(wheel: Path, folder: Path) -> Path:
    """The folder of the programs of an environment with the wheel in it, and nothing of this tree.

    What the wheel needs is lent from the environment of the tests: a line of a .pth file adds a folder, and takes up
    none of the .pth files there, so not the one by which this tree is installed."""
    venv.create(folder)
    pip(folder, "install", "--quiet", "--no-deps", "--no-index", str(wheel))
    (site,) = (folder / "lib").glob("python3*/site-packages")
    (site / "lent.pth").write_text(next(path for path in sys.path if path.endswith("site-packages")) + "\n")
    return folder / "bin"
