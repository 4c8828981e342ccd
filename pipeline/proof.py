"""Proof: the audit and the manifest of one run: begun with it, closed with it, whatever its end."""

from __future__ import annotations

import hashlib
import json
import os
import signal
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from importlib import metadata
from pathlib import Path
from types import FrameType
from typing import Any

from pipeline import __version__, chain, manifest
from pipeline.audit import ENDING, Audit
from pipeline.config import Plan
from pipeline.errors import CleanplateError, ConfigError
from pipeline.hashing import Hashed
from pipeline.masking import masked, secrets_of
from pipeline.outlets import SCHEME
from pipeline.supervisor import Supervisor

MOST_FILES = 100_000  # of a folder
FOLDER = "recording:"  # before one
PART = ".part"  # an output that was not completed

Stamp = tuple[int, int]  # bytes, nanoseconds


def audit_of(path: Path) -> Path:
    """Where the audit of a manifest stands."""
    return path.with_name(path.name + ENDING)


class Proof:
    """`names` are those of the classes of objects; `told` hears of long hashing."""

    def __init__(self, path: Path, plan: Plan, *, names: Sequence[str] = (), told: Hashed = lambda *_: None) -> None:
        """Raises ConfigError where it would replace something."""
        self.path = path
        self.audit: Audit
        self._plan, self._names, self._told = plan, tuple(names), told
        self._began = datetime.now().astimezone()
        self._secrets = sorted({secret for text in _texts(plan) for secret in secrets_of(text)}, key=len, reverse=True)
        self.configuration = self._masked(_configuration(plan))
        self.config_sha256 = _sha256(self.configuration)
        self._input = str(plan.stages[0].options.get("input", ""))
        self._keep_apart()
        self.hurried = 0  # the signal that came while files were hashed
        self._input_was = _stamp(self._input)
        self._outputs_were = {file: _stamp(file) for name in plan.outputs for file in (name, name + PART)}
        self._beside = {folder: _stamps(folder) for folder in map(_folder, plan.outputs) if folder}

    def attach(self, supervisor: Supervisor) -> None:
        """Begin the audit, and hear of every frame of this run. Raises ConfigError where it cannot be written."""
        header: dict[str, Any] = {"pipeline": self._plan.config.name, "version": __version__}
        header |= {"config": self.config_sha256, "began": self._began.isoformat(timespec="seconds")}
        try:
            self.audit = Audit(audit_of(self.path), {**header, "classes": self._names}, secrets=self._secrets)
        except OSError as error:
            raise ConfigError(f"--manifest {self.path}: cannot be written ({error.strerror})") from error
        supervisor.ledger.told = self.audit.ended
        supervisor.books.audit = self.audit
        self.audit.watch(lambda: supervisor.staffing.memory.view("objects"))

    def hurry(self, number: int, _: FrameType | None = None) -> None:
        """A signal asks for the end: what is not hashed yet is not hashed, and the manifest is written at once."""
        self.hurried = number

    @contextmanager
    def heeding(self, *numbers: signal.Signals) -> Iterator[None]:
        """While entered, these signals hurry it. From the main thread only."""
        earlier = {number: signal.signal(number, self.hurry) for number in numbers}
        try:
            yield
        finally:
            for number, handler in earlier.items():
                signal.signal(number, handler)

    def conclude(self, report: dict[str, Any], code: int) -> str:
        """Write both; the hash of the manifest's last line. Raises CleanplateError."""
        trouble: OSError | None = None
        try:
            self.audit.close({"frames": report["frames"], "models": report["models"]})
        except OSError as error:
            trouble = error  # the manifest is written all the same, and lists no audit that is whole
        try:
            head = chain.write(self.path, self._facts(report, code))
        except OSError as error:
            raise CleanplateError(f"the manifest {self.path} cannot be written: {error.strerror}") from error
        if trouble is not None:
            raise CleanplateError(f"the audit {self.audit.path} is not complete: {trouble}") from trouble
        return head

    # What is said

    def _facts(self, report: dict[str, Any], code: int) -> Iterator[manifest.Fact]:
        lines: Counter[str] = Counter()
        for fact in self._lines(report, code):
            lines[fact["kind"]] += 1
            yield fact
        yield manifest.ending(lines)

    def _lines(self, report: dict[str, Any], code: int) -> Iterator[manifest.Fact]:
        folder = self.path.absolute().parent
        ended = datetime.now().astimezone()
        said = {
            key: self._masked(report[key]) for key in ("pipeline", "version", "result", "error", "seconds", "video")
        }
        times = {"began": self._began.isoformat(timespec="seconds"), "ended": ended.isoformat(timespec="seconds")}
        configuration = {"configuration": self.configuration, "config_sha256": self.config_sha256}
        yield {"kind": "run", "manifest": manifest.VERSION, **said, "code": code, **times, **configuration}
        yield {"kind": "software", "machine": report["machine"], "packages": _packages()}
        yield from ({"kind": "model", **self._masked(model)} for model in report["models"])
        yield from self._input_lines(folder)
        for name in self._plan.outputs:
            yield from self._output_lines(name, folder)
        changes = self._masked(report["changes"])
        yield {"kind": "frames", **report["frames"], "balanced": report["ledger_balanced"], "changes": changes}
        yield from ({"kind": "track", **fact} for fact in self.audit.actions.facts(self._names))
        yield from manifest.file_facts("audit", str(self.audit.path), folder, self._hashed, lost=self.audit.lost)

    def _input_lines(self, folder: Path) -> Iterator[manifest.Fact]:
        if os.path.isdir(self._input):
            for name in sorted(_stamps(self._input)):
                yield from manifest.file_facts("input", os.path.join(self._input, name), folder, self._hashed)
        elif os.path.isfile(self._input):
            changed = {"changed": True} if _stamp(self._input) != self._input_was else {}
            yield from manifest.file_facts("input", self._input, folder, self._hashed, **changed)
        else:
            why = "a live source, or one that is no file: there is nothing to hash"
            yield {"kind": "source", "input": masked(self._input, self._secrets), "sha256": None, "why": why}

    def _output_lines(self, name: str, folder: Path) -> Iterator[manifest.Fact]:
        if (place := _folder(name)) is not None:
            before = self._beside.get(place, {})
            for file, stamp in sorted(_stamps(place).items()):
                if before.get(file) != stamp:
                    more = {"complete": False} if file.endswith(PART) else {}
                    yield from manifest.file_facts("output", os.path.join(place, file), folder, self._hashed, **more)
        elif self._made(name):
            yield from manifest.file_facts("output", name, folder, self._hashed)
        elif self._made(name + PART):
            yield from manifest.file_facts("output", name + PART, folder, self._hashed, complete=False)
        else:
            why = "the file of that name is an earlier one" if os.path.isfile(name) else "no file is left of it"
            yield {"kind": "sink", "output": masked(name, self._secrets), "sha256": None, "why": why}

    # Inside

    def _made(self, name: str) -> bool:
        """Whether this run has written a file of that name; one may have been there before it."""
        return os.path.isfile(name) and _stamp(name) != self._outputs_were.get(name)

    def _hashed(self, name: str, done: int, total: int) -> None:
        if self.hurried:
            raise KeyboardInterrupt
        self._told(name, done, total)

    def _keep_apart(self) -> None:
        own = {os.path.realpath(self.path), os.path.realpath(audit_of(self.path))}
        for name in (self._input, *self._plan.outputs):
            if name and os.path.realpath(name) in own:
                raise ConfigError(f"--manifest {self.path}: it, or its {ENDING}, would replace {masked(name)}")

    def _masked(self, value: Any) -> Any:
        if isinstance(value, dict):
            return {key: self._masked(one) for key, one in value.items()}
        if isinstance(value, list | tuple):
            return [self._masked(one) for one in value]
        return masked(value, self._secrets) if isinstance(value, str) else value


