"""The page of the shipped configurations: what the comment at the top of each says, and the row of its stages."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from pipeline.config import Plan, load_config
from pipeline.reading import shipped

HEAD = """# The shipped configurations

<!-- Written by `python -m manual` from configs/*.yaml; change it there. -->

`cleanplate run NAME` takes each by its name, `cleanplate check NAME` draws it, and `cleanplate init NAME` writes it out
with every key that there is. What stands at the top of each file:
"""
MODELINE = "# yaml-language-server"


def page() -> str:
    lines = [HEAD]
    for name, path in sorted(shipped().items()):
        lines += [f"## {name}\n", "```text", *_comment(path), "```\n", f"{_flow(name)}\n"]
    return "\n".join(lines)


def _comment(path: Path) -> Iterator[str]:
    """The lines of the comment before the first key, without the one for editors."""
    for line in path.read_text().splitlines():
        if not line.startswith("#"):
            return
        if not line.startswith(MODELINE):
            yield line[2:].rstrip()


def _flow(name: str) -> str:
    """Its stages in order; where it branches, the branches by their beginnings."""
    plan = load_config(name, given="in.mp4", wanted="out.mp4", environment={})
    parts: list[str] = []
    for before, built in zip((None, *plan.stages), plan.stages, strict=False):
        if before is None or built.after == before.name:
            parts.append(f"{' → ' if parts else ''}`{built.name}`")
        else:
            parts.append(f"; from `{built.after}`: `{built.name}`")
    return "".join(parts) + _promise(plan)


def _promise(plan: Plan) -> str:
    return " *(fail: closed)*" if plan.config.fail == "closed" else ""
