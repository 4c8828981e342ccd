"""The reference of the command line: the help of every command, as the command itself prints it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from pipeline.cli.commands import SUMMARIES, load

WIDTH = 88  # columns of a page

HEAD = """# The command line

<!-- Written by `python -m manual` from the commands' own help; change it there. -->

What `--help` says of each command. Results go to stdout, everything else to stderr. With `--debug` an error shows its
traceback; without, it is one line.

| exit code | meaning |
|--:|---|
| 0 | done |
| 1 | a check found something (`verify`, `bench --compare`, `models verify`, `doctor`) |
| 2 | bad usage or configuration: one line says where, what, and the close match |
| 3 | a stage could not be set up (no such input, missing weights) |
| 4 | failed or incomplete while running |
| 129, 130, 143 | interrupted by a closed terminal, SIGINT or SIGTERM, after finishing the file |
"""


def page() -> str:
    lines = [HEAD]
    for name, summary in SUMMARIES.items():
        lines += [f"## {name}\n", f"{summary}\n"]
        for title, command in _with_parts(name):
            lines += [f"### {title}\n"] if title != name else []
            lines += ["```text", _help(title, command), "```\n"]
    return "\n".join(lines)


def _with_parts(name: str) -> Iterator[tuple[str, Any]]:
    """A command and the commands within it, each by all of its words."""
    command = load(name)
    yield name, command
    for part, inner in getattr(command, "commands", {}).items():
        yield f"{name} {part}", inner


def _help(title: str, command: Any) -> str:
    options = {"help_option_names": ["-h", "--help"]}
    context = command.context_class(
        command, info_name=f"cleanplate {title}", terminal_width=WIDTH, max_content_width=WIDTH, **options
    )
    text: str = command.get_help(context)
    return "\n".join(line.rstrip() for line in text.splitlines())
