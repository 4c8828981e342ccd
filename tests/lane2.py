"""The second lane: a newer numpy, OpenCV and Pillow than simple-lama-inpainting 0.1.2 admits, as on Python 3.12.

`python -m tests.lane2 FOLDER` writes there what pip is to install, as constraints.txt and requirements.txt; that one
package is then installed without what it asks for. `make lane2` does all of it, and needs nothing installed for it."""

from __future__ import annotations

import re
import sys
import tomllib
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
NEWER = {"numpy": "2.2.6", "opencv-python": "4.12.0.88", "pillow": "13.0.0"}
ALONE = "simple-lama-inpainting"
EXTRAS = ("offline", "openvino", "onnx", "web", "tui", "codec")
TOOLS = ("pytest", "pytest-timeout", "pytest-xdist", "pytest-rerunfailures", "hypothesis", "httpx", "setuptools")


def name_of(requirement: str) -> str:
    """As `opencv-python` of `opencv_python>=4.8 ; marker`."""
    return re.split(r"[^A-Za-z0-9._-]", requirement, maxsplit=1)[0].lower().replace("_", "-")


def constraints() -> list[str]:
    """The pins of the first lane, but for the newer ones, and for the package that asks for older ones."""
    lines = (line for line in (ROOT / "constraints.txt").read_text().splitlines() if "==" in line)
    kept = [line for line in lines if name_of(line) not in {*NEWER, ALONE}]
    return [*kept, *(f"{name}=={version}" for name, version in NEWER.items())]


def requirements() -> list[str]:
    """What the distribution asks for, with most extras, without that package and its later twin; and to test it."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    wanted = [*project["dependencies"], *(need for extra in EXTRAS for need in project["optional-dependencies"][extra])]
    return [*(need for need in wanted if not name_of(need).startswith(ALONE)), *TOOLS]


if __name__ == "__main__":
    folder = Path(sys.argv[1])
    (folder / "constraints.txt").write_text("\n".join(constraints()) + "\n")
    (folder / "requirements.txt").write_text("\n".join(requirements()) + "\n")
