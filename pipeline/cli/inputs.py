"""The inputs of one call and what each of them becomes: globs are expanded, and names made from a pattern."""

from __future__ import annotations

import glob
import itertools
import os
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from pipeline.errors import ConfigError, RunError
from pipeline.outlets import SCHEME
from pipeline.reading import close_match, escaped, printable
from stages.images import natural

PLACEHOLDERS = ("name", "ext", "folder", "index", "n")
FREE = "\0"  # in no name there is
RECORDING = "recording:"  # before the folder of one
MAX_INPUTS = 10_000
_FIELD = re.compile(r"\{([^{}]*)\}")
_INDEX = re.compile(r"index:0?([1-9])")  # {index:03}: three digits


@dataclass(frozen=True)
class Errand:
    """One run of a call: what goes in, where it comes out, where its report and its manifest go."""

    input: str | None
    outputs: tuple[str, ...]
    report: Path | None
    manifest: Path | None = None
    folders: tuple[str, ...] = ()  # to be made first

    @property
    def label(self) -> str:
        return printable(self.input or "")

    def make_folders(self) -> None:
        """Make those that its names need. Raises RunError."""
        for folder in self.folders:
            try:
                os.makedirs(folder, exist_ok=True)
            except OSError as error:
                raise RunError(f"{printable(folder)}: this folder cannot be made ({error.strerror})") from error


def errands(
    inputs: Sequence[str], outputs: Sequence[str], report: str | None, manifest: str | None = None
) -> list[Errand]:
    """One errand for each input, in order; one without input where none is given. Raises ConfigError; makes nothing."""
    found = expand(inputs)
    if not found:
        return [Errand(None, tuple(outputs), _path(report), _path(manifest))]
    many = len(found) > 1
    columns = [_names("--output", output, found, many=many) for output in outputs]
    reports = _names("--report", report, found, many=many)
    proofs = _names("--manifest", manifest, found, many=many)
    made = []
    for at, (one, told, proof) in enumerate(zip(found, reports, proofs, strict=True)):
        outs = [column[at] or "" for column in columns]
        folders = [_folder_to_make("--output", pattern, out) for pattern, out in zip(outputs, outs, strict=True)]
        folders.append(_folder_to_make("--report", report, told))
        folders.append(_folder_to_make("--manifest", manifest, proof))
        made.append(Errand(one, tuple(outs), _path(told), _path(proof), tuple(filter(None, folders))))
    return made


def _path(name: str | None) -> Path | None:
    return Path(name) if name else None


def expand(inputs: Sequence[str]) -> list[str]:
    """The inputs with globs replaced by the files that match, as a person would count them; each file once."""
    found: dict[str, str] = {}
    for given in inputs:
        for one in _matches(given) if _is_glob(given) else [given]:
            found.setdefault(os.path.realpath(one) if os.path.exists(one) else one, one)
    if len(found) > MAX_INPUTS:
        raise ConfigError(f"--input: {len(found)} inputs are too many for one call; the limit is {MAX_INPUTS}")
    return list(found.values())


def _is_glob(given: str) -> bool:
    return glob.has_magic(given) and not SCHEME.match(given) and not os.path.lexists(given)


def _matches(pattern: str) -> list[str]:
    """Files; folders too where the pattern ends in a slash."""
    try:
        found = glob.glob(pattern, recursive=True)
    except (re.error, ValueError, OSError) as error:
        raise ConfigError(f"--input {printable(pattern)}: not a pattern ({error})") from error
    kept = [one for one in found if pattern.endswith("/") or os.path.isfile(one)]
    if not kept:
        raise ConfigError(f"--input {printable(pattern)}: no file matches")
    return sorted(kept, key=lambda one: (natural(one), one))


