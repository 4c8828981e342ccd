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
    entries = catalogue()
    for entry in entries:
        print(f"{entry.name:<14} {entry.task:<9} {entry.state:<9} {entry.licence:<18} {entry.source}")
    for entry in entries:
        if entry.state != "present":
            print(f"\n{entry.detail}")
