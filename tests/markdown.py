"""The code blocks of a page of the documentation: the files that it shows, and the commands that it gives."""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from tests.commands import cleanplate
from tests.runs import ROOT

DOCS = ROOT / "docs"
BLOCK = re.compile(r"^```(\w+)\n(.*?)^```$", re.DOTALL | re.MULTILINE)
NAMED = re.compile(r"# ([\w-]+\.(?:py|yaml))\n")


@dataclass(frozen=True)
class Block:
    """A fenced block: its language and its lines."""

    language: str
    text: str

    @property
    def file(self) -> str:
        """The file that it is, as its first line says; empty where it is none."""
        named = NAMED.match(self.text)
        return named[1] if named else ""

    def commands(self) -> Iterator[list[str]]:
        """Every command behind a `$`, comments left out, lines that end in a backslash joined."""
        for line in self.text.replace("\\\n", " ").splitlines():
            if line.startswith("$ "):
                yield shlex.split(line[2:], comments=True)


def blocks(page: str) -> list[Block]:
    """Those of `docs/PAGE`, in order."""
    return [Block(*found) for found in BLOCK.findall((DOCS / page).read_text())]


def follow(page: str, folder: Path) -> list[str]:
    """Do what the page says, from top to bottom: write its files, give its commands. What they said on stdout.

    Each must end with 0."""
    said = []
    for block in blocks(page):
        if block.file:
            (folder / block.file).write_text(block.text)
        if block.language == "console":
            for command in block.commands():
                done = give(command, folder)
                assert done.returncode == 0, f"{shlex.join(command)}\n{done.stdout}{done.stderr}"
                said.append(done.stdout)
    return said


def give(command: list[str], folder: Path) -> subprocess.CompletedProcess[str]:
    """A command of the page: `cleanplate ...` or `python ...`, in that folder."""
    program, *args = command
    if program == "cleanplate":
        return cleanplate(*args, cwd=folder, env={"CLEANPLATE_STATE": str(folder / "state")}, timeout=500)
    assert program == "python", f"only cleanplate and python are tried: {command}"
    return subprocess.run([sys.executable, *args], cwd=folder, capture_output=True, text=True, timeout=500, check=False)
