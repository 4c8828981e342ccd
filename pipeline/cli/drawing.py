"""Pictures of a pipeline as text: the tree of its stages, a Mermaid flowchart, and its configuration in full."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import yaml

from pipeline.config import BuiltStage, Plan
from pipeline.masking import masked


def tree(plan: Plan) -> str:
    """One line a stage: under the one it follows, and beside its siblings where the flow branches."""
    rows = list(_branch(plan, plan.stages[0], "", ""))
    width = max(len(mark) for mark, _ in rows)
    reads = max(len(_planes(built.reads)) for built in plan.stages)
    writes = max(len(_planes(built.stage.writes)) for built in plan.stages)
    doubt = f", fail: {plan.config.fail}, blank: {plan.config.blank}"
    shown = doubt if plan.config.fail == "closed" or plan.config.blank != "slate" else ""
    lines = [f"{plan.config.name}  ({plan.slots} slots, on_full: {plan.on_full}{shown})", ""]
    for mark, built in rows:
        if built is None:
            lines.append(f"  {mark}")
            continue
        flow = f"{_planes(built.reads):<{reads}} -> {_planes(built.stage.writes):<{writes}}"
        lines.append(f"  {mark:<{width}}  {flow}  {built.uses}")
    return "\n".join(lines)


def _branch(plan: Plan, built: BuiltStage, lead: str, mark: str) -> Iterator[tuple[str, BuiltStage | None]]:
    """The rows of a stage and of all that follow it; `lead` stands before each, `mark` before the first."""
    followers = _followers(plan, built)
    yield f"{lead}{mark}● {_title(built)}", built
    lead += {"": "", "├─": "│ ", "└─": "  "}[mark]
    if len(followers) == 1:
        yield f"{lead}│", None
        yield from _branch(plan, followers[0], lead, "")
        return
    for at, follower in enumerate(followers):
        yield from _branch(plan, follower, lead, "└─" if at + 1 == len(followers) else "├─")


def _followers(plan: Plan, built: BuiltStage) -> list[BuiltStage]:
    return [other for other in plan.stages if other.after == built.name]


def _title(built: BuiltStage) -> str:
    return built.name + (f" x{built.config.workers}" if built.config.workers > 1 else "")


def _planes(names: tuple[str, ...]) -> str:
    return ", ".join(names) or "-"


def mermaid(plan: Plan) -> str:
    """A flowchart for Mermaid: an edge carries the planes that somebody behind it reads."""
    ids = {built.name: f"s{number}" for number, built in enumerate(plan.stages)}
    lines = ["---", f"title: {plan.config.name}", "---", "flowchart TD"]
    for built in plan.stages:
        left, right = ("([", "])") if not built.reads or not built.stage.writes else ("[", "]")
        many = f"<br/>{built.config.workers} workers" if built.config.workers > 1 else ""
        lines.append(f'    {ids[built.name]}{left}"<b>{built.name}</b><br/>{built.uses}{many}"{right}')
    for built in plan.stages[1:]:
        label = ", ".join(sorted(passing(plan, built))) or "order only"
        lines.append(f'    {ids[built.after or ""]} -- "{label}" --> {ids[built.name]}')
    return "\n".join(lines)


def passing(plan: Plan, built: BuiltStage) -> set[str]:
    """The planes that a stage, or one behind it, reads of what comes to it."""
    behind = set[str]().union(*(passing(plan, follower) for follower in _followers(plan, built)))
    return set(built.reads) | (behind - set(built.stage.writes))


def effective(plan: Plan, *, hidden: frozenset[str] = frozenset()) -> str:
    """The configuration as it takes effect, every default in it, as YAML that can be loaded; passwords as stars.

    `hidden`: `input` or `output` where none was given; what stands there is what the file says, if anything."""
    content = plan.config.model_dump(mode="json", by_alias=True, exclude={"stages"})
    content |= {"slots": plan.slots, "on_full": plan.on_full}
    content["stages"] = [_stage(built, hidden) for built in plan.stages]
    text: str = yaml.safe_dump(_masked(content), sort_keys=False, allow_unicode=True, width=110)
    return text.rstrip()


def _stage(built: BuiltStage, hidden: frozenset[str]) -> dict[str, Any]:
    content = built.config.model_dump(mode="json", by_alias=True)
    fields = built.stage.model_dump(mode="json")
    own = {name: value for name, value in built.config.options.items() if name in hidden}
    content["with"] = {name: value for name, value in fields.items() if name not in hidden} | own
    return content | {"after": built.after, "on_error": built.on_error}


def _masked(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _masked(one) for key, one in value.items()}
    if isinstance(value, list):
        return [_masked(one) for one in value]
    return masked(value) if isinstance(value, str) else value
