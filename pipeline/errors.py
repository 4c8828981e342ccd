"""Every error that this package raises on purpose, with the exit code that the command line gives it."""

from __future__ import annotations


class CleanplateError(Exception):
    """Base of all errors that are the user's to read: one line that shows the value and the way out."""

    exit_code = 4


class ConfigError(CleanplateError):
    """The command line or the configuration is wrong: says file, key path, what is wrong and the close match."""

    exit_code = 2


class SetupError(CleanplateError):
    """A stage could not be set up (no such input, missing weights): it is not started again."""

    exit_code = 3


class RunError(CleanplateError):
    """The run failed, or is incomplete."""

    exit_code = 4


class RingError(SetupError):
    """Shared memory for the ring could not be had."""


class ProtocolError(CleanplateError):
    """A message broke the protocol: it is counted and dropped, never acted on."""
