"""The `cleanplate` command: gathers the commands, and turns every error into one line and an exit code."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from pipeline import __version__
from pipeline.cli import check, doctor, init, models, ps, run, samples, schema
from pipeline.errors import CleanplateError

EPILOG = (
    "Exit codes: 0 done, 1 a check found something, 2 bad usage or configuration, 3 a stage could not be set up, "
    "4 failed or incomplete, 130/143 interrupted."
)

app = typer.Typer(
    help="Remove, hide or re-code people and things in live or recorded video.",
    epilog=EPILOG,
    no_args_is_help=True,
    add_completion=True,
    pretty_exceptions_enable=False,
)
app.command("run", help=run.HELP)(run.run)
app.command("check", help=check.HELP)(check.check)
app.command("init", help=init.HELP)(init.init)
app.command("ps", help=ps.PS_HELP)(ps.ps)
app.command("stop", help=ps.STOP_HELP)(ps.stop)
app.command("schema", help=schema.HELP)(schema.schema)
app.command("doctor", help=doctor.HELP)(doctor.doctor)
app.add_typer(samples.app, name="samples", help="Real footage to try things on.")
app.add_typer(models.app, name="models", help="The models that can be used, and where their weights are.")


def _version(wanted: bool) -> None:
    if wanted:
        print(__version__)
        raise typer.Exit


@app.callback()
def common(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Show the version.")
    ] = False,
) -> None:
    """Options before any command."""


def run_app() -> None:
    """Run the command line. Errors that are the user's to mend end in one line; `--debug` shows the traceback."""
    try:
        app()
    except CleanplateError as error:
        if "--debug" in sys.argv:
            raise
        print(f"cleanplate: {error}", file=sys.stderr)
        sys.exit(error.exit_code)
    except Exception as error:
        if "--debug" in sys.argv:
            raise
        print(f"cleanplate: internal error: {type(error).__name__}: {error}; more with --debug", file=sys.stderr)
        sys.exit(4)
