"""The command line from outside."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Mapping
from pathlib import Path

from tests.runs import COMMAND, ROOT


def cleanplate(
    *args: str, env: Mapping[str, str] | None = None, cwd: Path = ROOT, timeout: float = 60
) -> subprocess.CompletedProcess[str]:
    """Run the command to its end."""
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "COLUMNS": "120", **(env or {})}
    return subprocess.run(
        [*COMMAND, *args], env=environment, cwd=cwd, capture_output=True, text=True, timeout=timeout, check=False
    )
