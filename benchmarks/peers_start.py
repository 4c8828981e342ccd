"""How each peer is started over a file, and how what it says of itself is heard; measures nothing."""

from __future__ import annotations

import json
import sys

from benchmarks.peers_job import PACE, Config, Job, Said, Start
from benchmarks.privacy_runs import BIN, Command, bar_rate
from pipeline.errors import RunError

ENCODER = ("-c:v", "libx264", "-preset", "veryfast", "-crf", "20", "-pix_fmt", "yuv420p")


def ffmpeg(job: Job) -> Command:
    import imageio_ffmpeg

    quiet = ("-v", "error", "-nostdin", "-y")
    return [imageio_ffmpeg.get_ffmpeg_exe(), *quiet, "-i", job.clip, *ENCODER, "-an", job.output]


def deface(job: Job) -> Command:
    return [BIN / "deface", job.clip, "-o", job.output, "--replacewith", "solid"]


def nothing_said(said: str, job: Job) -> Said:
    """It says no rate of its own; the outside tells it, as it has next to nothing to load."""
    return Said()


def bar(said: str, job: Job) -> Said:
    """Its progress bar's; one frame after the other, so each is as late as it takes. Raises RunError."""
    rate = bar_rate(said)
    return Said(rate, 1000 / rate)


def last_line(said: str, job: Job) -> Said:
    """What `peers_scripts` prints. Raises RunError where it does not."""
    try:
        found = json.loads(said.strip().splitlines()[-1])
        return Said(found["steady_fps"], found["late_ms"], found["cpu_s"])
    except (IndexError, ValueError, KeyError, TypeError) as error:
        raise RunError(f"no figures in what it said last: {said.strip()[-80:]!r}") from error


def reported(said: str, job: Job) -> Said:
    """Its report's."""
    found = json.loads(job.report.read_text())
    return Said(found["fps"], found["latency_ms"]["p50"])


def script(name: str, *, pace: bool = False) -> Start:
    def start(job: Job) -> Command:
        rest = ["--lama", str(job.lama)] if name == "usual" else []
        if job.few:
            rest += ["--every", str(max(1, job.frames // job.few)), "--most", str(job.few)]
        paced = ["--pace", str(PACE)] if pace else []
        return [sys.executable, "-m", "benchmarks.peers_scripts", name, job.clip, job.output, *rest, *paced]

    return start


def ours(config: Config, *sets: str) -> Start:
    def start(job: Job) -> Command:
        chosen = [part for one in sets for part in ("--set", one)]
        limit = ["--frames", str(job.few)] if job.few else []
        return [BIN / "cleanplate", "run", config(job), "-i", job.clip, "-o", job.output,
                "--report", job.report, "--quiet", *limit, *chosen]  # fmt: skip

    return start
