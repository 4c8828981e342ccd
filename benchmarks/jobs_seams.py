"""How like one run is what was joined, where segments begin? By what comes before, on real and made clips."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.jobs_runs import Task, likeness, run_job, run_whole
from pipeline.jobs.manifest import Manifest

AT_SEAM = 5  # pictures of a segment that count as its beginning
ALLOWED_DB = 0.3
LOSSLESS = "output.codec=ffv1"
REAL = "one-by-one-person-detection"

Told = Callable[[str], None]


@dataclass(frozen=True)
class Lead:
    """What comes before a segment: `preroll` seconds of all pictures, and one a second up to `reach` seconds before."""

    preroll: float
    reach: float = 0.0

    @property
    def name(self) -> str:
        return f"{self.preroll:g}/{self.reach:g}"


LEADS = tuple(Lead(*one) for one in ((0, 0), (1, 0), (2, 0), (3, 0), (5, 0), (1, 30), (3, 30), (3, 60)))


@dataclass(frozen=True)
class Clip:
    """A video, what is removed from it, and how it is cut."""

    name: str
    path: Path
    segment: str
    classes: str = "person"

    @property
    def task(self) -> Task:
        return Task(self.path, sets=(f"segmentation.classes=[{self.classes}]",))


def clips(data: Path) -> Iterator[Clip]:
    """Those of the folder `data` that are there."""
    real = data / "real" / f"{REAL}.mp4"
    if real.exists():
        yield Clip(REAL, real, "10s")
    for place in sorted((data / "composites").glob("*/input.mp4")):
        name = place.parent.name
        yield Clip(name, place, "1.5s", "dog" if "dog" in name else "person")


def measure(data: Path, scratch: Path, leads: Sequence[Lead], told: Told) -> dict[str, Any]:
    """The figures of all clips, by name. Raises RunError."""
    found = {}
    for clip in clips(data):
        folder = scratch / clip.name
        folder.mkdir()
        found[clip.name] = _clip(clip, folder, leads, told)
    return found


def _clip(clip: Clip, folder: Path, leads: Sequence[Lead], told: Told) -> dict[str, Any]:
    """For each lead the likeness to one run; as it is encoded by default, and without loss, where all that differs
    is what the stages remember."""
    found: dict[str, Any] = {}
    for kind, sets, suffix in (("h264", (), ".mp4"), ("lossless", (LOSSLESS,), ".mkv")):
        task = Task(clip.path, sets=(*clip.task.sets, *sets))
        whole = folder / f"whole{suffix}"
        run_whole(task, whole)
        for lead in leads:
            out = folder / f"joined-{lead.preroll:g}-{lead.reach:g}{suffix}"
            reach = ("--reach", f"{lead.reach:g}s")
            _, manifest = run_job(task, out, segment=clip.segment, preroll=lead.preroll, workers=2, more=reach)
            figures = at_seams(likeness(out, whole), manifest)
            told(f"{clip.name}, {kind}, pre-roll/reach {lead.name} s: {figures}")
            found.setdefault(lead.name, {})[kind] = figures
    return {"segment": clip.segment, "leads": found}


def at_seams(decibels: Sequence[float], manifest: Manifest) -> dict[str, Any]:
    """What `decibels`, one for each picture, say of the beginnings of segments beside all of the clip."""
    begins, begun = [], 0
    for segment in manifest.segments:
        begins.append(begun)
        begun += segment.frames
    at = [statistics.mean(decibels[begin : begin + AT_SEAM]) for begin in begins[1:]]
    lead = sum(segment.lead for segment in manifest.segments) / begun
    jumps = [segment.seam for segment in manifest.segments if segment.seam is not None]
    median, least = statistics.median(decibels), min(at)
    return {
        "median_db": round(median, 2), "seams_db": round(statistics.mean(at), 2), "worst_seam_db": round(least, 2),
        "below_db": round(median - statistics.mean(at), 2), "lead_share": round(lead, 3),
        "largest_jump": max(jumps, default=None), "seams": len(at),
    }  # fmt: skip
