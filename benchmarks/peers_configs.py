"""The pipelines of ours that stand beside peers: shipped ones, and two with as few stages as theirs."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import yaml

from benchmarks.peers_job import PACE, Config, Job
from benchmarks.removal_runs import STAGES
from pipeline.reading import shipped


def copied(job: Job) -> Path:
    """Nothing between the source and the sink."""
    return _written(job, "copy", [_stage("ingest", "stages.ingest:Auto"), _output(view="input")])


def unremembered(job: Job) -> Path:
    """What the queue does, and no more: no tracks, no plate."""
    middle = [
        _stage("segmentation", "stages.segmentation:Segmentation"),
        _stage("plate", f"{STAGES}:Unremembered"),
        _stage("inpainting", "stages.inpainting:Inpainting", model="push-pull"),
    ]
    return _written(job, "unremembered", [_stage("ingest", "stages.ingest:Auto"), *middle, _output()])


def paced(config: Config) -> Config:
    """The same, its frames coming one by one."""

    def made(job: Job) -> Path:
        path = config(job)
        content = yaml.safe_load(path.read_text() if isinstance(path, Path) else shipped()[path].read_text())
        content["stages"][0] |= {"uses": "benchmarks.peers_stages:Paced", "with": {"pace": PACE}}
        return _file(job, f"{content['name']}-paced", content)

    return made


def named(name: str) -> Config:
    """A shipped configuration, as it is."""
    return lambda job: name


def _stage(name: str, uses: str, **options: Any) -> dict[str, Any]:
    return {"name": name, "uses": uses, "with": options}


def _output(**options: Any) -> dict[str, Any]:
    return _stage("output", "stages.output:Auto", codec="h264", audio="drop", **options)


def _written(job: Job, name: str, stages: Sequence[dict[str, Any]]) -> Path:
    return _file(job, name, {"name": name, "stages": list(stages)})


def _file(job: Job, name: str, content: dict[str, Any]) -> Path:
    path = job.folder / f"{name}.yaml"
    path.write_text(yaml.safe_dump(content, sort_keys=False))
    return path
