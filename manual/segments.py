"""What each segment of a long video looks at, as an SVG drawing: itself, the pre-roll, and what lies before it."""

from __future__ import annotations

import inspect
from collections.abc import Iterator

from pipeline.cli.job import run

SCALE, LEFT, TOP, ROW, HIGH, SEGMENTS = 9, 96, 46, 34, 18, 5  # pixels; of a second, and of rows
OWN, BEFORE, FAR, INK = "#2f6f9f", "#9cc3de", "#5a7d95", "#1c2733"
LEGEND = ((OWN, "done and written"), (BEFORE, "pre-roll: seen"), (FAR, "reach: a picture a second, seen"))


def draw() -> str:
    """The drawing, with the lengths that `job run` has by default."""
    length, preroll, reach = (_seconds(name) for name in ("segment", "preroll", "reach"))
    width, height = LEFT + SEGMENTS * length * SCALE + 14, TOP + SEGMENTS * ROW + 34
    lines = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}" height="{height}"'
        ' font-family="system-ui, sans-serif" font-size="12" role="img" aria-label="Segments of a long video">',
        '<rect width="100%" height="100%" rx="8" fill="#ffffff"/>',
        *_legend(),
    ]
    for number in range(SEGMENTS):
        lines += _segment(number, length, preroll, reach)
    for second in range(0, SEGMENTS * length + 1, length):
        x, y = LEFT + second * SCALE, TOP + SEGMENTS * ROW + 16
        lines.append(f'<text x="{x}" y="{y}" text-anchor="middle" fill="{INK}">{second} s</text>')
    return "\n".join([*lines, "</svg>"]) + "\n"


def _seconds(option: str) -> int:
    """The default of an option of `job run`."""
    return int(inspect.signature(run).parameters[option].default.removesuffix("s"))


def _legend() -> Iterator[str]:
    for place, (colour, words) in enumerate(LEGEND):
        x = LEFT + place * 190
        yield f'<rect x="{x}" y="14" width="14" height="14" fill="{colour}"/>'
        yield f'<text x="{x + 20}" y="25" fill="{INK}">{words}</text>'


def _segment(number: int, length: int, preroll: int, reach: int) -> Iterator[str]:
    """One row: what it looks at, in the order in which it does so."""
    y, begin = TOP + number * ROW, number * length
    yield f'<text x="{LEFT - 12}" y="{y + 13}" text-anchor="end" fill="{INK}">segment {number}</text>'
    for second in range(max(0, begin - reach), max(0, begin - preroll)):
        yield f'<rect x="{LEFT + second * SCALE}" y="{y}" width="2" height="{HIGH}" fill="{FAR}"/>'
    before = min(preroll, begin)
    for start, seconds, colour in ((begin - before, before, BEFORE), (begin, length, OWN)):
        if seconds:
            x, wide = LEFT + start * SCALE, seconds * SCALE
            yield f'<rect x="{x}" y="{y}" width="{wide}" height="{HIGH}" fill="{colour}"/>'