def _configuration(plan: Plan) -> dict[str, Any]:
    """As it takes effect, every default in it."""
    content = plan.config.model_dump(mode="json", by_alias=True, exclude={"stages"})
    content |= {"slots": plan.slots, "on_full": plan.on_full}
    content["stages"] = [
        built.config.model_dump(mode="json", by_alias=True)
        | {"uses": built.uses, "with": built.stage.model_dump(mode="json"), "after": built.after}
        for built in plan.stages
    ]
    return content


def _texts(plan: Plan) -> Iterator[str]:
    for built in plan.stages:
        yield from (value for value in built.options.values() if isinstance(value, str))


def _sha256(value: Any) -> str:
    return hashlib.sha256(json.dumps(value, sort_keys=True, separators=(",", ":")).encode()).hexdigest()


def _packages() -> dict[str, str]:
    found = {dist.metadata["Name"]: dist.version for dist in metadata.distributions() if dist.metadata["Name"]}
    return dict(sorted(found.items()))


def _folder(name: str) -> str | None:
    """The folder into which an output puts files; None where it is none."""
    if name.startswith(FOLDER):
        return name.removeprefix(FOLDER)
    if SCHEME.match(name) and not os.path.exists(name):
        return None
    return name if name.endswith("/") or os.path.isdir(name) else None


def _stamp(path: str) -> Stamp | None:
    try:
        status = os.stat(path)
    except (OSError, ValueError):
        return None
    return status.st_size, status.st_mtime_ns


def _stamps(folder: str) -> dict[str, Stamp]:
    """The files in a folder with their sizes and times; none where there is no folder."""
    if not os.path.isdir(folder):
        return {}
    with os.scandir(folder) as entries:
        files = [entry for entry in entries if entry.is_file(follow_symlinks=False)]
    return {
        entry.name: (entry.stat().st_size, entry.stat().st_mtime_ns)
        for entry in files[:MOST_FILES]
        if entry.name != "recording.index"
    }
