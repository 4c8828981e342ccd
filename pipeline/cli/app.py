"""The `cleanplate` command: finds the commands, and turns every error into one line and an exit code."""

from __future__ import annotations

import re
import sys
from typing import Annotated

import typer
from typer.exceptions import TyperException

from pipeline import __version__
from pipeline.cli.commands import SUMMARIES, Commands
from pipeline.errors import CleanplateError

EPILOG = (
    "Exit codes: 0 done, 1 a check found something, 2 bad usage or configuration, 3 a stage could not be set up, "
    "4 failed or incomplete, 129/130/143 interrupted.\n\n"
    "\b\nExamples:\n"
    "  cleanplate run remove-people --input street.mp4 --output clean.mp4\n"
    "  cleanplate check remove-people\n"
    "  cleanplate doctor\n"
)

app = typer.Typer(
    cls=Commands,
    help="Remove, hide or re-code people and things in live or recorded video.",
    epilog=EPILOG,
    no_args_is_help=True,
    add_completion=True,
    rich_markup_mode=None,  # it would take [dog] in an example for a colour, and joins the lines of examples
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
for _name, _summary in SUMMARIES.items():
    app.command(_name, help=_summary)(lambda: None)


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
        code = app(prog_name="cleanplate", standalone_mode=False)
    except TyperException as error:
        print(_usage(error), file=sys.stderr)
        sys.exit(error.exit_code)
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
    sys.exit(code if isinstance(code, int) else 0)


def _usage(error: TyperException) -> str:
    """What is wrong with the command line, in one line; without any command, the help."""
    said = error.format_message().strip()
    if said.startswith("Usage:"):
        return said
    where = getattr(getattr(error, "ctx", None), "command_path", "cleanplate")
    said = " ".join(said.split()).rstrip(".")
    said = re.sub(r"\. Did you", "; did you", re.sub(r" \(Possible options: (.*)\)$", r"; did you mean \1?", said))
    return f"cleanplate: {said[:1].lower()}{said[1:]}; see `{where} --help`"
