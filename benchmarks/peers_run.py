"""One task's peers over one clip, in interleaved rounds, each measured alike from outside; judges no picture."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from benchmarks.peers_job import Job, Said
from benchmarks.peers_known import Peer
from benchmarks.peers_memory import Peak
from benchmarks.privacy_runs import timed

FEW = 8  # frames for who takes seconds for each
LATE = 24  # frames for how late they are

Told = Callable[[str], None]
Judge = Callable[[Path, Sequence[int]], dict[str, Any]]
"""What the pictures of a file are worth, given which frames of the clip they are."""


@dataclass(frozen=True)
class Round:
    """One run: frames by the seconds of the whole command; frames/s while at it; seconds until a first picture lay on
    the disk; CPU of all processes; the most memory that they took together; what came out."""

    frames_per_s: float
    steady_fps: float
    first_s: float
    cpu_ms_per_frame: float
    peak_mb: float
    kb_per_frame: float


@dataclass(frozen=True)
class Task:
    """A clip of so many frames, who works on it, how what comes out is judged."""

    name: str
    clip: Path
    frames: int
    peers: Sequence[Peer]
    judge: Judge | None = None


def measure(task: Task, folder: Path, lama: Path, rounds: int, told: Told) -> dict[str, Any]:
    """Every peer's figures: medians of rounds, and those of the last one's pictures. Raises RunError, OSError."""
    ran: dict[str, list[Round]] = {peer.name: [] for peer in task.peers}
    late: dict[str, list[float]] = {peer.name: [] for peer in task.peers}
    judged: dict[str, dict[str, Any]] = {}
    for number in range(rounds):
        for peer in task.peers:
            job = _job(task, peer, folder, lama)
            one, said = once(peer, job)
            ran[peer.name].append(one)
            late[peer.name] += lateness(peer, job, said)
            if task.judge and number == rounds - 1:
                judged[peer.name] = task.judge(job.output, looked_at(job))
            told(f"{task.name}, round {number + 1} of {rounds}: {peer.name} {one.steady_fps:.2f} frames/s")
    return {
        peer.name: {
            "says": peer.says, "ours": peer.ours, "frames": len(looked_at(_job(task, peer, folder, lama))),
            **medians(ran[peer.name]), "late_ms": _median(late[peer.name]), **judged.get(peer.name, {}),
        }
        for peer in task.peers
    }  # fmt: skip


def once(peer: Peer, job: Job) -> tuple[Round, Said]:
    """One run as fast as it can: what is seen from outside, and what it says of itself. Raises RunError."""
    peak = Peak()
    took = timed(peer.start(job), job.output, peak)
    said, frames = peer.hear(took.said, job), len(looked_at(job))
    cpu = said.cpu_s if peer.few and said.cpu_s is not None else took.cpu_s
    seen = Round(
        frames_per_s=frames / took.seconds,
        steady_fps=said.steady_fps or frames / took.seconds,
        first_s=took.seconds if took.first_s is None else took.first_s,
        cpu_ms_per_frame=1000 * cpu / frames,
        peak_mb=peak.mb,
        kb_per_frame=job.output.stat().st_size / 1000 / frames,
    )
    return seen, said


def lateness(peer: Peer, job: Job, said: Said) -> list[float]:
    """Milliseconds from in to out, where it can be told: of another run, whose frames come at PACE, or of this very one
    where no frame waits for another. Raises RunError."""
    if peer.paced:
        slow = replace(job, few=min(LATE, job.frames), output=job.output.with_stem(f"{job.output.stem}-paced"))
        said = peer.hear(timed(peer.paced(slow), slow.output).said, slow)
    return [] if said.late_ms is None else [said.late_ms]


def looked_at(job: Job) -> range:
    """Which frames of the clip come out: all, or the middle ones of equal parts."""
    if not job.few:
        return range(job.frames)
    every = max(1, job.frames // job.few)
    return range(every // 2, job.frames, every)[: job.few]


def medians(rounds: Sequence[Round]) -> dict[str, Any]:
    """Of each figure, and what the rounds gave."""
    rows = [asdict(one) for one in rounds]
    series = {key: [round(row[key], 3) for row in rows] for key in rows[0]}
    return {**{key: round(statistics.median(values), 3) for key, values in series.items()}, "of_rounds": series}


def _median(values: Sequence[float]) -> float | None:
    return round(statistics.median(values), 1) if values else None


def _job(task: Task, peer: Peer, folder: Path, lama: Path) -> Job:
    few = min(FEW, task.frames) if peer.few else 0
    output = folder / f"{task.name}-{task.peers.index(peer)}.mp4"
    return Job(task.clip, output, folder, lama, task.frames, few)
