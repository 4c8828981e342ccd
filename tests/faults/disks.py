"""Small, full and read-only disks for one command: a tmpfs in a mount namespace of its own, which ends with it."""

from __future__ import annotations

import os
import subprocess
from functools import cache
from pathlib import Path
from typing import Any

import pytest

_UNSHARE = ["unshare", "--mount", *([] if os.getuid() == 0 else ["--map-root-user"])]
_SCRIPT = """set -e
mount -t tmpfs -o "$1" tmpfs "$2"
eval "$4"
cd "$3"
shift 4
set +e
"$@"
code=$?
cp -a disk/. left
exit $code
"""


@cache
def _can_mount() -> bool:
    try:
        done = subprocess.run([*_UNSHARE, "mount", "-t", "tmpfs", "tmpfs", "/mnt"], capture_output=True, check=False)
    except OSError:
        return False
    return done.returncode == 0


needs_mounts = pytest.mark.skipif(not _can_mount(), reason="no mount namespace is allowed here (unshare --mount)")


def on_disk(folder: Path, options: str, prepare: str = "") -> list[str]:
    """A command that runs another one with `folder/disk` a tmpfs of these options, after the shell command `prepare`
    in it; what is on the disk in the end lies in `folder/left`."""
    for name in ("disk", "left"):
        (folder / name).mkdir()
    inside = f"cd {folder / 'disk'}; {prepare}" if prepare else ""
    return [*_UNSHARE, "sh", "-c", _SCRIPT, "sh", options, str(folder / "disk"), str(folder), inside]


def film(folder: Path, output: Path, **source: Any) -> dict[str, Any]:
    """Numbers -> Invert -> a lossless video file, as a configuration."""
    return {
        "name": "film",
        "stages": [
            {"name": "ingest", "uses": "tests.toys:Numbers", "with": {"width": 160, "height": 120, **source}},
            {"name": "invert", "uses": "tests.toys:Invert"},
            {"name": "output", "uses": "stages.output:Auto", "with": {"output": str(output), "codec": "ffv1"}},
        ],
    }
