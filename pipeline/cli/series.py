"""Series: the status of a run as Prometheus metrics: counters that only grow, seconds and bytes. Serves nothing."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric

from pipeline.cli.live import dropped
from pipeline.cli.usage import Device, Usage

PHASES = ("starting", "running", "paused", "finishing", "ended")
QUANTILES = {"p50": "0.5", "p95": "0.95", "p99": "0.99"}


def unanswered(run: str, reason: str) -> Iterator[Metric]:
    """What is told of a run that has not answered, or of none."""
    yield _up(run, 0)
    why = GaugeMetricFamily("cleanplate_unanswered", "Why there is nothing else.", labels=("run", "reason"))
    why.add_metric((run, reason), 1)
    yield why


def families(answer: Mapping[str, Any], usages: Mapping[int, Usage], devices: Sequence[Device]) -> Iterator[Metric]:
    """All metrics of one answer, and of what the workers use; see pipeline.requests.Status."""
    run = str(answer["name"])
    yield _up(run, 1)
    yield from _whole(run, answer)
    yield from _frames(run, answer)
    yield from _stages(run, answer["stages"])
    yield from _workers(run, answer["stages"], usages)
    yield from _devices(devices)


def _up(run: str, value: int) -> Metric:
    up = GaugeMetricFamily("cleanplate_up", "1 where the run has answered, else 0.", labels=("run",))
    up.add_metric((run,), value)
    return up


def _whole(run: str, answer: Mapping[str, Any]) -> Iterator[Metric]:
    phase = GaugeMetricFamily("cleanplate_phase", "1 for the phase that the run is in.", labels=("run", "phase"))
    for one in PHASES:
        phase.add_metric((run, one), one == answer["phase"])
    yield phase
    info = GaugeMetricFamily("cleanplate_run_info", "What runs.", labels=("run", "config", "on_full"))
    info.add_metric((run, str(answer["config"]), str(answer["on_full"])), 1)
    yield info
    yield _gauge("cleanplate_uptime_seconds", "Since the start, loading included.", run, answer["seconds"])
    balanced = "1 while the fates of all frames add up to those accepted."
    yield _gauge("cleanplate_ledger_balanced", balanced, run, int(answer["ledger_balanced"]))
    cost = "Processor time of the supervisor for each frame."
    yield _gauge("cleanplate_control_cpu_seconds_per_frame", cost, run, answer["control_ms_per_frame"] / 1000)
    late = Metric("cleanplate_latency_seconds", "From in to out, of the latest 500 frames.", "summary")
    _quantiles(late, {"run": run}, answer["latency_ms"], 1000)
    yield late
    hop = Metric("cleanplate_hop_seconds", "A grant and its commit, without the work.", "summary")
    _quantiles(hop, {"run": run}, answer["hop_us"], 1_000_000)
    yield hop
    told = answer["slots"]
    slots = GaugeMetricFamily("cleanplate_slots", "Slots of the ring by what is in them.", labels=("run", "state"))
    for state, count in (
        ("free", told["free"]),
        ("taken", told["total"] - told["free"] - told["quarantined"]),
        ("quarantined", told["quarantined"]),
    ):
        slots.add_metric((run, state), count)
    yield slots


def _frames(run: str, answer: Mapping[str, Any]) -> Iterator[Metric]:
    told = answer["frames"]
    accepted = CounterMetricFamily("cleanplate_frames_accepted", "Frames that came in.", labels=("run",))
    accepted.add_metric((run,), told["accepted"])
    yield accepted
    fates = CounterMetricFamily("cleanplate_frames", "Frames by what became of them.", labels=("run", "fate"))
    for fate in ("output", "blanked", "rejected"):
        fates.add_metric((run, fate), told[fate])
    fates.add_metric((run, "dropped"), dropped(answer))
    yield fates
    yield _gauge("cleanplate_frames_under_way", "Frames without a fate yet.", run, told["under_way"])


def _stages(run: str, stages: Mapping[str, Mapping[str, Any]]) -> Iterator[Metric]:
    counters = (
        ("cleanplate_stage_frames", "Frames that a stage has done.", "frames"),
        ("cleanplate_stage_dropped", "Frames that were dropped before a stage.", "dropped"),
        ("cleanplate_stage_missed", "Frames that went out elsewhere and were dropped before a stage.", "missed"),
        ("cleanplate_failures", "Frames over which a stage raised.", "failures"),
        ("cleanplate_restarts", "Workers that died and were started again.", "restarts"),
    )
    for name, about, key in counters:
        counter = CounterMetricFamily(name, about, labels=("run", "stage"))
        for stage, told in stages.items():
            counter.add_metric((run, stage), told[key])
        yield counter
    counted = CounterMetricFamily("cleanplate_counted", "What a stage counts.", labels=("run", "stage", "what"))
    for stage, told in stages.items():
        for what, count in told["counts"].items():
            counted.add_metric((run, stage, what), count)
    if counted.samples:
        yield counted
    for name, about, key in (
        ("cleanplate_queue_frames", "Frames that wait for a stage.", "queue"),
        ("cleanplate_stage_workers", "Workers that a stage should have.", "wanted"),
    ):
        gauge = GaugeMetricFamily(name, about, labels=("run", "stage"))
        for stage, told in stages.items():
            gauge.add_metric((run, stage), told[key])
        yield gauge
    for name, about, key in (
        ("cleanplate_stage_busy_seconds", "Work of a stage on a frame.", "busy"),
        ("cleanplate_stage_wait_seconds", "For which a frame waits for a stage.", "wait"),
    ):
        summary = Metric(name, about, "summary")
        for stage, told in stages.items():
            label = {"run": run, "stage": stage}
            _quantiles(summary, label, told[f"{key}_ms"], 1000)
            summary.add_sample(f"{name}_sum", label, told[f"{key}_s"])
            summary.add_sample(f"{name}_count", label, told["frames"])
        yield summary


def _workers(run: str, stages: Mapping[str, Mapping[str, Any]], usages: Mapping[int, Usage]) -> Iterator[Metric]:
    """Of each worker; counters begin anew with its process. GPU metrics only where a GPU knows the process."""
    labels = ("run", "stage", "worker")
    ready = GaugeMetricFamily("cleanplate_worker_ready", "1 where a worker takes frames.", labels=labels)
    frames = CounterMetricFamily("cleanplate_worker_frames", "Frames that its process has done.", labels=labels)
    cpu = CounterMetricFamily("cleanplate_worker_cpu_seconds", "Processor time of its process.", labels=labels)
    memory = GaugeMetricFamily(
        "cleanplate_worker_memory_bytes", "Its own: without the ring and libraries, which are shared.", labels=labels
    )
    gpu_memory = GaugeMetricFamily("cleanplate_worker_gpu_memory_bytes", "On all devices.", labels=labels)
    gpu_share = GaugeMetricFamily("cleanplate_worker_gpu_ratio", "Share of a device's time.", labels=labels)
    for stage, told in stages.items():
        for worker in told["workers"]:
            label = (run, stage, str(worker["number"]))
            ready.add_metric(label, worker["state"] == "ready")
            frames.add_metric(label, worker["frames"])
            if usage := usages.get(worker["pid"]):
                cpu.add_metric(label, usage.cpu_seconds)
                memory.add_metric(label, usage.memory)
                if usage.gpu_memory is not None:
                    gpu_memory.add_metric(label, usage.gpu_memory)
                if usage.gpu_share is not None:
                    gpu_share.add_metric(label, usage.gpu_share)
    yield from (family for family in (ready, frames, cpu, memory, gpu_memory, gpu_share) if family.samples)


def _devices(devices: Sequence[Device]) -> Iterator[Metric]:
    """Of each GPU, whoever uses it."""
    labels = ("gpu", "name")
    memory = GaugeMetricFamily("cleanplate_gpu_memory_bytes", "In use, by whomever.", labels=labels)
    share = GaugeMetricFamily("cleanplate_gpu_ratio", "Share of the time in which it worked.", labels=labels)
    for one in devices:
        memory.add_metric((str(one.number), one.name), one.memory)
        if one.share is not None:
            share.add_metric((str(one.number), one.name), one.share)
    yield from (family for family in (memory, share) if family.samples)


def _gauge(name: str, about: str, run: str, value: float) -> Metric:
    gauge = GaugeMetricFamily(name, about, labels=("run",))
    gauge.add_metric((run,), value)
    return gauge


def _quantiles(family: Metric, labels: Mapping[str, str], told: Mapping[str, float], divisor: float) -> None:
    """`told` has p50, p95, ... in a unit of which `divisor` make a second."""
    for name, quantile in QUANTILES.items():
        if name in told:
            family.add_sample(family.name, {**labels, "quantile": quantile}, told[name] / divisor)
