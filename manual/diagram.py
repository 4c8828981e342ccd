"""The flow of a pipeline as an SVG drawing: a box for each stage, at each arrow the planes that pass; from the plan."""

from __future__ import annotations

from collections.abc import Iterator
from html import escape

from pipeline.cli.drawing import passing
from pipeline.config import BuiltStage, Plan, load_config

WIDE, HIGH, GAP, MARGIN = 250, 52, 46, 14  # of a box, and between boxes; pixels
HEAD = """<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}" height="{height}"
 font-family="system-ui, sans-serif" font-size="13" role="img" aria-label="The stages of {name}">
<rect width="100%" height="100%" rx="8" fill="#ffffff"/>
<defs><marker id="tip" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="7" markerHeight="7" orient="auto">
<path d="M0 0L8 4L0 8z" fill="#4a5a6a"/></marker></defs>
"""


def draw(config: str) -> str:
    """The drawing of a shipped configuration. Raises ConfigError."""
    plan = load_config(config, given="in.mp4", wanted="out.mp4", environment={})
    places = {built.name: place for built, place in _placed(plan, plan.stages[0], 0, 0)}
    width = 2 * MARGIN + (max(column for column, _ in places.values()) + 1) * (WIDE + GAP) - GAP
    height = 2 * MARGIN + (max(row for _, row in places.values()) + 1) * (HIGH + GAP) - GAP
    lines = [HEAD.format(width=width, height=height, name=escape(plan.config.name)).rstrip()]
    for built in plan.stages:
        lines += _box(built, *_corner(places[built.name]))
        if built.after is not None:
            lines += _arrow(plan, built, _corner(places[built.after]), _corner(places[built.name]))
    return "\n".join([*lines, "</svg>"]) + "\n"


def _placed(plan: Plan, built: BuiltStage, column: int, row: int) -> Iterator[tuple[BuiltStage, tuple[int, int]]]:
    """Every stage behind this one with its column and row: the first that follows stands below it, others beside."""
    yield built, (column, row)
    for other in (other for other in plan.stages if other.after == built.name):
        below = list(_placed(plan, other, column, row + 1))
        yield from below
        column = max(column for _, (column, _) in below) + 1


def _corner(place: tuple[int, int]) -> tuple[int, int]:
    column, row = place
    return MARGIN + column * (WIDE + GAP), MARGIN + row * (HIGH + GAP)


def _box(built: BuiltStage, x: int, y: int) -> Iterator[str]:
    end = not built.reads or not built.stage.writes
    colour, radius = ("#e3eef7", HIGH // 2) if end else ("#f4f6f8", 6)
    many = f" x {built.config.workers}" if built.config.workers > 1 else ""
    middle = x + WIDE // 2
    yield f'<rect x="{x}" y="{y}" width="{WIDE}" height="{HIGH}" rx="{radius}" fill="{colour}" stroke="#4a5a6a"/>'
    yield _text(middle, y + 22, built.name + many, 'text-anchor="middle" font-weight="600"')
    yield _text(middle, y + 40, built.config.uses, 'text-anchor="middle" font-size="11"')


def _text(x: int, y: int, words: str, how: str) -> str:
    return f'<text x="{x}" y="{y}" fill="#1c2733" {how}>{escape(words)}</text>'


def _arrow(plan: Plan, built: BuiltStage, before: tuple[int, int], here: tuple[int, int]) -> Iterator[str]:
    """From the stage that it follows, with what passes there; round a corner where it stands in another column."""
    x0, y0 = before[0] + WIDE // 2, before[1] + HIGH
    x1, y1 = here[0] + WIDE // 2, here[1]
    turn = y0 + 14
    path = f"M{x0} {y0}V{y1 - 2}" if x0 == x1 else f"M{x0} {turn}H{x1}V{y1 - 2}"
    yield f'<path d="{path}" fill="none" stroke="#4a5a6a" marker-end="url(#tip)"/>'
    yield _text(x1 + 10, y1 - 14, ", ".join(sorted(passing(plan, built))) or "order only", 'font-size="11"')
