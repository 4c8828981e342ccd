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

    print(f"{'NAME':<14} {'TASK':<9} {'WEIGHTS':<9} {'LICENCE':<18} SOURCE")
    for entry in catalogue():
        print(f"{entry.name:<14} {entry.task:<9} {entry.state:<9} {entry.licence:<18} {entry.source}")
