"""The table of commands. Each is a module that is imported when it is called: the command line starts at once."""

from __future__ import annotations

import importlib
from typing import Any

import typer
from typer.core import TyperGroup
from typer.main import get_command, get_group

from pipeline.cli.complete import SetCommand

WIDTH = 76  # of an example, so that it stays within 80 columns

# A module `pipeline.cli.NAME` has a function NAME and its HELP, or, for commands of its own, an `app`.
# What stands here is that help in one line of 80 columns, for the list of commands.
SUMMARIES = {
    "run": "Run a pipeline on an input.",
    "job": "Do a long video in segments; stop it and go on at any time.",
    "check": "Say whether a configuration is right, and draw what it does.",
    "init": "Write a commented configuration to start from.",
    "ps": "List the pipelines that run now.",
    "top": "Watch a running pipeline on a screen, and steer it.",
    "logs": "Show what a run said, while it runs and after.",
    "scale": "Give stages of a running pipeline more or fewer workers.",
    "set": "Change settings of a running pipeline.",
    "pause": "Hold a running pipeline.",
    "resume": "Let a paused pipeline go on.",
    "stop": "End a running pipeline: it finishes its file first.",
    "serve": "Serve a page on which pipelines are steered and watched.",
    "schema": "Print the JSON schema of a configuration.",
    "doctor": "Look whether this machine has what is needed.",
    "bench": "Measure how fast a pipeline, its stages, or the runtime is here.",
    "samples": "Real footage to try things on.",
    "verify": "Look for what an output still shows; check a manifest.",
    "models": "The models that can be used, and where their weights are.",
}


class Commands(TyperGroup):
    """Lists the commands by their summaries, and brings in the one that is called."""

    def resolve_command(self, ctx: Any, args: list[str]) -> tuple[str | None, Any, list[str]]:
        name, found, rest = super().resolve_command(ctx, args)
        return name, found and name and load(name), rest


def load(name: str) -> Any:
    """The command of that name."""
    module = importlib.import_module(f"pipeline.cli.{name}")
    if hasattr(module, "app"):
        module.app.info.help = SUMMARIES[name]
        return plain(get_group(module.app))
    alone = typer.Typer(add_completion=False, rich_markup_mode=None)
    text, examples = split(module.HELP)
    alone.command(name, help=text, epilog=examples, cls=SetCommand)(getattr(module, name))
    return get_command(alone)


def plain(group: Any) -> Any:
    """The same group of commands, its help and that of its commands as plain text with the examples last."""
    group.rich_markup_mode = None
    for command in group.commands.values():
        command.rich_markup_mode = None
        command.help, command.epilog = split(command.help or "")
    return group


def split(text: str) -> tuple[str, str]:
    """A help text without its examples, and the examples line by line, none wider than a terminal."""
    about, found, examples = text.partition("\nExample")
    lines = [line for line in (found + examples).strip().splitlines() if line]
    return about.strip(), "\b\n" + "\n".join(map(fold, lines)) if lines else ""


def fold(line: str) -> str:
    """A command line as the shell takes it over several lines: broken before an option."""
    if len(line) <= WIDTH or (at := line.rfind(" -", 0, WIDTH - 2)) <= 0:
        return line
    indent = " " * (len(line) - len(line.lstrip()) + 2)
    return f"{line[:at]} \\\n{fold(indent + line[at:].lstrip())}"
