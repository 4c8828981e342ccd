"""What does Ray cost beside the local engine, and what would many machines give? Jobs at equal lanes, in turn.

`python -m benchmarks.cluster --data FOLDER` measures, writes `results/cluster.json` and the tables of
`docs/scaling.md`; `--page` only the tables, from the results. Measure on a machine that does nothing else.

`overhead`: seconds of the whole command with `--engine ray`, by those of the local engine of the same round, less one:
`cluster` on a cluster that runs already, `own` where the command starts Ray and ends it. `model`: what the page's
formulas stand on, each measured here.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

from benchmarks import cluster_page
from benchmarks.jobs_runs import Task, run_job, run_whole
from benchmarks.results import FOLDER, complete, save
from benchmarks.transport import Bystanders
from pipeline.errors import ConfigError
from pipeline.jobs.cutting import Cutter
from pipeline.jobs.index import read_index
from pipeline.jobs.manifest import Manifest
from pipeline.jobs.opening import open_job
from pipeline.jobs.ray_cluster import open_cluster
from pipeline.jobs.stitching import stitch

RESULT = FOLDER / "cluster.json"
CLIP = Path("real") / "one-by-one-person-detection.mp4"
SEGMENT, LANES, ROUNDS = "15s", 2, 3
GOAL = 0.10


def measure(task: Task, scratch: Path, segment: str, rounds: int) -> dict[str, Any]:
    """Each way in turn, `rounds` times; then what the model needs. Raises RunError, SetupError."""
    seconds: dict[str, list[float]] = {"local": [], "cluster": [], "own": []}
    joined = scratch / "local.mp4"
    for number in range(rounds):
        for way, taken in seconds.items():
            output = joined if way == "local" and not number else scratch / f"{way}-{number}.mp4"
            with _engine(way) as more:
                took, manifest = run_job(task, output, segment=segment, workers=LANES, more=more)
            taken.append(took)
            print(f"round {number + 1} of {rounds}: {way}: {took:.1f} s", flush=True)
    pairs = {way: [a / b - 1 for a, b in zip(seconds[way], seconds["local"], strict=True)] for way in seconds}
    overhead = {way: round(statistics.median(ratios), 4) for way, ratios in pairs.items() if way != "local"}
    start = statistics.median(run_whole(task, scratch / f"start-{number}.mp4", frames=1) for number in range(rounds))
    local = statistics.median(seconds["local"])
    return {
        "config": task.config, "segment": segment, "segments": len(manifest.segments), "lanes": LANES, "rounds": rounds,
        "seconds": {way: [round(one, 2) for one in taken] for way, taken in seconds.items()},
        "overhead": overhead, "goal": GOAL, "met": overhead["cluster"] <= GOAL,
        "model": _model(task, joined, manifest, local, start),
    }  # fmt: skip


@contextmanager
def _engine(way: str) -> Iterator[list[str]]:
    """What is said of the engine; a cluster is there before the clock runs."""
    if way != "cluster":
        yield [] if way == "local" else ["--engine", "ray"]
        return
    with closing(open_cluster(None)):
        import ray

        yield ["--engine", "ray", "--address", ray.get_runtime_context().gcs_address]


def _model(task: Task, joined: Path, manifest: Manifest, local_s: float, start_s: float) -> dict[str, Any]:
    """Seconds that a segment takes to begin, to be cut; frames/s of a lane once it runs; bytes/s of joining."""
    index = read_index(str(task.video), manifest.spec)
    segments = manifest.segments
    with tempfile.TemporaryDirectory() as folder:
        cutter = Cutter(str(task.video), index, manifest.spec, folder)
        begun = time.monotonic()
        cuts = list(cutter.cuts([segment.piece for segment in segments]))
        cut_s = (time.monotonic() - begun) / len(segments)
        cut_bytes = sum(Path(cut.path).stat().st_size for cut in cuts) / len(cuts)
    begun = time.monotonic()
    stitch(open_job(str(task.video), manifest.call.model_copy(update={"outputs": [str(joined)]})))
    join_s = time.monotonic() - begun
    frames = sum(segment.frames for segment in segments)
    done = sum(segment.lead + segment.frames + segment.tail for segment in segments)
    lane_s = local_s * LANES - start_s * len(segments)
    return {
        "rate": round(float(manifest.spec.rate), 3), "frames": frames, "width": manifest.spec.width,
        "height": manifest.spec.height, "preroll_s": manifest.preroll_s, "start_s": round(start_s, 2),
        "lane_fps": round(done / max(lane_s, 1e-9), 2), "lane_cpus": 1, "cut_s": round(cut_s, 4),
        "cut_bytes_per_s": round(cut_bytes * len(cuts) / (frames / float(manifest.spec.rate))),
        "join_bytes_per_s": round(joined.stat().st_size / join_s),
        "output_bytes_per_s": round(joined.stat().st_size / (frames / float(manifest.spec.rate))),
    }  # fmt: skip


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure what is wanted; write the tables."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.cluster")
    parser.add_argument("--data", type=Path, help="the folder with real/")
    parser.add_argument("--video", type=Path, help="another clip")
    parser.add_argument("--config", default="remove-people")
    parser.add_argument("--segment", default=SEGMENT)
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    parser.add_argument("--json", type=Path, default=RESULT, help="default: %(default)s")
    parser.add_argument("--page", action="store_true", help="measure nothing")
    wanted = parser.parse_args(arguments)
    if not wanted.page:
        if wanted.data is None and wanted.video is None:
            raise ConfigError("--data: where the clips are; or --video")
        task, others = Task(wanted.video or wanted.data / CLIP, wanted.config), Bystanders()
        with tempfile.TemporaryDirectory() as scratch:
            found = measure(task, Path(scratch), wanted.segment, wanted.rounds)
        save(wanted.json, complete("cluster", {**found, "others_busy": round(others.processors(), 2)}))
    if wanted.json == RESULT:
        cluster_page.write()


if __name__ == "__main__":
    main()