def _names(option: str, pattern: str | None, inputs: Sequence[str], *, many: bool) -> list[str | None]:
    """What a pattern gives for each input, all different. Raises ConfigError."""
    fields = _FIELD.findall(pattern or "")
    known = [field for field in fields if field in PLACEHOLDERS or _INDEX.fullmatch(field)]
    if pattern is None or not (known or many):
        return [pattern] * len(inputs)
    if SCHEME.match(pattern) and not known:  # no file is written, so none can be written twice
        return [pattern] * len(inputs)
    label = f"{option} {printable(pattern)}"
    if wrong := [field for field in fields if field not in known]:
        raise ConfigError(f"{label}: no placeholder {{{printable(wrong[0])}}}{close_match(wrong[0], PLACEHOLDERS)}")
    counters: dict[str, Iterator[int]] = {}
    made = [_free(fill(pattern, one, number), counters) for number, one in enumerate(inputs, 1)]
    if many and not known:
        raise ConfigError(
            f"{label}: {len(inputs)} inputs would all become this one; make it a pattern such as "
            f"{_suggest(pattern)!r} ({', '.join(f'{{{name}}}' for name in PLACEHOLDERS)})"
        )
    return list(made)


def _free(name: str, counters: dict[str, Iterator[int]]) -> str:
    """The name with the first number from 1 on with which nothing exists, and which no other input of the call has.

    `counters`: how far they are, by name."""
    if FREE not in name:
        return name
    numbers = counters.setdefault(name, itertools.count(1))
    return next(one for one in (name.replace(FREE, str(n)) for n in numbers) if not os.path.lexists(one))


def fill(pattern: str, given: str, number: int) -> str:
    """The name that a pattern gives for an input, the `number`th of the call; FREE stands where {n} will."""
    if SCHEME.match(given) and not os.path.exists(given):
        name, ext, folder = re.sub(r"[^\w.-]+", "-", given)[:60].strip("-"), "", "."
    else:
        path = Path(given)
        name, ext = (path.name, "") if path.is_dir() else (path.stem, path.suffix)
        folder = os.path.dirname(given.rstrip("/")) or "."
    values = {"name": name or "input", "ext": ext, "folder": folder, "index": str(number), "n": FREE}

    def value(match: re.Match[str]) -> str:
        width = _INDEX.fullmatch(match[1])
        return str(number).zfill(int(width[1])) if width else values[match[1]]

    return _FIELD.sub(value, pattern)


def _suggest(pattern: str) -> str:
    path = Path(pattern)
    if pattern.endswith("/") or path.is_dir():
        return f"{pattern.rstrip('/')}/{{name}}{{ext}}"
    return str(path.with_name(f"{{name}}-{path.name}"))


def keep_apart(todo: Sequence[Errand], outputs: Sequence[Sequence[str]]) -> None:
    """No run of a call may replace what another one reads or has written. Raises ConfigError.

    `outputs` are those of each run: a pipeline may have several sinks."""
    given = {os.path.realpath(one.input): one.label for one in todo if one.input and os.path.exists(one.input)}
    seen: dict[str, Errand] = {}
    for errand, names in zip(todo, outputs, strict=True):
        for name in (*names, *(str(own) for own in (errand.report, errand.manifest) if own)):
            if "://" in name or name.startswith(
                RECORDING
            ):  # replaces nothing: what comes later is sent, or put, after it
                continue
            place = os.path.realpath(name)
            if one := given.get(place):
                raise ConfigError(f"{printable(name)}: would replace the input {one}")
            other = seen.setdefault(place, errand)
            if other is not errand:
                raise ConfigError(
                    f"{other.label} and {errand.label} would both become {printable(name)}; add {{folder}} or {{index}}"
                )


def _folder_to_make(option: str, pattern: str | None, made: str | None) -> str | None:
    """The folder of a name made from a pattern, where it is not there: with a placeholder in it, who can have made it?

    Of what stands before the first placeholder only the last folder is made: a misspelt way, or one to a disk that is
    not mounted, is refused. Raises ConfigError."""
    if not pattern or not made or pattern == made or "://" in pattern:
        return None
    label = f"{option} {printable(pattern)}"
    pattern, made = pattern.removeprefix(RECORDING), made.removeprefix(RECORDING)
    fixed = os.path.dirname(_FIELD.split(pattern)[0])
    held = os.path.isdir(os.path.dirname(fixed) or ".") and not os.path.lexists(fixed)
    if fixed and not os.path.isdir(fixed) and not held:
        raise ConfigError(f"{label}: there is no folder {escaped(fixed)}; make it first")
    folder = os.path.dirname(made.rstrip("/"))
    return folder if folder and not os.path.isdir(folder) else None
