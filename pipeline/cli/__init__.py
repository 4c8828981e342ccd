"""The command line: one module per command; the only place that prints."""

from __future__ import annotations


def main() -> None:
    """Entry point of `cleanplate`."""
    from pipeline.cli.app import run_app

    run_app()
