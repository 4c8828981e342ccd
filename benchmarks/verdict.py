"""The verdict: what holds a measured pipeline back, how many workers would move that, and to which rate."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from benchmarks.model import Bound, Cost, Pipeline, best_share, cpu_s, next_number, predict, threads
from pipeline.config import Plan

DISTURBED = 0.15  # of the cores taken by others
LOWEST_SHARE = 0.5  # of what the model says, below which it is the model that is wrong


def pipeline_of(plan: Plan, content: Mapping[str, Any], cores: int) -> Pipeline:
    """What the model needs, of a plan and what was measured of it (`alone`, `whole`, and `load` where there is one).

    What a frame takes is taken from where the least held it up: a stage whose worker waits for a core, or is driven to
    the limit beside others, seems slower than it is."""
    whole, calm = content["whole"], _calm(content)
    costs = []
    for built in plan.stages:
        measured = whole["stages"][built.name]
        free = measured["service_ms"]["mean"] - measured["held_up_ms"]
        at_ease = calm["stages"].get(built.name, measured)["service_ms"]["mean"]
        least = min(measured["service_ms"]["mean"], measured["cpu_ms"])  # no time can be below that by waiting less
        costs.append(
            Cost(
                built.name,
                service_s=min(max(free, least / 2), at_ease) / 1000,
                cpu_s=measured["cpu_ms"] / 1000,
                workers=built.config.workers,
                scalable=not built.stage.stateful,
                heavy=built.stage.heavy,
                ahead=plan.credits(built) > 1,
                device=content["alone"]["devices"].get(built.name, ""),
                after=built.after,
                by_threads=_by_threads(content, built.name),
            )
        )
    hop = min(calm.get("hop_us", whole["hop_us"])["p50"], whole["hop_us"]["p50"])
    fixed = plan.slots if plan.config.slots is not None else None
    return Pipeline(tuple(costs), cores, whole["control_ms_per_frame"] / 1000, hop / 1e6, fixed)


def _by_threads(content: Mapping[str, Any], name: str) -> dict[int, tuple[float, float]]:
    found = content.get("by_threads", {}).get(name, {})
    return {int(number): (cost["service_ms"] / 1000, cost["cpu_ms"] / 1000) for number, cost in found.items()}


def _calm(content: Mapping[str, Any]) -> Mapping[str, Any]:
    """The lowest load that held; where there was none, what was measured of the whole."""
    steps = [step for step in (content.get("load") or {}).get("steps", ()) if step["holds"]]
    return min(steps, key=lambda step: step["rate_fps"]) if steps else content["whole"]


class Judge:
    """Asks the model, and corrects it where it was measured: what held the rate then may hold it a little lower."""

    def __init__(self, pipeline: Pipeline, measured_fps: float, others_busy: float = 0.0) -> None:
        """`others_busy`: processors that other programs took meanwhile."""
        self.pipeline = pipeline
        self.others_busy = others_busy
        self.now = predict(pipeline)
        self.measured_fps = measured_fps
        share = measured_fps / self.now.rate if self.now.rate else 1.0
        self._share = share if LOWEST_SHARE <= share <= 1 else 1.0

    def rate(self, workers: Mapping[str, int]) -> Bound:
        """What is to be expected with so many workers, and what will hold it there."""
        found = predict(self.pipeline, workers)
        return replace(found, rate=found.rate * self._share) if found.what == self.now.what else found

    def verdict(self) -> dict[str, Any]:
        """The whole of it, the sentences under `said`."""
        stage = self.now.stage
        share = best_share(self.pipeline)
        number = next_number(self.pipeline, stage) if stage else None
        if share:
            stage, number = share
        then = self.rate({stage: number}) if number else None
        said = [self._what_holds()]
        if share and then:
            said.append(self._what_saves(*share, then))
        else:
            said.append(self._what_moves(number, then) if number and then else self._why_not())
        if self.others_busy > DISTURBED * self.pipeline.cores:
            said.append(f"Other programs took {self.others_busy:.1f} cores meanwhile: measure again when it is quiet.")
        return {
            "limit": self.now.kind,
            "bottleneck": self.now.stage or None,
            "model_fps": _rounded(self.now.rate),
            "measured_fps": _rounded(self.measured_fps),
            "workers": {stage: number} if number else None,
            "then_fps": _rounded(then.rate) if then else None,
            "then_limit": then.kind if then else None,
            "then_bottleneck": then.stage or None if then else None,
            "said": " ".join(said),
        }

    def _cost(self, stage: str) -> Cost:
        return next(cost for cost in self.pipeline.stages if cost.name == stage)

    def _what_holds(self) -> str:
        """The bottleneck by name, and the rate that it allows."""
        what, why = self.now.stage, ""
        match self.now.kind:
            case "stage":
                cost = self._cost(what)
                workers = "one worker" if cost.workers == 1 else f"{cost.workers} workers"
                why = f"{1000 * cost.service_s:.1f} ms a frame with {workers} allow"
            case "cores":
                cpu = sum((cost.cpu_s for cost in self.pipeline.stages), self.pipeline.control_s)
                what, why = (
                    "the processor",
                    f"{1000 * cpu:.1f} ms of CPU a frame on {_cores(self.pipeline.cores)} allow",
                )
            case "slots":
                what, why = "the ring", f"{self.pipeline.slots} slots allow"
            case "control":
                what, why = "the runtime itself", f"{1000 * self.pipeline.control_s:.2f} ms of control a frame allow"
        return f"The bottleneck is {what}: {why} {self.now.rate:.1f} frames/s; measured: {self.measured_fps:.1f}."

    def _what_moves(self, number: int, then: Bound) -> str:
        """With one worker more, and with as many as it takes until something else holds the rate."""
        few = self._cost(self.now.stage).workers + 1
        said = f"{number} workers would move it to {then.rate:.1f} frames/s"
        if few < number:
            said = f"{few} workers would move it to {self.rate({self.now.stage: few}).rate:.1f} frames/s, "
            said += f"{number} to {then.rate:.1f}"
        still = then.what == self.now.what
        return f"{said}, and it would still be the bottleneck." if still else f"{said}; then {self._named(then)}."

    def _what_saves(self, stage: str, number: int, then: Bound) -> str:
        """Where the cores hold the rate, and fewer threads for each worker do the same with less CPU."""
        cost, cores = self._cost(stage), self.pipeline.cores
        each = threads(cost, number, cores)
        less = 1000 * (cpu_s(cost, cost.workers, cores) - cpu_s(cost, number, cores))
        return (
            f"Threads of {stage} wait for each other: {number} workers of it, with {each} "
            f"{'thread' if each == 1 else 'threads'} each, would take {less:.0f} ms less of CPU a frame and bring "
            f"{then.rate:.1f} frames/s."
        )

    def _named(self, bound: Bound) -> str:
        if bound.kind == "stage":
            return f"{bound.stage} would be the bottleneck"
        if bound.kind == "cores":
            return f"{'the core is' if self.pipeline.cores == 1 else 'all cores are'} in use"
        return "the slots would be too few" if bound.kind == "slots" else "the runtime itself would be the bottleneck"

    def _why_not(self) -> str:
        """What to do where more workers are not the way."""
        if self.now.kind == "cores":
            most = max(self.pipeline.stages, key=lambda cost: cost.cpu_s)
            return (
                f"More workers do not help: {_cores(self.pipeline.cores, 'is', 'are')} in use. "
                f"{most.name} takes the most, {1000 * most.cpu_s:.1f} ms."
            )
        if self.now.kind == "slots":
            return "More slots help: leave `slots` out of the configuration, and enough are chosen."
        if self.now.kind == "control":
            return "More workers do not help."
        cost = self._cost(self.now.stage)
        if not cost.scalable:
            return (
                "It can have one worker only: it is the stage itself that has to become quicker, or the frames smaller."
            )
        if cost.device:
            return (
                f"Its workers share one device ({cost.device}), so what more of them bring is not to be predicted: "
                f"measure it with --workers {cost.name}=1..4."
            )
        cpu = Bound(self.pipeline.cores / max(1e-9, sum(c.cpu_s for c in self.pipeline.stages)), "cores")
        others = (
            "the cores have no more to give" if cpu.rate < 1.1 * self.now.rate else "another limit is just behind it"
        )
        return f"More workers would bring next to nothing: {others}."


def _cores(number: int, one: str = "", many: str = "") -> str:
    if number == 1:
        return f"the one core {one}".strip()
    return f"{'all ' if many else ''}{number} cores {many}".strip()


def _rounded(rate: float) -> float:
    return round(rate, 2)
