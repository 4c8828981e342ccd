"""`cleanplate models`: list the models that can be used."""

from __future__ import annotations

import typer

app = typer.Typer(no_args_is_help=True)


@app.callback()
def common() -> None:
    """Options before any command."""


@app.command("list", help="List the models, and whether their weights are here.")
def show() -> None:
    from models.registry import catalogue

    print(f"{'NAME':<14} {'TASK':<14} {'HERE':<5} {'LICENCE':<20} SOURCE")
    for entry in catalogue():
        here = "yes" if entry.present else "no"
        print(f"{entry.name:<14} {entry.task:<14} {here:<5} {entry.licence:<20} {entry.source}")
