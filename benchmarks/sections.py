"""The result of `cleanplate bench CONFIG` as Markdown: for the terminal, and for `docs/performance.md`."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

Content = Mapping[str, Any]


def pipeline(content: Content) -> Iterator[str]:
    """The verdict first, then what it stands on."""
    yield f"## `{content['config']}`: what it does here, and what holds it\n"
    clip = f" on {content['clip']}" if content["clip"] else ""
    yield f"`cleanplate bench {content['target']}`{clip}, {content['alone']['size']}.\n"
    yield from _stand_ins(content)
    yield f"**{content['verdict']['said']}**\n"
    yield from _stages(content)
    yield from _whole(content)
    if content.get("load"):
        yield from _load(content["load"])
    if content.get("sweep"):
        yield from _sweep(content["sweep"])
    elif content.get("prediction"):
        yield from _prediction(content["prediction"])
    yield from _models(content)


def _stand_ins(content: Content) -> Iterator[str]:
    if content["stand_ins"]:
        yield "**STAND-INS, NOT MODELS.** These figures tell about the runtime and the other stages, not about:\n"
        for name, times in content["stand_ins"].items():
            cpu = f", {times['cpu_ms']:g} of CPU" if times["cpu_ms"] else ""
            yield f"- {name}: takes {times['service_ms']:g} ms a frame{cpu} ({times['from']})"
        yield ""


def _stages(content: Content) -> Iterator[str]:
    rows = []
    for name, stage in content["whole"]["stages"].items():
        service, wait, queue = stage["service_ms"], stage["wait_ms"], stage["queue"]
        alone = content["alone"]["stages"][name]["p50_ms"]
        times = [f"{value:.1f}" for value in (alone, *(service[key] for key in ("p50", "p95", "p99")))]
        waits = (
            ["", "", ""] if wait["p99"] == 0 else [f"{wait['p50']:.1f}", f"{wait['p99']:.1f}", f"{queue['mean']:.1f}"]
        )
        several = f" x{stage['workers']}" if stage["workers"] > 1 else ""
        rows.append([name + several, *times, *waits, f"{stage['cpu_ms']:.1f}"])
    heads = ["stage", "alone", "p50", "p95", "p99", "wait p50", "wait p99", "queue", "CPU"]
    yield from table(heads, rows)
    yield (
        "\nMilliseconds a frame: by itself in one process (*alone*), beside all others (*p50* to *p99*), waiting for a "
        "worker, and of CPU in all its threads. *queue*: frames that wait for it, on the average.\n"
    )


def _whole(content: Content) -> Iterator[str]:
    whole = content["whole"]
    rounds, latency, hop = whole["fps_of_rounds"], whole["latency_ms"], whole["hop_us"]
    several = f"median of {len(rounds)} runs, {min(rounds):.1f} to {max(rounds):.1f}; " if len(rounds) > 1 else ""
    yield (
        f"The whole: **{whole['fps']:.1f} frames/s** ({several}{whole['frames']} frames), {latency['p50']:.0f} ms "
        f"from in to out (p99 {latency['p99']:.0f}). "
        f"Handing a frame to a worker and hearing of it takes {hop['p50']:.0f} µs (p99 {hop['p99']:.0f}), without a "
        f"copy; to copy it once would take {content['copy_us']:.0f} µs. Control: {whole['control_ms_per_frame']:.2f} "
        "ms of CPU a frame.\n"
    )


def _load(load: Content) -> Iterator[str]:
    rows = [
        [
            f"{step['rate_fps']:.1f}",
            f"{step['output_fps']:.1f}",
            str(sum(step["dropped"].values())),
            *(f"{step['latency_ms'][key]:.0f}" for key in ("p50", "p95", "p99")),
            "yes" if step["holds"] else f"no: {step['trouble']}",
        ]
        for step in sorted(load["steps"], key=lambda step: step["rate_fps"])
    ]
    held = load["highest_fps"]
    said = f"holds up to **{held:.1f} frames/s**" if held else "holds no rate that was tried"
    yield f"Loaded as by a camera (on_full: {load['on_full']}), it {said}; {load['source']}.\n"
    yield from table(["frames/s in", "out", "dropped", "p50 ms", "p95 ms", "p99 ms", "holds"], rows)
    yield ""


def _sweep(sweep: Content) -> Iterator[str]:
    rows = [
        [
            str(point["workers"]),
            f"{point['rate']:.1f}",
            f"{point['predicted']:.1f}",
            f"{100 * point['error']:+.0f} %",
            point["bottleneck"] or point["limit"],
        ]
        for point in sweep["points"]
    ]
    yield from table([f"workers of {sweep['stage']}", "frames/s", "predicted", "off by", "expected limit"], rows)
    yield ""


def _prediction(prediction: Content) -> Iterator[str]:
    rows = [[str(point["workers"]), f"{point['predicted']:.1f}"] for point in prediction["points"]]
    yield from table([f"workers of {prediction['stage']}", "frames/s predicted"], rows)
    yield f"\n`--workers {prediction['stage']}=1..4` measures them.\n"


def _models(content: Content) -> Iterator[str]:
    if content["alone"]["models"]:
        yield from table(
            ["model", "engine", "precision", "device"],
            [[m["name"], m.get("engine", ""), m["precision"], m["device"]] for m in content["alone"]["models"]],
        )


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> Iterator[str]:
    """A Markdown table: the first column to the left, figures to the right."""
    yield f"| {' | '.join(head)} |"
    yield "|" + "|".join(["---"] + ["--:"] * (len(head) - 1)) + "|"
    for row in rows:
        yield f"| {' | '.join(row)} |"
