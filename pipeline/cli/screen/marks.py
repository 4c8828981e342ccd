"""Numbers, bars and curves in so many characters. Knows no run."""

from __future__ import annotations

from collections.abc import Sequence

from textual.content import Content

FAINT, PLAIN, GOOD, WARN, BAD, MARK = "$foreground 55%", "$foreground", "$success", "$warning", "$error", "$primary"
FILL = "$primary 60%"  # of a curve, which is large
TROUGH = "$foreground 25%"  # the empty part of a bar
UNKNOWN = "-"
_LEVELS = " ▁▂▃▄▅▆▇█"  # a cell filled from below, in eighths


def number(value: float | None) -> str:
    """In at most five characters: `0.42`, `12.3`, `1234`, `56k`."""
    if value is None:
        return UNKNOWN
    if value >= 99_999.5:
        return f"{value / 1000:.0f}k" if value < 9_999_500 else f"{value / 1e6:.0f}M"
    return f"{value:.0f}" if value >= 999.95 else f"{value:.1f}" if value >= 9.995 else f"{value:.2f}"


def size(count: float | None) -> str:
    """Bytes in at most five characters: `812M`, `1.2G`."""
    if count is None:
        return UNKNOWN
    if count < 999.5 * 2**20:
        return f"{count / 2**20:.0f}M"
    return f"{count / 2**30:.1f}G" if count < 99.95 * 2**30 else f"{count / 2**30:.0f}G"


def share(value: float | None) -> str:
    """In percent, at most four characters."""
    return UNKNOWN if value is None else f"{100 * value:.0f}"


def clock(seconds: float) -> str:
    """`0:07`, `12:34`, `1:02:03`."""
    whole = int(seconds)
    hours, minutes = whole // 3600, whole // 60 % 60
    return f"{hours}:{minutes:02}:{whole % 60:02}" if hours else f"{minutes}:{whole % 60:02}"


def cut(text: str, width: int) -> str:
    """The text in so many characters; where it is too long its middle is left out: ends of paths tell most."""
    if len(text) <= width:
        return text
    head = max(0, (width - 1) // 3)
    return text[:head] + "…" + text[len(text) - (width - 1 - head) :] if width > 1 else "…"[:width]


def bar(width: int, *parts: tuple[float, str]) -> Content:
    """A thin bar of so many cells: shares of it (0 to 1) in their colours from the left, the rest empty.

    What is full is thick: it can be told apart without colours. What is not nothing shows at least half a cell."""
    halves = [(max(1, round(amount * width * 2)) if amount > 0 else 0, colour) for amount, colour in parts]
    cells: list[tuple[str, str]] = []
    left = width
    for count, colour in halves:
        whole, half = divmod(count, 2)
        text = ("━" * whole + "╾" * half)[:left]
        left -= len(text)
        cells.append((text, colour))
    return Content.assemble(*[cell for cell in cells if cell[0]], ("─" * left, TROUGH))


def curve(values: Sequence[float], width: int, height: int = 1, top: float = 0.0) -> list[str]:
    """The latest values as a filled curve over zero, in rows from the top; `top` is its least full height."""
    shown = list(values[-width:])
    full = max([top, *shown]) or 1.0
    eighths = [round(value / full * height * 8) or (1 if value > 0 else 0) for value in shown]
    rows = []
    for row in range(height - 1, -1, -1):
        line = "".join(_LEVELS[min(8, max(0, value - 8 * row))] for value in eighths)
        rows.append(line.rjust(width))
    return rows
