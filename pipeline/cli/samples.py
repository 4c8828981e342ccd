"""`cleanplate samples`: list and fetch real footage."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from pipeline.cli.complete import samples

app = typer.Typer(no_args_is_help=True)


@app.command("list", help="List the footage that can be fetched.")
def show() -> None:
    from pipeline.cli.footage import catalogue

    for sample in catalogue():
        print(f"{sample.name:<10} {sample.about}")


@app.command("fetch", help="Fetch footage and print where it is.\n\nExample:\n\n  cleanplate samples fetch vtest")
def fetch(
    name: Annotated[str, typer.Argument(help="A name from `samples list`.", autocompletion=samples)],
    into: Annotated[Path | None, typer.Option(help="Folder to put it in; the cache by default.")] = None,
    debug: Annotated[bool, typer.Option("--debug", help="Show tracebacks.")] = False,
) -> None:
    from pipeline.cli import footage

    print(footage.fetch(name, into))
